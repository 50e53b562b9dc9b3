"""Windows elsewhere that are like those on boundaries: same contig, no gap, and what else is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.encoding import UNKNOWN, encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.settings.explain_boundaries import Likeness

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BLOCK = 128
"""Base pairs in which sequence is summarised; shares of G and C are exact to the blocks at a window's ends."""
_CHUNK = BLOCK << 16


@dataclass(frozen=True, slots=True)
class Composition:
    """What a contig is made of, in blocks of `BLOCK` bp.

    Attributes:
        gc: int64 [blocks + 1], G and C before each block.
        unknown: int64 [blocks + 1], letters before each block that are not A, C, G or T.
        length: Base pairs; the last block may be shorter.
    """

    gc: Integers
    unknown: Integers
    length: int

    @classmethod
    def of(cls, genome: Genome, contig: str) -> "Composition":
        """Read a contig once, in pieces."""
        length, strong, unknown = genome.contigs[contig], [], []
        for start in range(0, length, _CHUNK):
            codes = encode(genome.fetch(contig, start, min(start + _CHUNK, length)))
            begins = np.arange(0, len(codes), BLOCK)
            strong.append(np.add.reduceat((codes == 1) | (codes == 2), begins, dtype=np.int64))
            unknown.append(np.add.reduceat(codes == UNKNOWN, begins, dtype=np.int64))
        return cls(_cumulated(strong), _cumulated(unknown), length)

    def share_gc(self, starts: Integers, window: int) -> Floats:
        """Share of G and C among the bases of windows, which begin at the blocks nearest to `starts`."""
        first = (starts + BLOCK // 2) // BLOCK
        last = np.minimum(first + window // BLOCK, len(self.gc) - 1)
        shares: Floats = (self.gc[last] - self.gc[first]) / np.maximum((last - first) * BLOCK, 1)
        return shares

    def has_gap(self, starts: Integers, window: int) -> Bools:
        """Whether any block that windows touch has an unknown letter."""
        first, last = starts // BLOCK, -(-(starts + window) // BLOCK)
        return self.unknown[np.minimum(last, len(self.unknown) - 1)] > self.unknown[first]


def _cumulated(parts: Sequence[Integers]) -> Integers:
    return np.cumsum(np.concatenate([np.zeros(1, dtype=np.int64), *parts]))


@dataclass(frozen=True, slots=True)
class Caliper:
    """How far two windows may differ in one quantity.

    Attributes:
        absolute: So much is always allowed.
        relative: And so much of the boundary's value.
    """

    absolute: float
    relative: float = 0.0

    def allows(self, own: float, others: Floats) -> Bools:
        """Which of the others are close enough to a boundary's own value."""
        # With some room for rounding: a caliper of 0.02 allows 0.42 beside 0.40.
        allowed: Bools = np.abs(others - own) <= max(self.absolute, self.relative * own) + 1e-9
        return allowed


Quantity = Callable[[Integers], Floats]
"""Of windows on one contig, by their centres."""


def count_around(sites: Integers, window: int) -> Quantity:
    """How many of some sorted positions lie in a window."""

    def count(centres: Integers) -> Floats:
        starts = centres - window // 2
        return (np.searchsorted(sites, starts + window) - np.searchsorted(sites, starts)).astype(np.float64)

    return count


def candidates(composition: Composition, boundaries: Integers, window: int, apart: int) -> Integers:
    """Centres of windows that lie on the contig, have no gap, and are far from every boundary.

    Args:
        composition: The contig.
        boundaries: Sorted positions of all its boundaries.
        window: Window length in bp.
        apart: Distance in bp to the nearest boundary, at least.

    Returns:
        int64, multiples of 1,024 bp.
    """
    step = 8 * BLOCK
    centres = np.arange(-(-(window // 2) // step) * step, composition.length - window // 2 + 1, step, dtype=np.int64)
    if not len(centres):
        return centres
    centres = centres[~composition.has_gap(centres - window // 2, window)]
    after = np.searchsorted(boundaries, centres)
    padded = np.concatenate([[-(2**62)], boundaries, [2**62]])
    nearest = np.minimum(centres - padded[after], padded[after + 1] - centres)
    return centres[nearest >= apart]


def choose(
    boundaries: Integers,
    centres: Integers,
    quantities: Mapping[Likeness, Quantity],
    calipers: Mapping[Likeness, Caliper],
    spacing: int,
    random: np.random.Generator,
) -> Integers:
    """Give every boundary of a contig a window elsewhere, drawn at random from those that are like it.

    Boundaries choose in random order; no two choices are as close as boundaries may be.

    Args:
        boundaries: Positions of the boundaries that take part.
        centres: See `candidates`.
        quantities: What has to be alike.
        calipers: And how much.
        spacing: Choices lie further than this apart, in bp.
        random: Its state decides.

    Returns:
        int64, the centre of each boundary's window; -1 where none is left.
    """
    own = {kind: quantity(boundaries) for kind, quantity in quantities.items()}
    theirs = {kind: quantity(centres) for kind, quantity in quantities.items()}
    free = np.ones(len(centres), dtype=np.bool_)
    chosen = np.full(len(boundaries), -1, dtype=np.int64)
    for index in random.permutation(len(boundaries)):
        alike = free.copy()
        for kind, values in theirs.items():
            alike &= calipers[kind].allows(float(own[kind][index]), values)
        fitting = np.flatnonzero(alike)
        if len(fitting):
            chosen[index] = centres[random.choice(fitting)]
            free &= np.abs(centres - chosen[index]) > spacing
    return chosen


def standardised_difference(first: Floats, second: Floats) -> float:
    """Difference of means over the pooled standard deviation, by which matching is judged; NaN where none varies."""
    pooled = np.sqrt((np.var(first) + np.var(second)) / 2) if len(first) and len(second) else 0.0
    return float((np.mean(first) - np.mean(second)) / pooled) if pooled > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Tiling:
    """Windows that follow each other along a contig, and the points that are read from their inner halves.

    Attributes:
        starts: int64 [tiles], first base of each window; windows with a gap are left out.
        edges: int64 [points of a tile], the tokens that points lie before.
        positions: int64 [tiles, points of a tile], where the points lie on the contig.
    """

    starts: Integers
    edges: Integers
    positions: Integers


def tile(composition: Composition, window: int, width: int, every: int) -> Tiling:
    """Cover a contig.

    Args:
        composition: The contig.
        window: Window length in bp.
        width: Base pairs per token.
        every: Distance of points in bp, rounded down to tokens.
    """
    tokens = window // width
    step = min(max(every // width, 1), tokens // 2)
    edges = np.arange(tokens // 4 + step // 2, tokens // 4 + tokens // 2 // step * step, step, dtype=np.int64)
    core = len(edges) * step * width
    starts = np.arange(0, composition.length - window + 1, core, dtype=np.int64)
    if len(starts):
        starts = starts[~composition.has_gap(starts, window)]
    return Tiling(starts, edges, starts[:, None] + edges * width)
