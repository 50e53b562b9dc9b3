"""Effects to first order: one backward pass per output of a window serves every alternate in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch

Objective = Callable[[Tensor], Tensor]
"""Differentiable function of one window's prediction [bins, tracks], giving [outputs]."""


@dataclass(frozen=True, slots=True)
class Linearised:
    """Outputs of one reference window, and what its alternates change in them to first order.

    Attributes:
        values: [outputs], of the reference.
        changes: [B, outputs], of the alternates that belong to the window.
    """

    values: Tensor
    changes: Tensor

    def plus(self, other: "Linearised") -> "Linearised":
        """The sum with the same outputs in another view."""
        return Linearised(self.values + other.values, self.changes + other.changes)

    def over(self, views: int) -> "Linearised":
        """The mean, when this is the sum over so many views."""
        return Linearised(self.values / views, self.changes / views)


class LinearEngine(Protocol):
    """An engine that can also work to first order."""

    def linearise(self, batch: EffectBatch, objectives: Sequence[Objective]) -> list[Linearised]:
        """Linearise outputs of each reference window around it.

        Args:
            batch: Windows on the engine's device; alternates with changes that are local.
            objectives: One for each reference window.

        Returns:
            One for each reference window.
        """
        ...


def pull(output: Tensor, x: Tensor, gradients: Tensor) -> Tensor:
    """Carry gradients from what a function gives to what it takes (vector-Jacobian products).

    Args:
        output: Computed of `x`.
        x: What it was computed of; requires a gradient.
        gradients: [n, ...], n gradients with respect to `output`.

    Returns:
        [n, ...], the same with respect to `x`.
    """
    last = len(gradients) - 1
    return torch.stack(
        [torch.autograd.grad(output, x, one, retain_graph=number < last)[0] for number, one in enumerate(gradients)]
    )
