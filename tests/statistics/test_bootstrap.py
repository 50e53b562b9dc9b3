"""The paired bootstrap against repeated examples and against DeLong's standard error."""

import numpy as np
import pytest

from enformer_vep.statistics import metrics
from enformer_vep.statistics.bootstrap import Figure, advantage, bootstrap, weighted_figures


@pytest.mark.parametrize("seed", range(3))
def test_weighted_figures_are_those_of_repeated_examples(seed):
    random = np.random.default_rng(seed)
    positive, scores = random.random(60) < 0.4, random.integers(0, 12, 60) * 1.0
    weights = random.integers(0, 4, (5, 60))
    found = weighted_figures(positive, scores, weights.astype(float))
    for index, own in enumerate(weights):
        again = np.repeat(np.arange(60), own)
        expected = [getattr(metrics, figure)(positive[again], scores[again]) for figure in Figure]
        np.testing.assert_allclose(found[:, index], expected)
    nothing = np.where(positive, 0.0, 1.0)[None]
    assert np.isnan(weighted_figures(positive, scores, nothing)).all()


def delong(positive, own, other):
    """Difference of two AUROCs of the same examples and its standard error (DeLong et al. 1988)."""
    placements = []
    for scores in (own, other):
        above = scores[positive][:, None] - scores[~positive][None]
        wins = (above > 0) + (above == 0) / 2
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    per_positive, per_negative = (a - b for a, b in zip(*placements, strict=True))
    variance = per_positive.var(ddof=1) / positive.sum() + per_negative.var(ddof=1) / (~positive).sum()
    return per_positive.mean(), np.sqrt(variance)


def test_the_interval_is_that_of_delong_where_examples_are_independent():
    random = np.random.default_rng(7)
    positive = random.random(400) < 0.4
    common = random.normal(size=400)
    own, other = (common + random.normal(size=400) + shift * positive for shift in (1.2, 0.8))
    found = advantage(positive, own, other, None, seed=1).auroc
    difference, error = delong(positive, own, other)
    assert found.value == pytest.approx(difference)
    assert (found.low, found.high) == pytest.approx((difference - 1.96 * error, difference + 1.96 * error), abs=0.012)


def test_groups_that_say_the_same_make_it_less_sure():
    """Twenty copies of every example are no more than one, if they are drawn together."""
    random = np.random.default_rng(9)
    positive = random.random(60) < 0.4
    own, other = random.normal(size=(2, 60)) + np.array([[1.0], [0.2]]) * positive
    copies = np.repeat(np.arange(60), 20)
    once = advantage(positive, own, other, None, seed=1)
    together = advantage(positive[copies], own[copies], other[copies], copies, seed=1)
    apart = advantage(positive[copies], own[copies], other[copies], None, seed=1)
    assert (together.auroc.low, together.auroc.high) == pytest.approx((once.auroc.low, once.auroc.high))
    assert apart.auroc.high - apart.auroc.low < 0.4 * (once.auroc.high - once.auroc.low)


def test_every_figure_comes_with_its_interval():
    random = np.random.default_rng(3)
    positive = random.random(200) < 0.3
    own, other = random.normal(size=(2, 200)) + np.array([[1.5], [0.3]]) * positive
    drawn = bootstrap(positive, (own, other), None, seed=4, samples=300)
    assert drawn.sampled.shape == (2, 4, 300)
    for figure in Figure:
        measure = getattr(metrics, figure)
        found = drawn.interval(0, figure)
        assert found.value == pytest.approx(measure(positive, own))
        assert found.low < found.value < found.high
        better = drawn.difference(0, 1, figure)
        assert better.value == pytest.approx(measure(positive, own) - measure(positive, other))
        assert better.low > 0
