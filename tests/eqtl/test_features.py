import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from enformer_vep.eqtl.eqtl_settings import FeatureSettings
from enformer_vep.eqtl.features import robust_mean, signed_log2
from enformer_vep.errors import UsageError

VALUES = arrays(np.float32, (7, 3), elements=st.floats(-1000, 1000, width=32))


def transformed(values, pseudocount=1e-6):
    result = np.array(values, dtype=np.float32)
    signed_log2(result, pseudocount)
    return result


def test_worked_by_hand():
    np.testing.assert_allclose(transformed([[0, 1e-6, -1e-6, 3e-6, -7e-6]]), [[0, 1, -1, 2, -3]], rtol=1e-6)


@given(VALUES)
def test_is_odd_and_keeps_the_order(values):
    result = transformed(values)
    np.testing.assert_array_equal(transformed(-values), -result)
    order = np.argsort(values, axis=None)
    assert (np.diff(result.ravel()[order]) >= 0).all()


def test_effects_of_1e_4_stay_apart():
    """With a pseudocount of 1 the two differ by less than scikit-learn can split."""
    pair = [[1.00e-7], [1.02e-7]]
    assert np.ptp(transformed(pair)) > 1e-3
    assert np.ptp(transformed(pair, 1.0)) < 1e-7


def test_long_matrices_are_done_to_the_end():
    values = np.full((1000, 2), 3e-6, dtype=np.float32)
    np.testing.assert_allclose(transformed(values), 2, rtol=1e-6)


def test_none_changes_nothing():
    assert transformed([[1.5, -2.0]], None).tolist() == [[1.5, -2.0]]


def test_robust_mean_by_hand():
    """Median sizes 2 and 10; the third feature is mostly 0 and is left out."""
    features = np.array([[2, -10, 0], [1, 10, 5], [-4, 20, 0]], dtype=np.float32)
    assert robust_mean(features).tolist() == pytest.approx([0, 0.75, 0])


@given(VALUES)
def test_robust_mean_is_odd(values):
    np.testing.assert_array_equal(robust_mean(-values), -robust_mean(values))


@pytest.mark.parametrize(
    ("score", "signed"), [("SAD", True), ("SADQ", True), ("D2", False), ("D2Q", False), ("JSZ", False)]
)
def test_which_scores_have_a_sign(score, signed):
    assert FeatureSettings(score).signed is signed


@pytest.mark.parametrize("pseudocount", [0, -1, float("nan")])
def test_a_pseudocount_is_above_0(pseudocount):
    with pytest.raises(UsageError, match="above 0"):
        FeatureSettings(pseudocount=pseudocount)
