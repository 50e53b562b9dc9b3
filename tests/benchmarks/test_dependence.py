"""Chance where neighbours are alike: against scipy and counting by hand, and on noise that is smooth."""

import itertools
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats


@pytest.fixture
def dependence(script: Callable[..., ModuleType]) -> ModuleType:
    return script("dependence")


def test_substitutions_of_a_base_stay_together_and_in_order(dependence: ModuleType) -> None:
    variants = pd.DataFrame({"position": [7] * 3 + [9] * 3, "reference": list("AAACCC"), "alternate": list("CGTAGT")})
    # Transition, complement, other: A>G A>T A>C, then C>T C>G C>A. Nothing is known of 8: no row of its own.
    by_kind = dependence.by_position(variants, np.arange(6.0), "kind")
    np.testing.assert_array_equal(by_kind, [[1, 2, 0], [5, 4, 3]])
    by_letter = dependence.by_position(variants[::-1], np.arange(6.0)[::-1], "letter")
    np.testing.assert_array_equal(by_letter, [[0, 1, 2], [3, 4, 5]])
    some = pd.DataFrame({"position": [7, 8], "reference": ["A", "G"], "alternate": ["G", "C"]})
    gap = dependence.by_position(some, np.array([1.0, 2.0]), "kind")
    np.testing.assert_array_equal(gap, [[1, np.nan, np.nan], [np.nan, 2, np.nan]])


def test_rotations_are_those_of_scipy(dependence: ModuleType) -> None:
    rng = np.random.default_rng(1)
    scores, effects = rng.normal(size=(2, 12, 3))
    scores = scores + effects
    scores[3, 1] = effects[7, 0] = effects[7, 2] = np.nan
    found = dependence.rotate(scores, effects)
    every = []
    for shift in range(12):
        order = [(row - shift) % 12 for row in range(12)]
        pairs = [(a, b) for a, b in zip(scores[order].ravel(), effects.ravel(), strict=True) if a == a and b == b]
        every.append(stats.spearmanr(*zip(*pairs, strict=True)).statistic)
    assert found.spearman == pytest.approx(every[0])
    assert found.p == sum(value >= every[0] for value in every) / 12
    assert found.rotations == 11


def test_a_partial_correlation_is_one_of_residuals(dependence: ModuleType) -> None:
    rng = np.random.default_rng(2)
    given = rng.normal(size=(20, 3))
    scores, effects = rng.normal(size=(2, 20, 3)) + given
    x, y, z = (stats.rankdata(table.ravel()) for table in (scores, effects, given))
    left = [one - np.polyval(np.polyfit(z, one, 1), z) for one in (x, y)]
    found = dependence.rotate(scores, effects, given).spearman
    assert found == pytest.approx(stats.pearsonr(*left).statistic)
    assert abs(dependence.rotate(given, effects, given).spearman) < 1e-6


def test_smooth_noise_is_no_evidence(dependence: ModuleType) -> None:
    """Two unrelated smooth curves: the usual p calls most of them related, rotations the share they should."""
    rng = np.random.default_rng(3)
    kernel = np.exp(-0.5 * (np.arange(-20, 21) / 8) ** 2)
    usual, rotated = [], []
    for _ in range(120):
        curves = [np.convolve(np.tile(rng.normal(size=90), 3), kernel, "same")[90:180] for _ in range(2)]
        tables = [curve[:, None] + 0.1 * rng.normal(size=(90, 3)) for curve in curves]
        usual.append(stats.spearmanr(*(table.ravel() for table in tables), alternative="greater").pvalue)
        rotated.append(dependence.rotate(*tables).p)
    assert np.mean(np.array(usual) < 0.05) > 0.3
    assert np.mean(np.array(rotated) <= 0.05) < 0.12


def test_clusters_flip_as_a_whole(dependence: ModuleType) -> None:
    values = np.array([-1.0, -2.0, 3.0, -4.0, -5.0, 0.0])
    positions = [100, 150, 190, 1000, 300, 1400]
    # Closer than 300 to the next: 100, 150, 190, 300 (three negative, one positive); 1000; 1400 (0 is not negative).
    found = dependence.count_negatives(values, positions, 300)
    excess = [2, 1, -1]
    sums = [sum(s * e for s, e in zip(signs, excess, strict=True)) for signs in itertools.product((1, -1), repeat=3)]
    assert (found.count, found.clusters) == (4, 3)
    assert found.p == pytest.approx(np.mean([one >= sum(excess) for one in sums]))


def test_without_clusters_it_is_the_sign_test(dependence: ModuleType) -> None:
    values = np.array([-1.0] * 14 + [1.0] * 6)
    found = dependence.count_negatives(values, list(range(0, 20_000, 1000)), 1000)
    expected = stats.binomtest(14, 20, alternative="greater").pvalue
    assert (found.clusters, found.p) == (20, pytest.approx(expected))
