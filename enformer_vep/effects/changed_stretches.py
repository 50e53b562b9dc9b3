"""A change that covers a few neighbouring positions, and what stages of convolution make of it.

A substitution changes a few neighbouring positions; each convolution widens that stretch by its reach and each
pooling halves it, so of a window's tokens at most a dozen change. Reference activations are cut from the full
reference pass. Shapes: G reference windows, B alternates, C channels, P positions, n positions of the stretch.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from enformer_vep.effects.products import Products


@dataclass(frozen=True, slots=True)
class Stretch:
    """What changes, and where.

    Attributes:
        owner: int64 [B], reference window of each alternate.
        start: int64 [B], first position of the stretch; may be negative, positions outside the window are zero.
        change: [B, C, n], alternate minus reference there.
    """

    owner: Tensor
    start: Tensor
    change: Tensor

    @property
    def end(self) -> Tensor:
        """int64 [B], one past the last position."""
        return self.start + self.change.shape[2]


class Stage(Protocol):
    """A stage of a network's front: convolution, and pooling of pairs that begin at even positions."""

    def convolve(self, x: Tensor) -> Tensor:
        """The reference: [G, C_in, P] to [G, C_out, P / 2]."""
        ...

    def propagate(self, x: Tensor, stretch: Stretch, products: Products) -> Stretch:
        """Carry a change through the stage.

        Args:
            x: [G, C_in, P], the stage's reference input.
            stretch: Change of that input.
            products: Arithmetic of the change.

        Returns:
            Change of the stage's output, at half the positions.
        """
        ...


@dataclass(frozen=True, slots=True)
class Framed:
    """Reference values, their change, and which positions lie inside the window: [B, C, m], [B, C, m], [B, 1, m]."""

    values: Tensor
    change: Tensor
    inside: Tensor


def reached_pairs(stretch: Stretch, reach: int) -> tuple[Tensor, int]:
    """Outputs of a convolution that a stretch can change, rounded outwards to pairs: a pool needs both of each.

    Returns:
        First position, int64 [B], and the number of positions, both even.
    """
    start = torch.div(stretch.start - reach, 2, rounding_mode="floor") * 2
    return start, (stretch.change.shape[2] + 2 * reach + 2) // 2 * 2


def frame(x: Tensor, stretch: Stretch, start: Tensor, length: int) -> Framed:
    """Cut reference values at `start` and lay the change over them; zero outside the window ('same' padding).

    Args:
        x: [G, C, P].
        stretch: Change of `x`.
        start: int64 [B].
        length: Positions m of the result.
    """
    steps = torch.arange(length, device=x.device)
    positions = start[:, None] + steps
    inside = ((positions >= 0) & (positions < x.shape[2]))[:, None]
    channels = torch.arange(x.shape[1], device=x.device)
    clamped = positions.clamp(0, x.shape[2] - 1)
    values = x[stretch.owner[:, None, None], channels[None, :, None], clamped[:, None]]
    within = steps - (stretch.start - start)[:, None]
    covered = ((within >= 0) & (within < stretch.change.shape[2]))[:, None] & inside
    index = within.clamp(0, stretch.change.shape[2] - 1)[:, None].expand(-1, x.shape[1], -1)
    change = torch.where(covered, stretch.change.gather(2, index), 0)
    return Framed(torch.where(inside, values, 0).to(change.dtype), change, inside)
