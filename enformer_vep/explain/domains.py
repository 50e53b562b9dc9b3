"""Boundaries of chromatin domains: read from a BED file, and placed on a genome or given the reason why not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_text

Integers = npt.NDArray[np.int64]

_SKIPPED = ("#", "track ", "track\t", "browser ")


class BoundaryStatus(StrEnum):
    """Whether a boundary is compared with a window elsewhere, and if not, why."""

    OK = "ok"
    UNKNOWN_CONTIG = "unknown_contig"
    OUTSIDE_CONTIG = "outside_contig"
    MERGED = "merged"
    """Another boundary, close by, stands for it."""
    NEAR_CONTIG_END = "near_contig_end"
    """Its window reaches past the contig's end."""
    GAP = "gap"
    """Its window has a base that is not known."""
    NO_MATCH = "no_match"
    """No window elsewhere is like it."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """One boundary.

    Attributes:
        contig: As the genome names it; as the file does where the genome has no such contig.
        position: 0-based first base to the right of the boundary.
        name: The file's fourth column; "." without one.
        status: Whether it takes part.
    """

    contig: str
    position: int
    name: str = "."
    status: BoundaryStatus = BoundaryStatus.OK


class Contigs(Protocol):
    """What placing needs of a genome (`enformer_vep.genome.fasta.Genome`)."""

    @property
    def contigs(self) -> Mapping[str, int]:
        """Lengths in bp."""

    def resolve(self, name: str) -> str | None:
        """The genome's own name of a contig."""


def read_boundaries(path: Path, domains: bool = False) -> tuple[Boundary, ...]:
    """Read a BED file; positions and names only, every status is OK.

    Args:
        path: BED, plain or gzip; columns past the fourth are passed over.
        domains: Both ends of an interval are boundaries; else its middle is one, its start where it has one base.

    Raises:
        InputError: The file is missing, damaged or holds no interval, or a line is none.
    """
    found: list[Boundary] = []
    with open_text(path, "BED") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith(_SKIPPED):
                found += _boundaries_of(line.rstrip("\r\n"), domains, f"{path}, line {number}")
    if not found:
        raise InputError(f"BED file {path} holds no interval; give boundaries, or domains with --domains")
    return tuple(found)


def _boundaries_of(line: str, domains: bool, place: str) -> list[Boundary]:
    fields = line.split("\t") if "\t" in line else line.split()
    try:
        contig, start, end = fields[0], int(fields[1]), int(fields[2])
    except (ValueError, IndexError):
        start = end = -1
    if not 0 <= start < end:
        raise InputError(f"{place}: {line[:60]!r} is no interval; expected BED (CHROM START END, 0-based, half-open)")
    name = fields[3] if len(fields) > 3 and fields[3] else "."
    return [Boundary(contig, one, name) for one in ((start, end) if domains else ((start + end) // 2,))]


def place(boundaries: Iterable[Boundary], genome: Contigs, window: int, merge: int) -> list[Boundary]:
    """Name contigs as the genome does, and say which boundaries cannot have a window of their own.

    Sequence is not looked at; see `enformer_vep.explain.matched_windows` for gaps.

    Args:
        boundaries: In any order.
        genome: Its contigs.
        window: Window length in bp, even; the boundary is its middle.
        merge: Boundaries at most so many bp behind one that stands are merged with it; 0 for equal positions only.

    Returns:
        All boundaries, sorted by contig (in the genome's order, unknown ones last) and position.
    """
    named = []
    for one in boundaries:
        contig = genome.resolve(one.contig)
        unknown = replace(one, status=BoundaryStatus.UNKNOWN_CONTIG)
        named.append(unknown if contig is None else replace(one, contig=contig))
    order = {contig: index for index, contig in enumerate(genome.contigs)}
    named.sort(key=lambda one: (order.get(one.contig, len(order)), one.contig, one.position))
    placed: list[Boundary] = []
    standing: Boundary | None = None
    for one in named:
        status = one.status
        if status is BoundaryStatus.OK:
            status = _where(one, genome.contigs[one.contig], window)
        is_close = standing is not None and one.contig == standing.contig and one.position - standing.position <= merge
        if status is BoundaryStatus.OK and is_close:
            status = BoundaryStatus.MERGED
        elif status is BoundaryStatus.OK:
            standing = one
        placed.append(replace(one, status=status))
    return placed


def _where(one: Boundary, length: int, window: int) -> BoundaryStatus:
    if not 0 < one.position < length:
        return BoundaryStatus.OUTSIDE_CONTIG
    if one.position < window // 2 or one.position + window // 2 > length:
        return BoundaryStatus.NEAR_CONTIG_END
    return BoundaryStatus.OK


def positions_by_contig(boundaries: Sequence[Boundary]) -> dict[str, Integers]:
    """Sorted positions of all boundaries on the genome's contigs, whatever keeps them from being compared."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in boundaries:
        if one.status is not BoundaryStatus.UNKNOWN_CONTIG:
            found[one.contig].append(one.position)
    return {contig: np.array(sorted(some), dtype=np.int64) for contig, some in found.items()}
