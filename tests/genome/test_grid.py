"""Where windows on a grid begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry, plan_bins
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.placing import GenesAround, GeneWindows, OwnWindow
from enformer_vep.genome.sharing import LARGEST_GROUP, WindowCounter, group_by_window, place_in_shared_window
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import window_start

WINDOW, WIDTH = 2048, 128
GEOMETRY = Geometry(WINDOW, first=512, width=WIDTH, bins=8)
PHASES = [(0,), (5,), (0, 64), (0, 32, 64, 96), (7, 39, 71, 103), tuple(range(0, 128, 8))]
positions = st.integers(0, 5000)
grids = st.sampled_from(PHASES).map(lambda phases: WindowGrid(WINDOW, WIDTH, phases))


def snv(position: int) -> Variant:
    return Variant("chr1", position + 1, ".", "A", "C")


@given(positions, grids)
def test_a_window_in_every_phase_evenly_around_the_centred_one(position: int, grid: WindowGrid) -> None:
    centred = window_start(position, WINDOW)
    starts = [grid.around(position) + shift for shift in grid.views((0,))]
    assert sorted(start % WIDTH for start in starts) == sorted(grid.phases)
    assert all(-WIDTH // 2 < start - centred <= WIDTH // 2 for start in starts)
    assert 0 in grid.offsets
    assert abs(grid.around(position) - centred) <= grid.slack


@given(positions, grids)
def test_no_bin_is_lost_by_averaging_over_phases(position: int, grid: WindowGrid) -> None:
    assert plan_bins(GEOMETRY, None, 0, grid.views((0,)), both_strands=True, slack=grid.slack).in_use == GEOMETRY


def test_by_hand() -> None:
    grid = WindowGrid(WINDOW, WIDTH)
    # A window centred on 1023 begins at 0; one on 1087 at 64, half way to the next.
    assert [grid.around(position) for position in (1022, 1023, 1086, 1087, 1088)] == [0, 0, 0, 128, 128]
    assert grid.around(0) == -1024
    assert WindowGrid(WINDOW, WIDTH, (0, 64)).offsets == (-64, 0)
    assert WindowGrid(WINDOW, WIDTH, (0, 64)).views((-1, 1)) == (-65, -63, -1, 1)


@pytest.mark.parametrize("phases", [(0, 32), (0, 1, 2), (0, 32, 64), (128,), (-32,), (0, 32, 64, 97), (0, 64, 128)])
def test_phases_that_are_not_even(phases: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="evenly spaced, such as 0,64 or 0,32,64,96"):
        WindowGrid(WINDOW, WIDTH, phases)


@given(positions, grids, st.integers(1, 5))
def test_bins_follow_the_variant(position: int, grid: WindowGrid, count: int) -> None:
    in_use = plan_bins(GEOMETRY, count, 0, grid.views((0,)), both_strands=True, slack=grid.slack).in_use
    (placed,) = OwnWindow(in_use, count, grid).place(snv(position))
    (readout,) = placed.readouts
    start = placed.window_start(WINDOW)
    assert start == grid.around(position)
    assert readout.context == (start + 1,)
    own = in_use.bin_of(position - start)
    bins = readout.bins or range(in_use.bins)
    assert bins[(count - 1) // 2] == own
    assert bins[0] >= 0
    assert bins[-1] < in_use.bins


@given(st.lists(st.integers(1, 900), max_size=40), grids)
def test_alleles_of_one_window_come_together(places: list[int], grid: WindowGrid) -> None:
    variants, counter = [snv(position) for position in sorted(places)], WindowCounter(0, grid)
    counts = [counter.add(one) for one in variants]
    starts = [grid.around(one.start) for one in variants]
    for before, after in zip(range(len(counts)), range(1, len(counts)), strict=False):
        assert (counts[before] == counts[after]) is (starts[before] == starts[after])
    assert len(variants) <= LARGEST_GROUP


@given(st.lists(positions, min_size=1, max_size=9), grids, st.integers(1, 300))
def test_groups_that_share_a_window(places: list[int], grid: WindowGrid, within: int) -> None:
    for group in group_by_window([snv(position) for position in places], within):
        placed = place_in_shared_window(group, GEOMETRY, None, grid)
        assert len({one.window_start(WINDOW) for one in placed}) == 1
        assert all(abs(one.shift) <= (within + 1) // 2 + grid.slack for one in placed)
        assert placed[0].window_start(WINDOW) % grid.spacing == grid.phases[0] % grid.spacing


@given(st.integers(3000, 4000), st.integers(3000, 4000), grids)
def test_genes(position: int, tss: int, grid: WindowGrid) -> None:
    genes = GeneIndex([Gene("ENSG", "G", "chr1", True, tss, (tss,), tss)])
    around = GenesAround(GEOMETRY, genes, {"chr1": "chr1"}.get, 3, grid=grid).place(snv(position))
    for placed in around:
        assert placed.window_start(WINDOW) == grid.around(position)
        (readout,) = placed.readouts
        assert GEOMETRY.bin_of(tss - grid.around(position)) in (readout.bins or ())
        assert readout.context == ("ENSG", "G", position - tss, 1, grid.around(position) + 1)
    start = grid.around(position) + GEOMETRY.first
    assert bool(around) is (start <= tss < start + GEOMETRY.predicted)
    shifts = grid.views((0,))
    for placed in GeneWindows(GEOMETRY, genes, {"chr1": "chr1"}.get, 3, shifts, grid=grid).place(snv(position)):
        assert placed.window_start(WINDOW) == grid.around(tss)
        for shift in shifts:
            assert 0 <= position - placed.window_start(WINDOW) - shift < WINDOW
