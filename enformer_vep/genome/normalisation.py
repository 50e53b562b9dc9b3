"""One placement for all that describe the same change of the genome: trimmed and as far left as it goes.

A deletion or an insertion in a repeat can be written at several places. The first of them stands for all, as
after `bcftools norm`; how far right the last of them reaches is known, too. Coordinates are 0-based, half-open.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.alleles import trimmed
from enformer_vep.genome.variants import Variant

if TYPE_CHECKING:
    from enformer_vep.genome.fasta import Genome

_FIRST_BLOCK, _LARGEST_BLOCK = 64, 1 << 16
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


class Site(NamedTuple):
    """Where a change lies.

    Attributes:
        start: First base that is replaced, of the placement given.
        end: One past the last; `start` for an insertion.
        alternate: What stands in its place; empty for a deletion.
        last: Where the rightmost equivalent placement ends.
    """

    start: int
    end: int
    alternate: str
    last: int

    @property
    def growth(self) -> int:
        """How many bases ALT has more than REF; negative for a deletion."""
        return len(self.alternate) - (self.end - self.start)


def normalise(variant: Variant, genome: "Genome", contig: str) -> Variant:
    """Write a variant as `bcftools norm` does: parsimonious and left-aligned.

    Bases other than A, C, G and T match nothing, so that no indel moves through a gap of the assembly.

    Args:
        variant: The variant; its REF is that of the genome.
        genome: Where the sequence comes from.
        contig: The variant's contig as the genome names it.

    Returns:
        The same change. An insertion or deletion begins with the base before it, at the start of a contig it ends
        with the base after it; one that is parsimonious and leftmost is returned as it is.
    """
    offset, reference, alternate = trimmed(variant.reference, variant.alternate)
    start = variant.start + offset
    if reference and alternate:
        return _written(variant, start, reference, alternate)
    unit = reference or alternate
    if not unit:
        return variant
    rolled = _matching(lambda first, last: _letters(genome, contig, start - last, start - first)[::-1], unit[::-1])
    turn = rolled % len(unit)
    unit = unit[len(unit) - turn :] + unit[: len(unit) - turn]
    start -= rolled
    if start:
        anchor = genome.fetch(contig, start - 1, start).decode("ascii", "replace")
        before, after, start = anchor, "", start - 1
    else:
        next_base = len(unit) if reference else 0
        before, after = "", genome.fetch(contig, next_base, next_base + 1).decode("ascii", "replace")
    with_unit, without = before + unit + after, before + after
    return _written(variant, start, *((with_unit, without) if reference else (without, with_unit)))


def locate(variant: Variant, genome: "Genome", contig: str) -> Site:
    """Say where a variant changes the genome, and where its rightmost placement ends; arguments as `normalise`."""
    offset, reference, alternate = trimmed(variant.reference, variant.alternate)
    start = variant.start + offset
    end = start + len(reference)
    if reference and alternate:
        return Site(start, end, alternate, end)
    rolled = _matching(lambda first, last: _letters(genome, contig, end + first, end + last), reference or alternate)
    return Site(start, end, alternate, end + rolled)


def _written(variant: Variant, start: int, reference: str, alternate: str) -> Variant:
    same = (variant.reference.upper(), variant.alternate.upper()) == (reference, alternate)
    if same and variant.start == start:
        return variant
    return replace(variant, position=start + 1, reference=reference, alternate=alternate)


def _letters(genome: "Genome", contig: str, start: int, end: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(genome.fetch(contig, start, end), dtype=np.uint8)


def _matching(letters: Callable[[int, int], npt.NDArray[np.uint8]], unit: str) -> int:
    """How many letters repeat a unit, from the first; read in blocks that double, as few repeats are long."""
    if not unit:
        return 0
    repeated = np.frombuffer(unit.encode("ascii", "replace"), dtype=np.uint8)
    first, size = 0, _FIRST_BLOCK
    while True:
        block = letters(first, first + size)
        expected = repeated[(first + np.arange(size)) % len(repeated)]
        differs = (block != expected) | ~np.isin(block, _BASES)
        if differs.any():
            return first + int(differs.argmax())
        first, size = first + size, min(2 * size, _LARGEST_BLOCK)
