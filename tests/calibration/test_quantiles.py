import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.calibration.quantiles import QuantileSketch
from tests.calibration.strategies import KINDS, matrix, seeds

PROBABILITIES = np.linspace(0, 1, 41)


def sketch_of(values, capacity=16, largest=4, cuts=()):
    sketch = QuantileSketch(values.shape[1], capacity, largest)
    for part in np.split(values, sorted(cuts)):
        sketch.add(part)
    return sketch


def assert_ranks_within(found, values, ranks, error):
    """Each value found at a rank has, among all values, a rank that is off by `error` at most."""
    for column in range(values.shape[1]):
        ordered = np.sort(values[:, column])
        first = np.searchsorted(ordered, found[column], side="left")
        behind = np.searchsorted(ordered, found[column], side="right")
        assert (first <= ranks + error).all()
        assert (behind > ranks - error).all()


@given(seeds, st.integers(1, 63))
@settings(max_examples=40, deadline=None)
def test_equals_numpy_until_the_first_level_is_full(seed, length):
    values = matrix(length, seed)
    sketch = sketch_of(values, capacity=64)
    wide = values.astype(np.float64)
    expected = np.quantile(wide, PROBABILITIES, axis=0).T
    np.testing.assert_allclose(sketch.values_at(PROBABILITIES * (length - 1)), expected, rtol=1e-12)
    sizes = np.quantile(np.abs(wide), PROBABILITIES, axis=0).T
    np.testing.assert_allclose(sketch.sizes_at(PROBABILITIES * (length - 1)), sizes, rtol=1e-12)
    assert sketch.rank_error == 0


@given(seeds, st.integers(1, 700), st.sampled_from([2, 8, 16]))
@settings(max_examples=60, deadline=None)
def test_no_rank_is_off_by_more_than_the_bound(seed, length, capacity):
    values = matrix(length, seed)
    sketch = sketch_of(values, capacity)
    ranks = np.arange(length, dtype=np.float64)
    error = sketch.rank_error * length + 1e-6
    assert_ranks_within(sketch.values_at(ranks), values, ranks, error)
    assert_ranks_within(sketch.sizes_at(ranks), np.abs(values), ranks, error)


@given(seeds, st.lists(st.integers(0, 200), max_size=10))
@settings(max_examples=30, deadline=None)
def test_batches_do_not_show(seed, cuts):
    values = matrix(200, seed)
    ranks = np.linspace(0, 199, 77)
    whole, cut = sketch_of(values), sketch_of(values, cuts=cuts)
    assert (whole.values_at(ranks) == cut.values_at(ranks)).all()
    assert (whole.sizes_at(ranks) == cut.sizes_at(ranks)).all()
    assert whole.rank_error == cut.rank_error


def test_the_largest_sizes_are_exact():
    values = matrix(3000, 5)
    sketch = sketch_of(values, largest=50)
    expected = np.sort(np.abs(values), axis=0)[-50:].T
    assert (sketch.sizes_at(np.arange(2950.0, 3000.0)) == expected).all()


def test_values_come_back_as_they_went_in():
    values = matrix(2000, 6)
    found = sketch_of(values).values_at(np.arange(2000.0)).astype(np.float32)
    for column in range(len(KINDS)):
        assert set(found[column]) <= set(values[:, column])


def test_at_its_default_size_the_bound_and_what_is_seen_are_as_stated():
    values = np.random.default_rng(7).standard_t(3, (100_000, 3)).astype(np.float32)
    sketch = QuantileSketch(3)
    sketch.add(values)
    assert 0 < sketch.rank_error < 0.003
    ranks = np.arange(0, 100_000, 97.0)
    assert_ranks_within(sketch.values_at(ranks), values, ranks, 0.0015 * 100_000)
    assert_ranks_within(sketch.sizes_at(ranks), np.abs(values), ranks, 0.0015 * 100_000)


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="even"):
        QuantileSketch(1, capacity=5)
