"""The engine that carries the gradient of an output down to the tokens, where every alternate's change is known."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.linear import Linearised, Objective, pull
from enformer_vep.effects.precision import arithmetic
from enformer_vep.models.enformer.delta.engine import DeltaEngine


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
            tokens, change = self._convolve(batch)
            inputs = self._trace(tokens)
            # Nothing that inference mode has made can take part in a gradient: every input is copied out of it.
            with torch.inference_mode(False), torch.enable_grad():
                values, gradients = self._top(inputs[-1], objective)
                for number in reversed(range(len(inputs) - 1)):
                    gradients = self._through_block(number, inputs[number], gradients)
            if not self._network.transformer_blocks:
                kept = self._network.kept_tokens(self._bins)
                change = change[:, kept]
            return Linearised(values, change.flatten(1) @ gradients.flatten(1).t())

    def _trace(self, tokens: Tensor) -> list[Tensor]:
        """Inputs of all transformer blocks [1, T, C], then of the final block [1, bins, C]."""
        blocks, kept = self._network.transformer_blocks, self._network.kept_tokens(self._bins)
        inputs = [tokens]
        for number, block in enumerate(blocks):
            inputs.append(block(inputs[-1], kept if number == len(blocks) - 1 else None))
        return inputs if blocks else [tokens[:, kept]]

    def _top(self, x: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """Outputs [outputs], and their gradients with respect to the input of the final block [outputs, bins, C]."""
        x = x.clone().requires_grad_()
        logits = F.linear(self._network.finish(x), self._head.weight, self._head.bias)
        values = objective(self._network.activate(logits)[0])
        return values.detach(), pull(values, x, torch.eye(len(values)).to(values))[:, 0]

    def _through_block(self, number: int, x: Tensor, gradients: Tensor) -> Tensor:
        """Gradients [outputs, Q, C] at a transformer block's output, carried to its input: [outputs, T, C].

        Blocks are run again one at a time, so that memory holds the intermediate values of one.
        """
        blocks = self._network.transformer_blocks
        last = number == len(blocks) - 1
        x = x.clone().requires_grad_()
        output = blocks[number](x, self._network.kept_tokens(self._bins) if last else None)
        return pull(output[0], x, gradients)[:, 0]
