"""Insertions and deletions scored so that neither flank is compared with a shifted copy of itself.

The alternate is predicted twice. Either both keep their flanks in place (`genome.compensation`), and their effects
are averaged. Or they are stitched: in one the left edge is kept, where everything left of the variant is in place,
in the other the right edge, where everything right of it is. Of the first come all bins up to and including the
one with the last REF base, of the second the bins after it. So an indel in sequence that does nothing changes
nothing but the bins that REF touches. Source of the idea: baskerville's stitched indels (Calico).
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
        left: int64 [V], for each variant the alternate whose left edge was kept, or the first of two.
        right: int64 [V], the one whose right edge was kept, or the second; the same one where there is one.
        seam: int64 [V], the last bin that is taken from the left one; may lie outside the bins.
        averaged: bool [V], whether both count alike in every bin, and there is no seam.
    """

    left: Tensor
    right: Tensor
    seam: Tensor
    averaged: Tensor

    def to(self, device: torch.device) -> "Stitches":
        """The same on another device, which is not waited for."""
        return Stitches(*(send(one, device) for one in (self.left, self.right, self.seam, self.averaged)))


def plan_stitches(alternates: Sequence[int], seams: Sequence[int | None]) -> Stitches:
    """Number, on the CPU, the alternates of variants that have one, or two (left, right) one after the other.

    Args:
        alternates: For each variant, how many alternates it has.
        seams: For each variant, the bin of the last REF base; None where alternates are averaged.
    """
    counts = torch.tensor(alternates)
    ends = counts.cumsum(0)
    averaged = torch.tensor([seam is None for seam in seams])
    return Stitches(ends - counts, ends - 1, torch.tensor([seam or 0 for seam in seams]), averaged)


def stitch(effect: Effect, stitches: Stitches) -> Effect:
    """Put effects of single alternates [alternates, N, T] together to those of variants [V, N, T], on one device."""
    bins = torch.arange(effect.delta.shape[1], device=effect.delta.device)
    from_left = bins <= stitches.seam[:, None]
    first, second = effect.delta[stitches.left], effect.delta[stitches.right]
    stitched = torch.where(from_left[:, :, None], first, second)
    averaged = stitches.averaged[:, None, None]
    return Effect(effect.reference[stitches.left], torch.where(averaged, (first + second) / 2, stitched))
