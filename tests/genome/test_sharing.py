"""Groups and their windows, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.genome import sharing
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.placing import Placed
from enformer_vep.genome.sharing import (
    LARGEST_GROUP,
    group_by_window,
    order_by_window,
    place_in_shared_window,
)
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import window_start

GEOMETRY = Geometry(window=100, first=0, width=10, bins=10)


def at(*positions: int, contig: str = "chr1") -> list[Variant]:
    return [Variant(contig, position, ".", "A", "C") for position in positions]


def grouped(variants: list[Variant], within: int) -> list[list[int]]:
    return [[variant.position for variant in group] for group in group_by_window(variants, within)]


@pytest.mark.parametrize(
    ("positions", "within", "groups"),
    [
        ((10, 10, 11), 0, [[10, 10], [11]]),
        ((10, 15, 20, 21), 10, [[10, 15, 20], [21]]),
        ((20, 10, 15, 31), 10, [[20, 10, 15], [31]]),
        ((), 5, []),
    ],
)
def test_groups(positions: tuple[int, ...], within: int, groups: list[list[int]]) -> None:
    assert grouped(at(*positions), within) == groups


def test_contigs_do_not_mix() -> None:
    assert grouped(at(5) + at(5, contig="chr2"), 100) == [[5], [5]]


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LARGEST_GROUP", 2)
    assert grouped(at(1, 1, 1, 1, 1), 0) == [[1, 1], [1, 1], [1]]


@given(st.lists(st.integers(1, 300), max_size=30), st.integers(0, 60))
def test_one_window_serves_a_group(positions: list[int], within: int) -> None:
    groups = list(group_by_window(at(*positions), within))
    assert [variant.position for group in groups for variant in group] == positions
    for group in groups:
        placed = place_in_shared_window(group, GEOMETRY, None)
        windows = {window_start(one.variant.start, 100, one.shift) for one in placed}
        assert len(windows) == 1
        assert all(abs(one.shift) <= (within + 1) // 2 for one in placed)
        start = placed[0].variant.position - 49 + placed[0].shift
        assert {one.readouts[0].context for one in placed} == {(start,)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 3)), max_size=200))
def test_placements_of_one_window_come_together_and_none_is_lost(places: list[tuple[int, int]]) -> None:
    placed = [Placed(Variant("1", position + 1, ".", "A", "C"), shift) for position, shift in places]
    groups = list(order_by_window(placed))
    assert sorted(index for group in groups for index in group) == list(range(len(placed)))
    assert all(len(group) <= LARGEST_GROUP for group in groups)
    starts = [{placed[index].window_start(8) for index in group} for group in groups]
    assert all(len(some) == 1 for some in starts)
    assert all(group == sorted(group) for group in groups)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=9), st.integers(1, 4))
def test_bins_follow_the_variant_through_a_shared_window(positions: list[int], count: int) -> None:
    """The bin with the variant's base is in the middle, or left of it, wherever the window lies."""
    group = next(iter(group_by_window(at(*positions), 50)))
    for one in place_in_shared_window(group, GEOMETRY, count):
        bins = one.readouts[0].bins
        assert bins is not None
        assert len(bins) == count
        own = (one.variant.start - one.window_start(100)) // 10
        assert bins[(count - 1) // 2] == own
