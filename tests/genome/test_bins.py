"""Bins of a run, against a count of the bases that each bin of each view has in common with the genome."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import BinPlan, Geometry, plan_bins, whole_bins
from enformer_vep.genome.windows import centre_index

# 896 bins of 128 bp, and 6 of 8.
ENFORMER = Geometry(window=196_608, first=40_960, width=128, bins=896)
SMALL = Geometry(window=64, first=8, width=8, bins=6)


def plan(count: int | None, within: int = 0, shifts: tuple[int, ...] = (0,), both: bool = False) -> tuple[int, int]:
    """Numbers of the bins in use, half-open."""
    made = plan_bins(ENFORMER, count, within, shifts, both)
    start = (made.in_use.first - ENFORMER.first) // 128
    return start, start + made.in_use.bins


@pytest.mark.parametrize(
    ("count", "start", "end"),
    [(None, 0, 896), (1, 447, 448), (2, 447, 449), (3, 446, 449), (896, 0, 896), (895, 0, 895)],
)
def test_bins_around_the_variant(count: int | None, start: int, end: int) -> None:
    assert plan(count) == (start, end)
    found = ENFORMER.bins_around(centre_index(196_608), count)
    assert (found or range(896)) == range(start, end)


@pytest.mark.parametrize("count", [0, -1, 897])
def test_bins_that_are_not_there(count: int) -> None:
    with pytest.raises(UsageError, match="1 to 896"):
        plan(count)


@pytest.mark.parametrize(
    ("shift", "bins"), [(0, 0), (64, 0), (65, 1), (-64, 0), (-65, -1), (128, 1), (-192, -1), (-193, -2)]
)
def test_whole_bins(shift: int, bins: int) -> None:
    assert whole_bins(shift, 128) == bins


def test_only_bins_of_every_view_are_in_use() -> None:
    assert plan(None, shifts=(0, 128)) == (1, 896)
    assert plan(None, shifts=(-300, 0, 128)) == (1, 894)
    assert plan(None, shifts=(-64, 64)) == (0, 896)


@pytest.mark.parametrize(
    ("count", "within", "shifts", "named"),
    [
        (896, 0, (0, 128), "center:896.*--shifts 0,128"),
        (1, 0, (57_500,), "--shifts 57500"),
        (895, 1000, (0,), "--share-windows 1000"),
        (None, 0, (-57_344, 57_344), "no bin in common"),
    ],
)
def test_bins_that_leave_the_output(count: int, within: int, shifts: tuple[int, ...], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        plan(count, within, shifts)


@given(
    st.sampled_from([None, 1, 2, 3, 4]),
    st.integers(0, 16),
    st.lists(st.integers(-9, 9), min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_views_read_the_same_stretch(count: int | None, within: int, shifts: list[int], both_strands: bool) -> None:
    """In every view and strand a bin in use lies where it lies unshifted, within half a bin."""
    try:
        made = plan_bins(SMALL, count, within, shifts, both_strands)
    except UsageError:
        return
    numbers = list(range(SMALL.bins))
    for shift, view in zip(shifts, made.views, strict=True):
        forward = numbers[made.predicted][view]
        assert len(forward) == made.in_use.bins
        for position, number in enumerate(forward):
            wanted = made.in_use.first + position * SMALL.width
            # The view's window index of a base is its unshifted one minus the shift.
            found = SMALL.first + number * SMALL.width + shift
            assert abs(found - wanted) <= SMALL.width // 2
        if both_strands:
            # Bin b of the reverse strand covers what bin (bins - 1 - b) covers forward.
            reverse = [SMALL.bins - 1 - number for number in numbers[made.predicted]][::-1]
            assert reverse[view] == forward
    assert _reads_variants(made, count, within)


def _reads_variants(made: BinPlan, count: int | None, within: int) -> bool:
    """The bins of every variant that may lie in a window of the run are in use."""
    centre = centre_index(SMALL.window)
    for index in range(centre - within // 2, centre + (within + 1) // 2 + 1):
        bins = made.in_use.bins_around(index, count)
        if bins is not None and not 0 <= bins[0] <= bins[-1] < made.in_use.bins:
            return False
    return True
