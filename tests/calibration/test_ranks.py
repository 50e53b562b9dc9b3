import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.calibration.quantiles import QuantileSketch
from enformer_vep.calibration.ranks import Nodes, RankTable
from tests.calibration.strategies import KINDS, column, matrix, seeds


def table_of(background):
    """A lookup in columns of values."""
    values = np.asarray(background, dtype=np.float32)
    sketch = QuantileSketch(values.shape[1])
    sketch.add(values)
    return RankTable(Nodes.of_sizes(sketch), len(values))


def quantiles(background, *values):
    """Signed quantiles of single values in a background of one column."""
    table = table_of(np.reshape(background, (-1, 1)))
    return table.signed_quantiles(np.array(values, dtype=np.float32)[:, None])[:, 0]


def middle_ranks(background, values):
    """The plain definition: sign times (smaller ones + half of the equal ones) / all."""
    ordered = np.sort(np.abs(background))
    first = np.searchsorted(ordered, np.abs(values), side="left")
    behind = np.searchsorted(ordered, np.abs(values), side="right")
    return np.sign(values) * (first + behind) / 2 / len(background)


def test_four_values_by_hand():
    # Sizes 1, 2, 3 and 4 have ranks 1/8, 3/8, 5/8 and 7/8.
    found = quantiles([-1, 2, -3, 4], 1, -2, 3, -4, 2.5, 0.5, -0.25, 0)
    np.testing.assert_allclose(found, [1 / 8, -3 / 8, 5 / 8, -7 / 8, 4 / 8, 1 / 16, -1 / 32, 0], atol=1e-3)


def test_beyond_the_background_is_inside_of_one():
    assert quantiles(range(1, 51), 50, 51, 1e30, -np.inf).tolist() == pytest.approx([0.99, 0.99, 0.99, -0.99])


def test_equal_values_share_the_middle_of_their_ranks():
    found = quantiles([1] * 6 + [2] * 2 + [3] * 2, 1, 2, 3, 1.5, -2)
    np.testing.assert_allclose(found, [0.3, 0.7, 0.9, 0.6, -0.7], atol=0.06)
    assert quantiles([1] * 600 + [2] * 400, 1, 2).tolist() == pytest.approx([0.3, 0.8], abs=0.003)


def test_a_constant_background():
    assert quantiles([0.5] * 100, 0.5, -0.5, 0.6, 0.25, 0).tolist() == pytest.approx([0.5, -0.5, 0.995, 0.0025, 0])
    assert quantiles([0] * 100, 0, 1e-12, -1).tolist() == pytest.approx([0, 0.995, -0.995])


def test_no_effect_is_zero_and_the_least_effect_is_above_all_zeros():
    background = np.concatenate((np.zeros(700), np.linspace(1, 2, 300)))
    assert quantiles(background, 0, 1e-30, -1e-30).tolist() == pytest.approx([0, 0.7, -0.7], abs=0.0051)


def test_what_is_not_a_number_stays_so():
    assert np.isnan(quantiles([1, 2, 3], np.nan))


@given(seeds, st.integers(10, 3000), st.sampled_from(KINDS))
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_plain_definition_to_the_distance_of_nodes(seed, length, kind):
    background = column(kind, length, seed)
    found = quantiles(background, *background)
    expected = middle_ranks(background, background)
    error = np.abs(found - expected)
    # 3,000 values are beyond the exact part of the sketch, whose bound is 1 / 1,500 here.
    assert (error <= 0.005 + 0.001).all()
    tail = np.abs(expected) > 0.95
    assert (error[tail] <= 0.16 * (1 - np.abs(expected[tail])) + 1e-6).all()


