"""Effects to first order: the gradient of an output is carried down to the tokens, where every change is known."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.engine import AnyNetwork
from enformer_vep.effects.linear import Linearised, Objective, pull
from enformer_vep.effects.network import Segment
from enformer_vep.effects.precision import arithmetic
from enformer_vep.effects.tower import TowerEngine

CHANGES_AT_ONCE = 16
"""Alternates; of a full-size Enformer their changes take 150 MB."""


class Linearising(TowerEngine[AnyNetwork]):
    """What an engine has that also works to first order above the tower.

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
            firsts = range(0, len(batch), CHANGES_AT_ONCE)
            parts = (batch.select(slice(first, first + CHANGES_AT_ONCE)) for first in firsts)
            changes = (self._site_changes(part, part.sites, tokens) for part in parts if part.sites is not None)
            return Linearised(values, torch.cat([_products(change, gradients) for change in changes]))

    def _gradients(self, tokens: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """Outputs [outputs], and their gradients with respect to the tokens [1, T, C] of a window: [outputs, T, C]."""
        *below, top = self._segments_above()
        inputs = [tokens]
        for segment in below:
            inputs.append(segment(inputs[-1]))
        values, gradients = self._top(top, inputs.pop(), objective)
        for segment in reversed(below):
            gradients = _through(segment, inputs.pop(), gradients)
        return values, gradients

    def _top(self, segment: Segment, x: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """Outputs [outputs], and their gradients with respect to the last segment's input, [outputs, ...]."""
        # Nothing that inference mode has made can take part in a gradient: the input is copied out of it.
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone().requires_grad_()
            logits = F.linear(segment(x), self._head.weight, self._head.bias)
            values = objective(self._network.activate(logits)[0])
            return values.detach(), pull(values, x, torch.eye(len(values)).to(values))[:, 0]


def _through(segment: Segment, x: Tensor, gradients: Tensor) -> Tensor:
    """Carry gradients [outputs, ...] at a segment's output to its input.

    Segments are run again one at a time, so that memory holds the intermediate values of one.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x = x.clone().requires_grad_()
        return pull(segment(x)[0], x, gradients.clone())[:, 0]


def _products(change: Tensor, gradients: Tensor) -> Tensor:
    """Scalar products of changes [B, T, C] with gradients [outputs, T, C]: [B, outputs]."""
    return change.flatten(1) @ gradients.flatten(1).t()
