"""Windows elsewhere, and tiles."""

import numpy as np
import pytest

from enformer_vep.explain.matched_windows import (
    Caliper,
    Composition,
    candidates,
    choose,
    count_around,
    standardised_difference,
    tile,
)
from enformer_vep.genome.fasta import Genome
from enformer_vep.settings.explain_boundaries import Likeness
from tests.builders import make_fasta, random_sequence

WINDOW = 2048


@pytest.fixture
def letters() -> str:
    random = np.random.default_rng(3)
    text = random_sequence(random, 20_000)
    return text[:9_000] + "N" * 100 + "GC" * 2_000 + text[13_100:] + "ACG"


@pytest.fixture
def composition(tmp_path, letters) -> Composition:
    return Composition.of(Genome(make_fasta(tmp_path / "genome.fa", {"chr1": letters})), "chr1")


def test_shares_of_gc_are_exact_on_blocks(composition, letters):
    starts = np.array([0, 128, 9_216, 12_800])
    expected = [sum(one in "GC" for one in letters[start : start + WINDOW]) / WINDOW for start in starts]
    np.testing.assert_allclose(composition.share_gc(starts, WINDOW), expected)
    assert composition.length == len(letters)


def test_a_gap_is_seen_from_every_window_that_touches_it(composition):
    # N from 9,000 to 9,099: blocks 8,960 to 9,215.
    starts = np.array([9_000 - WINDOW - 40, 9_000 - WINDOW + 1, 9_050, 9_099, 9_216])
    assert composition.has_gap(starts, WINDOW).tolist() == [False, True, True, True, False]


def test_candidates_lie_on_the_contig_without_gaps_and_far_from_boundaries(composition):
    boundaries = np.array([3_000, 15_000])
    found = candidates(composition, boundaries, WINDOW, apart=1_500)
    assert len(found)
    assert (found % 1024 == 0).all()
    assert found.min() >= WINDOW // 2
    assert found.max() + WINDOW // 2 <= composition.length
    assert np.abs(found[:, None] - boundaries).min() >= 1_500
    assert not composition.has_gap(found - WINDOW // 2, WINDOW).any()
    everywhere = candidates(composition, np.array([], dtype=np.int64), WINDOW, apart=1_500)
    assert set(found) < set(everywhere)
    assert len(candidates(composition, boundaries, 40_960, 0)) == 0


def test_counts_are_of_positions_within_the_window():
    count = count_around(np.array([10, 20, 20, 30]), 20)
    assert count(np.array([10, 20, 21, 30, 100])).tolist() == [1, 3, 3, 3, 0]


def test_choices_are_alike_apart_and_distinct():
    random = np.random.default_rng(1)
    centres = np.arange(0, 200_000, 1024)
    boundaries = np.array([500, 60_500, 120_500, 180_500])
    share = {Likeness.GC: lambda at: at / 200_000}
    calipers = {Likeness.GC: Caliper(0.1)}
    chosen = choose(boundaries, centres, share, calipers, spacing=5_000, random=random)
    assert (chosen >= 0).all()
    assert (np.abs(chosen - boundaries) / 200_000 <= 0.1).all()
    apart = np.abs(chosen[:, None] - chosen)[~np.eye(4, dtype=bool)]
    assert apart.min() > 5_000
    crowded = choose(np.full(30, 500), centres, share, calipers, spacing=5_000, random=random)
    taken = crowded[crowded >= 0]
    assert 0 < len(taken) < 30
    assert np.diff(np.sort(taken)).min() > 5_000


def test_a_caliper_of_counts_grows_with_the_count():
    caliper = Caliper(1.0, 0.25)
    assert caliper.allows(2, np.array([0.0, 1.0, 3.0, 4.0])).tolist() == [False, True, True, False]
    assert caliper.allows(20, np.array([15.0, 25.0, 26.0])).tolist() == [True, True, False]
    assert Caliper(0.02).allows(0.4, np.array([0.42, 0.43])).tolist() == [True, False]


def test_standardised_difference():
    first, second = np.array([1.0, 3.0]), np.array([0.0, 0.0])
    assert standardised_difference(first, second) == pytest.approx(2 / np.sqrt(0.5))
    assert np.isnan(standardised_difference(np.ones(2), np.ones(3)))


@pytest.mark.parametrize("every", [128, 256, 384, 4096])
def test_points_of_tiles_are_evenly_spaced_and_inside(composition, every):
    tiling = tile(composition, WINDOW, 128, every)
    assert tiling.edges.min() >= 4
    assert tiling.edges.max() <= 12
    assert not composition.has_gap(tiling.starts, WINDOW).any()
    np.testing.assert_array_equal(tiling.positions, tiling.starts[:, None] + 128 * tiling.edges)
    # Tiles that follow each other go on with the same distance between points.
    steps = np.diff(tiling.positions.ravel())
    usual = min(every, WINDOW // 2)
    assert (steps[np.diff(np.repeat(tiling.starts, len(tiling.edges))) <= len(tiling.edges) * usual] == usual).all()
    assert (steps >= usual).all()
