"""Tests of differences: against scipy, against definitions written out, and their error rates in simulations."""

import itertools

import numpy as np
import pytest

from enformer_vep.explain.boundary_statistics import (
    average_ranks,
    benjamini_hochberg,
    mann_whitney,
    shift_test,
    signed_rank,
    turned_sums,
)
from enformer_vep.explain.insulation import Reading, measure

stats = pytest.importorskip("scipy.stats")


def values(seed: int, *shape: int, tied: bool) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 5, shape).astype(float) if tied else random.normal(size=shape)


@pytest.mark.parametrize("tied", [False, True])
def test_ranks_are_scipys(tied):
    given = values(1, 4, 23, tied=tied)
    ranks, ties = average_ranks(given)
    np.testing.assert_array_equal(ranks, stats.rankdata(given, axis=-1))
    counts = [np.unique(row, return_counts=True)[1] for row in given]
    np.testing.assert_array_equal(ties, [np.sum(one**3 - one) for one in counts])


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("n", "m"), [(12, 17), (1, 5), (40, 3)])
def test_mann_whitney_is_scipys(n, m, tied):
    first, second = values(2, 6, n, tied=tied), values(3, 6, m, tied=tied) + 0.5
    ours = mann_whitney(first, second)
    theirs = stats.mannwhitneyu(first, second, axis=-1, method="asymptotic")
    np.testing.assert_allclose(ours.u, theirs.statistic)
    np.testing.assert_allclose(ours.p, theirs.pvalue, rtol=1e-12)
    larger = (first[:, :, None] > second[:, None, :]).mean(axis=(1, 2))
    smaller = (first[:, :, None] < second[:, None, :]).mean(axis=(1, 2))
    np.testing.assert_allclose(ours.rank_biserial, larger - smaller, atol=1e-12)


def test_mann_whitney_without_a_group_or_any_variation():
    assert np.isnan(mann_whitney(np.zeros((2, 0)), np.ones((2, 4))).p).all()
    same = mann_whitney(np.ones((1, 3)), np.ones((1, 4)))
    assert (same.p[0], same.rank_biserial[0]) == (1, 0)


@pytest.mark.parametrize("tied", [False, True])
def test_signed_rank_is_scipys(tied):
    given = values(4, 5, 31, tied=tied) - (1.0 if tied else 0.2)
    theirs = [stats.wilcoxon(row, correction=True, method="asymptotic").pvalue for row in given]
    np.testing.assert_allclose(signed_rank(given), theirs, rtol=1e-12)
    assert np.isnan(signed_rank(np.zeros((1, 4)))).all()


def test_benjamini_hochberg_is_scipys_and_passes_over_what_was_not_tested():
    p = np.random.default_rng(5).random(40) ** 3
    expected = stats.false_discovery_control(p)
    np.testing.assert_allclose(benjamini_hochberg(p), expected)
    holed = np.insert(p, [0, 7, 40], np.nan)
    adjusted = benjamini_hochberg(holed)
    np.testing.assert_array_equal(np.isnan(adjusted), np.isnan(holed))
    np.testing.assert_allclose(adjusted[~np.isnan(holed)], expected)
    assert len(benjamini_hochberg([])) == 0


def test_turned_sums_are_those_of_rolled_labels():
    ranks, _ = average_ranks(values(6, 3, 50, tied=True))
    labels = np.random.default_rng(7).integers(0, 3, 50)
    expected = [[row @ np.roll(labels, turn) for turn in range(50)] for row in ranks]
    np.testing.assert_array_equal(turned_sums(ranks, labels), expected)


def test_shift_test_of_one_contig_takes_every_turn_once():
    given = values(8, 2, 60, tied=False)
    labels = np.zeros(60, dtype=int)
    labels[[3, 4, 20, 21, 40]] = 1
    given[:, labels > 0] += 1.5
    tested = shift_test(given, labels, [60])
    ranks = stats.rankdata(given, axis=-1)
    for row, p, effect in zip(ranks, tested.p, tested.rank_biserial, strict=True):
        sums = np.array([row @ np.roll(labels, turn) for turn in range(60)])
        middle = 5 * 30.5
        assert p == np.mean(np.abs(sums - middle) >= abs(sums[0] - middle))
        assert effect == pytest.approx(mann_whitney(row[None, labels > 0], row[None, labels == 0]).rank_biserial[0])
    assert tested.shifts == 60


