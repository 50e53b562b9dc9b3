"""How sure the figures of rankings are: the paired bootstrap over groups.

Examples of one group (a locus, a gene) are not independent, so whole groups are drawn with replacement (Field and Welsh
2007, doi:10.1111/j.1467-9868.2007.00593.x), and all rankings are measured on the same draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from enformer_vep.statistics.metrics import RECALL, Bools, Floats

SAMPLES = 1000
_STRIP = 100  # samples at a time
_LIMITS = (2.5, 97.5)


class Figure(StrEnum):
    """What a ranking is measured by: the functions of `metrics` of the same names."""

    AUROC = "auroc"
    AVERAGE_PRECISION = "average_precision"
    PRECISION_RECALL_AREA = "precision_recall_area"
    PRECISION_AT_RECALL = "precision_at_recall"


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, or a difference of figures, and how sure it is.

    Attributes:
        value: Of the examples themselves.
        low: 2.5th percentile over bootstrap samples; NaN where none is defined.
        high: 97.5th percentile.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Advantage:
    """One ranking over another: in AUROC and in average precision; above 0 where it is better."""

    auroc: Interval = Interval()
    auprc: Interval = Interval()


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Figures of rankings, as they are and as they come out in samples.

    Attributes:
        figures: What they are, in order.
        observed: float64 [rankings, figures].
        sampled: float64 [rankings, figures, samples]; NaN where a sample has not both kinds.
    """

    figures: tuple[Figure, ...]
    observed: Floats
    sampled: Floats

    def interval(self, ranking: int, figure: Figure) -> Interval:
        """The figure of one ranking."""
        column = self.figures.index(figure)
        return _interval(float(self.observed[ranking, column]), self.sampled[ranking, column])

    def difference(self, own: int, other: int, figure: Figure) -> Interval:
        """The figure of one ranking minus that of another, in the same samples."""
        column = self.figures.index(figure)
        observed = float(self.observed[own, column] - self.observed[other, column])
        return _interval(observed, self.sampled[own, column] - self.sampled[other, column])


def bootstrap(
    positive: Bools,
    rankings: Sequence[Floats],
    groups: npt.NDArray[np.int64] | None,
    seed: int,
    figures: tuple[Figure, ...] = tuple(Figure),
    samples: int = SAMPLES,
) -> Bootstrap:
    """Measures rankings of the same examples, and draws these anew.

    Args:
        positive: bool [examples].
        rankings: Of each float64 [examples], finite, higher for positives.
        groups: int64 [examples], equal for what is drawn together; None for every example by itself.
        seed: Fixes the draws.
        figures: What to measure.
        samples: How many, rounded up to hundreds.

    Returns:
        As from `weighted_figures`, for every example once and for the samples.
    """
    number = np.arange(len(positive)) if groups is None else np.unique(groups, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    count = int(number.max()) + 1
    ranked = [_Sorted(positive, scores) for scores in rankings]
    observed = np.stack([one.figures(np.ones((1, len(positive))), figures)[:, 0] for one in ranked])
    strips = []
    for _ in range(0, samples, _STRIP):
        draws = random.multinomial(count, np.full(count, 1 / count), size=_STRIP)
        weights = draws[:, number].astype(np.float64)
        strips.append(np.stack([one.figures(weights, figures) for one in ranked]))
    return Bootstrap(figures, observed, np.concatenate(strips, axis=2))


def advantage(
    positive: Bools, own: Floats, other: Floats, groups: npt.NDArray[np.int64] | None, seed: int
) -> Advantage:
    """One ranking over another, of examples of both kinds; arguments as for `bootstrap`."""
    drawn = bootstrap(positive, (own, other), groups, seed, (Figure.AUROC, Figure.AVERAGE_PRECISION))
    return Advantage(drawn.difference(0, 1, Figure.AUROC), drawn.difference(0, 1, Figure.AVERAGE_PRECISION))


def weighted_figures(
    positive: Bools, scores: Floats, weights: Floats, figures: tuple[Figure, ...] = tuple(Figure)
) -> Floats:
    """Figures of examples that count several times, or not at all.

    Args:
        positive: bool [examples].
        scores: float64 [examples], finite; examples with equal scores share a threshold.
        weights: float64 [samples, examples].
        figures: Which.

    Returns:
        float64 [figures, samples]; NaN where a sample has not both kinds.
    """
    return _Sorted(positive, scores).figures(weights, figures)


class _Sorted:
    """Examples by score, the highest first, and where ties begin."""

    def __init__(self, positive: Bools, scores: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._positive = positive[self._order]
        ordered = scores[self._order]
        self._starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])

    def figures(self, weights: Floats, figures: tuple[Figure, ...]) -> Floats:
        sorted_weights = weights[:, self._order]
        hits = np.add.reduceat(sorted_weights * self._positive, self._starts, axis=1)
        misses = np.add.reduceat(sorted_weights * ~self._positive, self._starts, axis=1)
        counts = _Counts(hits, misses)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.stack([_MEASURES[figure](counts) for figure in figures])
        return np.where((counts.positives > 0) & (counts.negatives > 0), found, np.nan)


class _Counts:
    """Of every sample and threshold, the highest first: float64 [samples, thresholds]."""

    def __init__(self, hits: Floats, misses: Floats) -> None:
        self.hits, self.misses = hits, misses
        self.above, self.below = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1)
        self.positives, self.negatives = self.above[:, -1], self.below[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            self.precision = np.where(self.above + self.below > 0, self.above / (self.above + self.below), 0)


def _auroc(counts: _Counts) -> Floats:
    # Of a tie's negatives, the positives above count whole and those beside them half.
    won = counts.misses * (counts.above - counts.hits / 2)
    return np.sum(won, axis=1) / (counts.positives * counts.negatives)


def _average_precision(counts: _Counts) -> Floats:
    return np.sum(counts.hits * counts.precision, axis=1) / counts.positives


def _precision_recall_area(counts: _Counts) -> Floats:
    drawn = counts.above + counts.below
    # From the first threshold that has an example to the last but one.
    counted = (drawn[:, :-1] > 0) & (drawn[:, 1:] < drawn[:, -1:])
    heights = (counts.precision[:, :-1] + counts.precision[:, 1:]) / 2
    return np.sum(counts.hits[:, 1:] * heights * counted, axis=1) / counts.positives


def _precision_at_recall(counts: _Counts) -> Floats:
    reached = np.argmax(counts.above / counts.positives[:, None] >= RECALL, axis=1)
    return counts.precision[np.arange(len(reached)), reached]


_MEASURES = {
    Figure.AUROC: _auroc,
    Figure.AVERAGE_PRECISION: _average_precision,
    Figure.PRECISION_RECALL_AREA: _precision_recall_area,
    Figure.PRECISION_AT_RECALL: _precision_at_recall,
}


def _interval(observed: float, sampled: Floats) -> Interval:
    known = sampled[np.isfinite(sampled)]
    if not len(known):
        return Interval(observed)
    low, high = np.percentile(known, _LIMITS)
    return Interval(observed, float(low), float(high))
