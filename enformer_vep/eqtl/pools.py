"""The negatives that each positive may have: the nearest of all that came by, so many at most."""

import heapq
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.negative_settings import GeneRule, NegativeSettings
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.matching import VariantKey

DISTANCE_OFFSET = 100
"""Bp that are added to a distance before its logarithm is taken: below that, a promoter is a promoter."""

Floats = npt.NDArray[np.float64]


class Place(NamedTuple):
    """A variant as one that may be matched.

    Attributes:
        key: Contig, 1-based position (a number) and alleles.
        contig: As VCF or labels have it.
        name: ID.
        gene: Identifier without version.
        distance: Signed bp from the gene's TSS.
        frequency: Of the rarer allele.
        kind: What the allele changes.
        block: Number of its LD block on its contig; 0 where no blocks are given.
    """

    key: VariantKey
    contig: str
    name: str
    gene: str
    distance: int
    frequency: float
    kind: VariantClass
    block: int


def log_distance(distance: int) -> float:
    """The scale on which distances are matched: log10(|distance| + 100 bp)."""
    return float(np.log10(abs(distance) + DISTANCE_OFFSET))


class Pools:
    """One pool per positive; memory grows with positives, not with what is offered.

    Args:
        positives: In the order of their pools.
        settings: Calipers.
        by_block: A negative must lie in another LD block.
    """

    def __init__(self, positives: Sequence[Place], settings: NegativeSettings, *, by_block: bool) -> None:
        self.limit = max(100, 20 * settings.per_positive)
        self._settings = settings
        self._heaps: list[list[tuple[float, int, Place]]] = [[] for _ in positives]
        self._offered = 0
        groups: dict[tuple[str, VariantClass], list[int]] = defaultdict(list)
        for number, positive in enumerate(positives):
            groups[self._group(positive)].append(number)
        self._groups = {name: _Group(numbers, positives, by_block) for name, numbers in groups.items()}

    def offer(self, candidate: Place) -> None:
        """Puts a candidate into every pool whose positive it fits and that has no nearer ones enough."""
        group = self._groups.get(self._group(candidate))
        if group is None:
            return
        self._offered += 1
        for number, cost in group.fitting(candidate, self._settings):
            heap = self._heaps[number]
            entry = (-cost, -self._offered, candidate)
            if len(heap) < self.limit:
                heapq.heappush(heap, entry)
            else:
                heapq.heappushpop(heap, entry)
            if len(heap) == self.limit:
                group.set_worst(number, -heap[0][0])

    def nearest_first(self, number: int) -> list[Place]:
        """The pool of a positive."""
        return [place for *_, place in sorted(self._heaps[number], reverse=True, key=lambda entry: entry[:2])]

    def _group(self, place: Place) -> tuple[str, VariantClass]:
        return place.gene if self._settings.gene is GeneRule.SAME else "", place.kind


class _Group:
    """Positives of one gene (or of all) and class, sorted by log distance."""

    def __init__(self, numbers: Sequence[int], positives: Sequence[Place], by_block: bool) -> None:
        self._numbers = sorted(numbers, key=lambda number: log_distance(positives[number].distance))
        own = [positives[number] for number in self._numbers]
        self._by_block = by_block
        self._row = {number: row for row, number in enumerate(self._numbers)}
        self._distance: Floats = np.array([log_distance(one.distance) for one in own])
        self._frequency: Floats = np.array([one.frequency for one in own])
        self._contig = np.array([one.key.contig for one in own])
        self._position = np.array([int(one.key.position) for one in own])
        self._block = np.array([one.block for one in own])
        self._worst = np.full(len(own), np.inf)

    def fitting(self, candidate: Place, settings: NegativeSettings) -> list[tuple[int, float]]:
        """Positives that a candidate fits, and how far it is off: the sum of squares in units of the calipers."""
        distance, caliper = log_distance(candidate.distance), settings.distance_caliper
        first = int(np.searchsorted(self._distance, distance - caliper, "left"))
        last = int(np.searchsorted(self._distance, distance + caliper, "right"))
        if first == last:
            return []
        rows = slice(first, last)
        farther = np.abs(self._distance[rows] - distance) / caliper
        rarer = np.abs(self._frequency[rows] - candidate.frequency) / settings.frequency_caliper
        cost = farther**2 + rarer**2
        fits = (farther <= 1) & (rarer <= 1) & (cost < self._worst[rows])
        same = self._contig[rows] == candidate.key.contig
        fits &= ~same | (np.abs(self._position[rows] - int(candidate.key.position)) >= settings.apart)
        if self._by_block:
            fits &= ~same | (self._block[rows] != candidate.block)
        return [(self._numbers[first + row], float(cost[row])) for row in np.flatnonzero(fits).tolist()]

    def set_worst(self, number: int, cost: float) -> None:
        """What a candidate for this positive, whose pool is full, must be below."""
        self._worst[self._row[number]] = cost
