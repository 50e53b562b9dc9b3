"""The engine that carries the gradient of an output down to the tokens, where every alternate's change is known."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.linear import Linearised, Objective
from enformer_vep.effects.precision import arithmetic
from enformer_vep.models.enformer.delta.attention_change import BlockTrace
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.delta.propagation import trace_block
from enformer_vep.models.enformer.delta.pullback import pull_block

CHANGES_AT_ONCE = 16
"""Alternates; of the full-size model their changes take 150 MB."""


class AdjointEngine(DeltaEngine):
    """As `DeltaEngine`, and to first order above the convolutions.

    The change of the tokens is exact: convolutions are nonlinear, but a local edit changes a few tokens only. What it
    changes in an output is then the scalar product with the output's gradient with respect to the tokens, which takes
    one backward pass per output and window, however many alternates there are. It ranks effects; it does not replace
    them (docs/performance.md has the measured agreement).
    """

    def linearise(self, batch: EffectBatch, objectives: Sequence[Objective]) -> list[Linearised]:
        """Linearise outputs of each reference window around it.

        Args:
            batch: Windows, on the engine's device.
            objectives: For each reference window, what is wanted of its prediction [bins, tracks].

        Returns:
            For each reference window, the outputs [outputs] and their changes [its alternates, outputs].
        """
        return [self._linearise(part, objective) for part, objective in zip(batch.split(1), objectives, strict=True)]

    def _linearise(self, batch: EffectBatch, objective: Objective) -> Linearised:
        with arithmetic(self._precision, self._head.device):
            if batch.sites is None:
                tokens, change = self._convolve(batch)
                values, gradients = self._gradients(tokens, objective)
                return Linearised(values, _products(change, gradients))
            tokens = self._site_tokens(batch.sites)
            values, gradients = self._gradients(tokens, objective)
            # Changes a few at a time: those of one alternate take as much memory as the window's tokens.
            parts = [
                batch.select(slice(first, first + CHANGES_AT_ONCE)) for first in range(0, len(batch), CHANGES_AT_ONCE)
            ]
            changes = (self._site_changes(part, part.sites, tokens) for part in parts if part.sites is not None)
            return Linearised(values, torch.cat([_products(change, gradients) for change in changes]))

    def _gradients(self, tokens: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """Outputs [outputs], and their gradients with respect to the tokens [1, T, C] of a window: [outputs, T, C]."""
        traces, kept = list[BlockTrace](), self._network.kept_tokens(self._bins)
        blocks, x = self._network.transformer_blocks, tokens
        for block in blocks:
            traces.append(trace_block(block, x, kept if block is blocks[-1] else None))
            x = traces[-1].output
        values, gradients = self._top(x if blocks else x[:, kept], objective)
        if not blocks:
            everywhere = gradients.new_zeros(len(gradients), *tokens.shape[1:])
            everywhere[:, kept] = gradients
            return values, everywhere
        for block in reversed(blocks):
            # A gradient at a time: memory holds the maps of one beside the traces, which go as they are used.
            trace = traces.pop()
            gradients = torch.cat([pull_block(block, trace, one) for one in gradients[:, None]])
        return values, gradients

    def _top(self, x: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """Outputs [outputs], and their gradients with respect to the input of the final block [outputs, bins, C]."""
        # Nothing that inference mode has made can take part in a gradient: the input is copied out of it.
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone().requires_grad_()
            logits = F.linear(self._network.finish(x), self._head.weight, self._head.bias)
            values = objective(self._network.activate(logits)[0])
            return values.detach(), _differentiate(values, x)


def _products(change: Tensor, gradients: Tensor) -> Tensor:
    """Scalar products of changes [B, T, C] with gradients [outputs, T, C]: [B, outputs]."""
    return change.flatten(1) @ gradients.flatten(1).t()


def _differentiate(values: Tensor, x: Tensor) -> Tensor:
    """Of n values, functions of `x` [1, ...], with respect to it: [n, ...]."""
    last = len(values) - 1
    return torch.cat([torch.autograd.grad(one, x, retain_graph=number < last)[0] for number, one in enumerate(values)])
