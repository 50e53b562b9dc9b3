"""Ranking metrics, with ties counted properly. Tested against scikit-learn's."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RECALL = 0.7
"""At which precision is compared, as benchmarks of enhancer-gene predictions do (Gschwind et al. 2025)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Counts at every distinct threshold, the highest first.

    Attributes:
        true_positives: float64 [thresholds], positives at or above the threshold.
        false_positives: float64 [thresholds], negatives at or above it.
    """

    true_positives: Floats
    false_positives: Floats

    @property
    def true_positive_rate(self) -> Floats:
        """Recall, from 0: float64 [thresholds + 1]."""
        return np.r_[0.0, self.true_positives / self.true_positives[-1]]

    @property
    def false_positive_rate(self) -> Floats:
        """From 0: float64 [thresholds + 1]."""
        return np.r_[0.0, self.false_positives / self.false_positives[-1]]

    @property
    def precision(self) -> Floats:
        """float64 [thresholds]."""
        return self.true_positives / (self.true_positives + self.false_positives)


def curve(positive: Bools, scores: npt.ArrayLike) -> Curve:
    """Sorts by score and counts.

    Args:
        positive: bool [examples].
        scores: [examples], higher for positives; examples with equal scores share a threshold.

    Returns:
        At least one threshold, if there are examples.
    """
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(positive[order], dtype=np.float64)
    last_of_ties = np.append(np.diff(values[order]) != 0, True)
    true_positives = hits[last_of_ties]
    return Curve(true_positives, np.flatnonzero(last_of_ties) + 1 - true_positives)


def auroc(positive: Bools, scores: npt.ArrayLike) -> float:
    """Probability that a positive has a higher score than a negative; a tie counts half. NaN without both."""
    if positive.all() or not positive.any():
        return float("nan")
    counts = curve(positive, scores)
    return float(np.trapezoid(counts.true_positive_rate, counts.false_positive_rate))


def average_precision(positive: Bools, scores: npt.ArrayLike) -> float:
    """Area under the precision-recall curve as the sum of precision x gain in recall, without interpolation.

    What scikit-learn calls `average_precision_score`. A ranking by chance has the share of positives. NaN without
    a positive or without a negative.
    """
    if positive.all() or not positive.any():
        return float("nan")
    counts = curve(positive, scores)
    gained = np.diff(counts.true_positives, prepend=0.0)
    return float(np.sum(gained * counts.precision) / counts.true_positives[-1])


def precision_recall_area(positive: Bools, scores: npt.ArrayLike) -> float:
    """Area under the precision-recall curve by trapezoids, without artificial ends.

    As the CRISPR benchmark of enhancer-gene predictions does it (EngreitzLab/CRISPR_comparison): from the first
    threshold, not from recall 0, and without the last, which calls everything positive and which a ranking with many
    scores missing reaches in one straight line. Trapezoids interpolate between precisions, and so differ from
    `average_precision`. NaN without a positive or without a negative.
    """
    if positive.all() or not positive.any():
        return float("nan")
    counts = curve(positive, scores)
    recall = counts.true_positive_rate[1:]
    return float(np.trapezoid(counts.precision[:-1], recall[:-1]))


def precision_at_recall(positive: Bools, scores: npt.ArrayLike, recall: float = RECALL) -> float:
    """Precision at the highest threshold with at least this recall; NaN without a positive or without a negative."""
    if positive.all() or not positive.any():
        return float("nan")
    counts = curve(positive, scores)
    return float(counts.precision[np.argmax(counts.true_positive_rate[1:] >= recall)])


def sign_accuracy(up: Bools, scores: npt.ArrayLike) -> float:
    """Share of examples whose score has the sign of the effect; a score of 0 is a coin's throw and counts half."""
    values = np.asarray(scores, dtype=np.float64)
    right = np.where(values == 0, 0.5, (values > 0) == up)
    return float(np.mean(right)) if len(right) else float("nan")


def mean_and_spread(values: npt.ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation (n - 1) of what is defined; NaN where there is too little."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(known.std(ddof=1)) if len(known) > 1 else float("nan")
