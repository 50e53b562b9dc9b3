"""Insertions and deletions scored so that neither flank is compared with a shifted copy of itself.

The alternate is predicted twice: with its left edge kept, where everything left of the variant is in place,
and with its right edge kept, where everything right of it is. Of the first come all bins up to and including
the one with the last REF base, of the second the bins after it. So an indel in sequence that does nothing
changes nothing but the bins that REF touches. Source of the idea: baskerville's stitched indels (Calico).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect, send


@dataclass(frozen=True, slots=True)
class Stitches:
    """How predictions of single alternates go together.

    Attributes:
        left: int64 [V], for each variant the alternate whose left edge was kept.
        right: int64 [V], the one whose right edge was kept; the same one where nothing moves.
        seam: int64 [V], the last bin that is taken from the left one; may lie outside the bins.
    """

    left: Tensor
    right: Tensor
    seam: Tensor

    def to(self, device: torch.device) -> "Stitches":
        """The same on another device, which is not waited for."""
        return Stitches(*(send(one, device) for one in (self.left, self.right, self.seam)))


def plan_stitches(alternates: Sequence[int], seams: Sequence[int]) -> Stitches:
    """Number, on the CPU, the alternates of variants that have one, or two (left, right) one after the other.

    Args:
        alternates: For each variant, how many alternates it has.
        seams: For each variant, the bin of the last REF base.
    """
    counts = torch.tensor(alternates)
    ends = counts.cumsum(0)
    return Stitches(ends - counts, ends - 1, torch.tensor(seams))


def stitch(effect: Effect, stitches: Stitches) -> Effect:
    """Put effects of single alternates [alternates, N, T] together to those of variants [V, N, T]."""
    device = effect.delta.device
    left, right = stitches.left.to(device), stitches.right.to(device)
    bins = torch.arange(effect.delta.shape[1], device=device)
    from_left = bins <= stitches.seam.to(device)[:, None]
    delta = torch.where(from_left[:, :, None], effect.delta[left], effect.delta[right])
    return Effect(effect.reference[left], delta)
