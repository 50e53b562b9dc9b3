"""Which variants are scored in one and the same reference window."""

from collections.abc import Hashable, Iterable, Iterator, Sequence

from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.placing import Placed, place_in_window
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import window_start

LARGEST_GROUP = 64
"""Alleles of one window at a time: bounds the memory that their changes take."""


def group_by_window(variants: Iterable[Variant], within: int) -> Iterator[list[Variant]]:
    """Put consecutive variants together that one window can serve.

    Args:
        variants: ALT alleles; only neighbours in this order share.
        within: Largest distance in bp between the first REF bases of a group; 0 for alleles of one position.

    Yields:
        Groups of at most `LARGEST_GROUP` alleles, in order.
    """
    group: list[Variant] = []
    windows = WindowCounter(within)
    for variant in variants:
        before = windows.count
        if windows.add(variant) > before and group:
            yield group
            group = []
        group.append(variant)
    if group:
        yield group


class WindowCounter:
    """Says as variants pass which of them need a new window.

    Args:
        within: As for `group_by_window`.
        grid: Alleles with one window on it need no other, either; None for windows centred on variants.
    """

    def __init__(self, within: int, grid: WindowGrid | None = None) -> None:
        self.count = 0
        self._within, self._grid = within, grid
        self._group = ("", 0, 0, 0)  # contig, lowest and highest position, alleles

    def add(self, variant: Variant) -> int:
        """Take the next variant; returns the number of windows so far, its own included."""
        contig, low, high, alleles = self._group
        low, high = min(low, variant.position), max(high, variant.position)
        near = variant.contig == contig and (high - low <= self._within or self._has_one_window(low, high))
        if self.count and near and alleles < LARGEST_GROUP:
            self._group = (contig, low, high, alleles + 1)
        else:
            self.count += 1
            self._group = (variant.contig, variant.position, variant.position, 1)
        return self.count

    def _has_one_window(self, low: int, high: int) -> bool:
        grid = self._grid
        return grid is not None and not self._within and grid.around(low - 1) == grid.around(high - 1)


def place_in_shared_window(
    group: Sequence[Variant], geometry: Geometry, count: int | None, grid: WindowGrid | None = None
) -> list[Placed]:
    """Centre one window on the middle of a group, or take the nearest one on a grid.

    Args:
        group: From `group_by_window`.
        geometry: Window, and the bins in use.
        count: Number of bins around each variant that are read; None for all.
        grid: Where windows may begin; None for anywhere.

    Returns:
        The variants, each at most half the group's extent (rounded up), and the grid's slack, from the usual centre;
        their context is the 1-based first position of the window.
    """
    starts = [variant.start for variant in group]
    middle = (min(starts) + max(starts)) // 2
    start = window_start(middle, geometry.window) if grid is None else grid.around(middle)
    return [place_in_window(variant, start, geometry, count) for variant in group]


def order_by_window(placed: Sequence[Placed], largest: int = LARGEST_GROUP) -> Iterator[list[int]]:
    """Bring placements of one window together.

    Args:
        placed: Placements in the order of their rows.
        largest: How many of one window may stay together.

    Yields:
        Indices into `placed`, at most `largest` of one window each, windows in order of appearance.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, one in enumerate(placed):
        groups.setdefault((one.variant.contig, one.variant.start + one.shift), []).append(index)
    for group in groups.values():
        for start in range(0, len(group), largest):
            yield group[start : start + largest]