def test_shift_test_turns_every_contig_by_itself():
    given = values(9, 1, 15, tied=False)
    labels = np.array([1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    sizes = [6, 5, 4]
    ranks = stats.rankdata(given[0])
    sums = np.array(
        [
            ranks[:6] @ np.roll(labels[:6], first) + ranks[6:11] @ np.roll(labels[6:11], second)
            for first, second in itertools.product(range(6), range(5))
        ]
    )
    exact = np.mean(np.abs(sums - sums.mean()) >= abs(sums[0] - sums.mean()))
    tested = shift_test(given, labels, sizes, shifts=20_000)
    assert tested.p[0] == pytest.approx(exact, abs=0.012)
    assert tested.shifts == 20_001


@pytest.mark.parametrize("labels", [np.zeros(6, dtype=int), np.array([1])])
def test_shift_test_with_nothing_to_turn(labels):
    tested = shift_test(np.arange(float(len(labels)))[None], labels, [len(labels)])
    assert np.isnan(tested.p[0])
    assert tested.shifts == 0


SIMULATIONS, WINDOWS, TOKENS = 1000, 24, 12


def simulated_insulation(effect: float, seed: int) -> np.ndarray:
    """Insulation of noisy maps, half of them with less attention across the middle: [simulations, windows]."""
    random = np.random.default_rng(seed)
    maps = random.gamma(2.0, size=(SIMULATIONS, WINDOWS, TOKENS, TOKENS))
    places = np.arange(TOKENS)
    maps *= np.exp(-np.abs(places[:, None] - places) / 4)
    sides = places >= TOKENS // 2
    maps[:, : WINDOWS // 2, sides[:, None] != sides] *= 1 - effect
    maps /= maps.sum(axis=-1, keepdims=True)
    return measure(maps, [TOKENS // 2], Reading(arm=5, keys=1))[:, :, 1, 0]


def rejections(p: np.ndarray) -> float:
    return float(np.mean(p < 0.05))


# Of 1,000 tests at 5 %, 3.3 to 7.0 % reject in 99.5 % of cases.
NOMINAL = (0.033, 0.070)


def test_mann_whitney_errs_as_often_as_it_says_and_finds_planted_boundaries():
    shares = []
    for effect in (0.0, 0.35):
        found = simulated_insulation(effect, seed=10)
        half = WINDOWS // 2
        shares.append(rejections(mann_whitney(found[:, :half], found[:, half:]).p))
    assert NOMINAL[0] < shares[0] < NOMINAL[1]
    assert shares[1] > 0.9


def clustered(random: np.random.Generator, points: int) -> np.ndarray:
    """Labels in runs of neighbours, as boundaries cluster."""
    labels = np.zeros(points, dtype=int)
    for start in random.choice(points - 8, 6, replace=False):
        labels[start : start + 8 : 2] = 1
    return labels


def autocorrelated(random: np.random.Generator, rows: int, points: int) -> np.ndarray:
    """Noise in which neighbours are alike, on a circle: [rows, points]."""
    frequencies = np.fft.rfftfreq(points) * points
    spectrum = np.fft.rfft(random.normal(size=(rows, points)), axis=-1) / (1 + (frequencies / 40) ** 2)
    return np.fft.irfft(spectrum, n=points, axis=-1)


def test_turning_labels_keeps_the_error_rate_where_neighbours_are_alike():
    random = np.random.default_rng(11)
    plain, turned = [], []
    for _ in range(SIMULATIONS):
        labels = clustered(random, 300)
        profile = autocorrelated(random, 1, 300)
        plain.append(mann_whitney(profile[:, labels > 0], profile[:, labels == 0]).p[0])
        turned.append(shift_test(profile, labels, [300]).p[0])
    assert NOMINAL[0] < rejections(np.array(turned)) < NOMINAL[1]
    assert rejections(np.array(plain)) > 0.12


def test_turning_labels_finds_what_lies_at_them():
    random = np.random.default_rng(12)
    labels = clustered(random, 300)
    profile = autocorrelated(random, 50, 300) + 1.5 * np.std(autocorrelated(random, 50, 300)) * labels
    assert rejections(shift_test(profile, labels, [300]).p) > 0.9
