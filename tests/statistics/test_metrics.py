import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.statistics.metrics import (
    auroc,
    average_precision,
    curve,
    mean_and_spread,
    precision_at_recall,
    precision_recall_area,
    sign_accuracy,
)


def booleans(text):
    return np.array([letter == "+" for letter in text])


# Ranking from the highest score down; equal digits are ties.
@pytest.mark.parametrize(
    ("labels", "scores", "area", "precision"),
    [
        ("++--", [4, 3, 2, 1], 1.0, 1.0),
        ("--++", [4, 3, 2, 1], 0.0, (1 / 3 + 2 / 4) / 2),
        ("+-+-", [4, 3, 2, 1], 0.75, (1 + 2 / 3) / 2),
        ("+-", [1, 1], 0.5, 0.5),
        ("+--", [2, 2, 1], 0.75, 0.5),
        ("-+", [0.1, 0.9], 1.0, 1.0),
    ],
)
def test_worked_by_hand(labels, scores, area, precision):
    assert auroc(booleans(labels), scores) == pytest.approx(area)
    assert average_precision(booleans(labels), scores) == pytest.approx(precision)


@pytest.mark.parametrize("labels", ["++", "--"])
def test_one_kind_alone_has_no_area(labels):
    assert math.isnan(auroc(booleans(labels), [1, 2]))
    assert math.isnan(average_precision(booleans(labels), [1, 2]))


@settings(deadline=None)  # the first call loads scikit-learn
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_what_scikit_learn_says(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    positive, scores = np.array([one for one, _ in pairs]), np.array([score / 7 for _, score in pairs])
    if positive.all() or not positive.any():
        return
    assert auroc(positive, scores) == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)
    expected = metrics.average_precision_score(positive, scores)
    assert average_precision(positive, scores) == pytest.approx(expected, abs=1e-12)
    false_rate, true_rate, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    own = curve(positive, scores)
    np.testing.assert_allclose(own.false_positive_rate, false_rate)
    np.testing.assert_allclose(own.true_positive_rate, true_rate)


# Worked by hand: points of (recall, precision) without the last threshold.
@pytest.mark.parametrize(
    ("labels", "scores", "area", "at_recall"),
    [
        ("+-+-", [4, 3, 2, 1], 0.5 * (1 / 2 + 2 / 3) / 2, 2 / 3),
        ("-++-", [4, 3, 2, 1], 0.5 * (0 + 1 / 2) / 2 + 0.5 * (1 / 2 + 2 / 3) / 2, 2 / 3),
        # The last threshold has a positive: the line to it is artificial.
        ("+-+", [3, 2, 1], 0.0, 2 / 3),
        ("++--", [2, 2, 1, 1], 0.0, 1.0),
        ("+-", [1, 1], 0.0, 0.5),
    ],
)
def test_precision_and_recall_by_hand(labels, scores, area, at_recall):
    assert precision_recall_area(booleans(labels), scores) == pytest.approx(area)
    assert precision_at_recall(booleans(labels), scores) == pytest.approx(at_recall)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_the_area_is_scikit_learns_without_its_ends(pairs):
    sklearn = pytest.importorskip("sklearn.metrics")
    positive, scores = np.array([one for one, _ in pairs]), np.array([score / 7 for _, score in pairs])
    if positive.all() or not positive.any():
        assert math.isnan(precision_recall_area(positive, scores))
        assert math.isnan(precision_at_recall(positive, scores))
        return
    precision, recall, _ = sklearn.precision_recall_curve(positive, scores)
    # From the lowest threshold up; the last point, (0, 1), has no threshold.
    inner = slice(1, -1)
    expected = sklearn.auc(recall[inner], precision[inner]) if len(recall) > 3 else 0.0
    assert precision_recall_area(positive, scores) == pytest.approx(expected, abs=1e-12)
    reached = recall[:-1] >= 0.7
    lowest = recall[:-1][reached].min()
    expected = precision[:-1][recall[:-1] == lowest].max()
    assert precision_at_recall(positive, scores) == pytest.approx(expected, abs=1e-12)


def test_a_score_of_nothing_is_half_right():
    up = np.array([True, True, False, False])
    assert sign_accuracy(up, [0.1, -0.1, -2, 0]) == (1 + 0 + 1 + 0.5) / 4


def test_spread_leaves_out_what_is_undefined():
    assert mean_and_spread([1.0, 3.0, math.nan]) == (2.0, math.sqrt(2))
    assert math.isnan(mean_and_spread([1.0])[1])
    assert math.isnan(mean_and_spread([])[0])
