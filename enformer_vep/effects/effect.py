"""What every effect engine takes and gives."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from enformer_vep.effects.sites import Sites
from enformer_vep.genome.windows import AllelePair


@dataclass(frozen=True, slots=True)
class EffectBatch:
    """Windows of one batch of variants, each distinct reference window once.

    Attributes:
        reference: uint8 [G, L], base codes of the distinct reference windows.
        alternate: uint8 [B, L], base codes of the alternate windows.
        owner: int64 [B], the row of `reference` that each alternate belongs to; ascending.
        sites: Where the windows lie on a grid of their contigs; None where that is of no use.
    """

    reference: Tensor
    alternate: Tensor
    owner: Tensor
    sites: Sites | None = None

    def __len__(self) -> int:
        """Number of alternates."""
        return self.alternate.shape[0]

    def to(self, device: torch.device) -> "EffectBatch":
        """The same batch on another device; a GPU copies while the CPU goes on with its work."""
        reference, alternate, owner = (send(codes, device) for codes in (self.reference, self.alternate, self.owner))
        return EffectBatch(reference, alternate, owner, self.sites)

    def reverse_complement(self) -> "EffectBatch":
        """The same windows read on the other strand, each with its allele in place."""
        sites = self.sites and self.sites.reverse_complement()
        return EffectBatch(reverse_complement(self.reference), reverse_complement(self.alternate), self.owner, sites)

    def split(self, references: int) -> Iterator["EffectBatch"]:
        """Batches of at most so many reference windows each, in order, every alternate with its own."""
        if len(self.reference) <= references:
            yield self  # Without asking the device.
            return
        first_rows = torch.searchsorted(
            self.owner, torch.arange(0, len(self.reference), references, device=self.owner.device)
        )
        for start, end in itertools.pairwise([*first_rows.tolist(), len(self)]):
            if end > start:
                yield self.select(slice(start, end))

    def halves(self) -> tuple["EffectBatch", "EffectBatch"]:
        """Two batches of half the alternates, in order."""
        middle = (len(self) + 1) // 2
        return self.select(slice(0, middle)), self.select(slice(middle, None))

    def select(self, rows: slice | Tensor) -> "EffectBatch":
        """The alternates of some rows (ascending), with their references."""
        kept, owner = torch.unique(self.owner[rows], return_inverse=True)
        sites = self.sites
        if sites is not None:
            sites = sites.select(range(len(self))[rows] if isinstance(rows, slice) else rows.tolist())
        return EffectBatch(self.reference[kept], self.alternate[rows], owner, sites)


@dataclass(frozen=True, slots=True)
class Effect:
    """The canonical result: a reference prediction and what the alternate allele changes.

    Attributes:
        reference: float [B, N, T], reference prediction of N bins and T tracks.
        delta: float [B, N, T], alternate minus reference prediction.
    """

    reference: Tensor
    delta: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> "Effect":
        """The same linear function of both."""
        return Effect(function(self.reference), function(self.delta))

    def plus(self, other: "Effect") -> "Effect":
        """The sum with an effect of the same variants."""
        return Effect(self.reference + other.reference, self.delta + other.delta)

    @classmethod
    def joined(cls, effects: Sequence["Effect"]) -> "Effect":
        """Effects of consecutive variants in one."""
        return cls(torch.cat([one.reference for one in effects]), torch.cat([one.delta for one in effects]))


@dataclass(frozen=True, slots=True)
class Portions:
    """How much an engine computes at a time; bounds memory, and changes numbers by rounding at most.

    With one at a time (what a CPU does) an alternate's numbers do not depend on its neighbours at all.

    Attributes:
        references: Whole windows in the convolutions.
        alternates: Alternates in the transformer.
    """

    references: int = 1
    alternates: int = 1


class EffectEngine(Protocol):
    """Turns windows into effects, for one strand and one shift at a time."""

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict a batch that lies on the engine's device; bins are in the order of the windows given."""
        ...

    def predict_windows(self, codes: Tensor) -> Tensor:
        """Predict windows alone: uint8 [W, L] on the engine's device to [W, bins, tracks]."""
        ...


def make_batch(pairs: Sequence[AllelePair], sites: Sites | None = None) -> EffectBatch:
    """Stack windows of one length, at least one, on the CPU, keeping each distinct reference window once.

    Neighbours only are compared: alleles of one record, or of one shared window, follow each other.

    Args:
        pairs: One per alternate.
        sites: Where their windows lie; None where windows are told apart by what is in them.
    """
    owner = _same_reference(pairs) if sites is None else sites.owner
    firsts = [owner.index(number) for number in range(owner[-1] + 1)]
    return EffectBatch(
        torch.from_numpy(np.stack([pairs[first].reference for first in firsts])),
        torch.from_numpy(np.stack([pair.alternate for pair in pairs])),
        torch.tensor(owner),
        sites,
    )


def _same_reference(pairs: Sequence[AllelePair]) -> list[int]:
    owner: list[int] = []
    for number, pair in enumerate(pairs):
        is_new = number == 0 or not np.array_equal(pairs[number - 1].reference, pair.reference)
        owner.append(owner[-1] + int(is_new) if owner else 0)
    return owner


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on another device, which is not waited for: only from pinned memory does a GPU copy by itself."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def reverse_complement(codes: Tensor) -> Tensor:
    """Base codes uint8 [..., L] of the other strand."""
    flipped = codes.flip(-1)
    return torch.where(flipped < 4, 3 - flipped, flipped)
