"""Which variants are scored in one and the same reference window."""

from collections.abc import Hashable, Iterable, Iterator, Sequence

from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.placing import Placed, Readout
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import centre_index

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
    """Says as variants pass which of them need a new window; `within` as for `group_by_window`."""

    def __init__(self, within: int) -> None:
        self.count = 0
        self._within = within
        self._group = ("", 0, 0, 0)  # contig, lowest and highest position, alleles

    def add(self, variant: Variant) -> int:
        """Take the next variant; returns the number of windows so far, its own included."""
        contig, low, high, alleles = self._group
        low, high = min(low, variant.position), max(high, variant.position)
        near = variant.contig == contig and high - low <= self._within
        if self.count and near and alleles < LARGEST_GROUP:
            self._group = (contig, low, high, alleles + 1)
        else:
            self.count += 1
            self._group = (variant.contig, variant.position, variant.position, 1)
        return self.count


def place_in_shared_window(group: Sequence[Variant], geometry: Geometry, count: int | None) -> list[Placed]:
    """Centre one window on the middle of a group.

    Args:
        group: From `group_by_window`.
        geometry: Window, and the bins in use.
        count: Number of bins around each variant that are read; None for all.

    Returns:
        The variants, each at most half the group's extent (rounded up) from the usual centre; their context
        is the 1-based first position of the window.
    """
    positions = [variant.position for variant in group]
    middle = (min(positions) + max(positions)) // 2
    placed = []
    for variant in group:
        shift = middle - variant.position
        bins = geometry.bins_around(centre_index(geometry.window) - shift, count)
        start = Placed(variant, shift).window_start(geometry.window)
        placed.append(Placed(variant, shift, (Readout(bins, (start + 1,)),)))
    return placed


def order_by_window(placed: Sequence[Placed]) -> Iterator[list[int]]:
    """Bring placements of one window together.

    Args:
        placed: Placements in the order of their rows.

    Yields:
        Indices into `placed`, at most `LARGEST_GROUP` of one window each, windows in order of appearance.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, one in enumerate(placed):
        groups.setdefault((one.variant.contig, one.variant.start + one.shift), []).append(index)
    for group in groups.values():
        for start in range(0, len(group), LARGEST_GROUP):
            yield group[start : start + LARGEST_GROUP]