@given(seeds, st.integers(2, 3000))
@settings(max_examples=40, deadline=None)
def test_ascends_keeps_the_sign_and_stays_inside(seed, length):
    table = table_of(matrix(length, seed))
    probes = np.sort(matrix(500, seed + 1), axis=0)
    found = table.signed_quantiles(probes)
    assert (np.diff(found, axis=0) >= 0).all()
    assert (np.sign(found) == np.sign(probes)).all()
    assert (np.abs(found) <= 1 - 0.5 / length + 1e-7).all()
    assert (np.abs(found) < 1).all()
    assert (table.signed_quantiles(-probes) == -found).all()


@given(seeds, st.integers(-100, 60))
@settings(max_examples=20, deadline=None)
def test_units_do_not_matter(seed, exponent):
    background, probes = column("heavy", 400, seed), column("heavy", 50, seed + 1)
    factor = np.float32(2.0**exponent)
    assert (quantiles(background * factor, *(probes * factor)) == quantiles(background, *probes)).all()


def test_columns_do_not_mix():
    background, probes = matrix(1000, 1), matrix(300, 2)
    together = table_of(background).signed_quantiles(probes)
    for place in range(len(KINDS)):
        alone = table_of(background[:, [place]]).signed_quantiles(probes[:, [place]])
        assert (together[:, [place]] == alone).all()


@pytest.mark.parametrize("kind", ["normal", "heavy", "tiny"])
def test_fresh_draws_of_the_background_are_uniform(kind):
    """Kolmogorov-Smirnov: below 1.95 / sqrt(n) but for one in a thousand samples."""
    found = np.sort(quantiles(column(kind, 20_000, 3), *column(kind, 2000, 4)))
    steps = np.arange(2001) / 2000
    uniform = (found.astype(np.float64) + 1) / 2
    distance = max((steps[1:] - uniform).max(), (uniform - steps[:-1]).max())
    assert distance < 1.95 * np.sqrt(1 / 2000 + 1 / 20_000)


def test_the_tail_is_true_to_one_in_a_hundred_thousand():
    background = column("heavy", 100_000, 8)
    largest = np.sort(np.abs(background))[-1000:]
    found = quantiles(background, *largest).astype(np.float64)
    left = (999.5 - np.arange(1000)) / 100_000
    assert np.abs((1 - found) / left - 1).max() < 0.16
    assert np.abs((1 - found) / left - 1).mean() < 0.01
    assert found[-1] == pytest.approx(1 - 0.5e-5, abs=1e-7)


def centred(background, probes):
    sketch = QuantileSketch(background.shape[1])
    sketch.add(background)
    table = RankTable(Nodes.of_values(sketch), len(background), of_sizes=False)
    return table.centred_quantiles(probes)


@given(seeds, st.integers(10, 2000))
@settings(max_examples=40, deadline=None)
def test_centred_quantiles_agree_with_the_plain_definition(seed, length):
    """2 G - 1, G the share of values below and half of the equal ones; off by the distance of nodes."""
    background = matrix(length, seed)
    found = centred(background, background)
    ordered = np.sort(background, axis=0)
    for place, values in enumerate(background.T):
        first, behind = (np.searchsorted(ordered[:, place], values, side=side) for side in ("left", "right"))
        expected = (first + behind) / length - 1
        assert (np.abs(found[:, place] - expected) <= 2 * 0.01 + 1e-6).all()
    assert (np.abs(found) < 1).all()


def test_centred_quantiles_by_hand():
    background = np.array([-4, -3, -2, -1, 0, 0, 1, 10], np.float32)[:, None]
    probes = np.array([-9, -4, -2.5, 0, -0.0, 1, 10, 1e30, -np.inf, np.nan], np.float32)[:, None]
    found = centred(background, probes)[:, 0].tolist()
    # Ranks 1/16, 3/16, ... 15/16; the two zeros share 5/8; beyond the ends there is no more.
    expected = [-7 / 8, -7 / 8, -4 / 8, 1 / 4, 1 / 4, 5 / 8, 7 / 8, 7 / 8, -7 / 8, np.nan]
    assert found == pytest.approx(expected, abs=0.021, nan_ok=True)
