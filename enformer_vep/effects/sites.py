"""Where the windows of a batch lie on their contigs, and what is edited in them: known without asking the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from enformer_vep.genome.encoding import Codes, reverse_complement
from enformer_vep.genome.windows import AllelePair


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window lies.

    Attributes:
        contig: As the genome names it.
        start: First position on the contig, 0-based; negative when the window begins before it.
        is_reverse: The window is read on the other strand, where positions count backwards: base p of the contig is
            at -1 - p, and `start` is of the window there.
    """

    contig: str
    start: int
    is_reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sites:
    """Where a batch lies, on the CPU.

    Attributes:
        places: Of each reference window.
        codes: uint8 [G, beside + L + beside], base codes of each reference window and of what lies beside it.
        beside: Bases to either side.
        owner: For each alternate, its reference window.
        edits: For each alternate, the window indices [start, end) outside of which it is the reference.
    """

    places: tuple[Place, ...]
    codes: Codes
    beside: int
    owner: tuple[int, ...]
    edits: tuple[tuple[int, int], ...]

    @property
    def window(self) -> int:
        """Window length L in bp."""
        return int(self.codes.shape[1]) - 2 * self.beside

    def reverse_complement(self) -> "Sites":
        """The same windows, read on the other strand."""
        length = self.window
        return Sites(
            tuple(Place(one.contig, -one.start - length, not one.is_reverse) for one in self.places),
            reverse_complement(self.codes),
            self.beside,
            self.owner,
            tuple((length - end, length - start) for start, end in self.edits),
        )

    def select(self, rows: Sequence[int]) -> "Sites":
        """Those of some alternates (ascending), and their reference windows."""
        owners = [self.owner[row] for row in rows]
        kept = sorted(set(owners))
        return Sites(
            tuple(self.places[number] for number in kept),
            self.codes[kept],
            self.beside,
            tuple(kept.index(owner) for owner in owners),
            tuple(self.edits[row] for row in rows),
        )


def make_sites(
    pairs: Sequence[AllelePair], places: Sequence[Place], surroundings: Sequence[Codes], beside: int
) -> Sites:
    """Say where the windows of alternates lie.

    Args:
        pairs: One per alternate.
        places: Of their windows; neighbours in one place share a reference window.
        surroundings: uint8 [beside + L + beside] of each distinct window, in order.
        beside: In bp.
    """
    owner, distinct = [], list[Place]()
    for place in places:
        if not distinct or distinct[-1] != place:
            distinct.append(place)
        owner.append(len(distinct) - 1)
    edits = tuple(_edit(pair) for pair in pairs)
    return Sites(tuple(distinct), np.stack(surroundings), beside, tuple(owner), edits)


def _edit(pair: AllelePair) -> tuple[int, int]:
    """Where an alternate differs; an empty range at the variant when it does nowhere."""
    differs = np.flatnonzero(pair.reference != pair.alternate)
    return (int(differs[0]), int(differs[-1]) + 1) if len(differs) else (pair.edit_start, pair.edit_start)
