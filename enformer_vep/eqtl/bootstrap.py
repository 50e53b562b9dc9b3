"""How sure a difference between two rankings of the same examples is: the paired bootstrap over groups.

Examples of one group (a locus) are not independent, so whole groups are drawn with replacement (Field and Welsh 2007,
doi:10.1111/j.1467-9868.2007.00593.x), and both rankings are measured on the same draw.
"""

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.results import Advantage, Bools, Floats, Interval

SAMPLES = 1000
_STRIP = 100  # samples at a time
_LIMITS = (2.5, 97.5)


def advantage(
    positive: Bools, own: Floats, other: Floats, groups: npt.NDArray[np.int64] | None, seed: int
) -> Advantage:
    """One ranking over another.

    Args:
        positive: bool [examples], both kinds.
        own: float64 [examples], higher for positives.
        other: Likewise.
        groups: int64 [examples], equal for what is drawn together; None for every example by itself.
        seed: Fixes the draws.

    Returns:
        Percentile intervals, over draws that have both kinds.
    """
    number = np.arange(len(positive)) if groups is None else np.unique(groups, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    count = int(number.max()) + 1
    rankings = [_Sorted(positive, scores) for scores in (own, other)]
    observed = _difference(rankings, np.ones((1, len(positive))))[:, 0]
    strips = []
    for _ in range(SAMPLES // _STRIP):
        draws = random.multinomial(count, np.full(count, 1 / count), size=_STRIP)
        strips.append(_difference(rankings, draws[:, number].astype(np.float64)))
    sampled = np.concatenate(strips, axis=1)
    auroc, auprc = (_interval(float(value), row) for value, row in zip(observed, sampled, strict=True))
    return Advantage(auroc, auprc)


def weighted_figures(positive: Bools, scores: Floats, weights: Floats) -> Floats:
    """AUROC and average precision of examples that count several times, or not at all.

    Args:
        positive: bool [examples].
        scores: float64 [examples]; examples with equal scores share a threshold.
        weights: float64 [samples, examples].

    Returns:
        float64 [2, samples]; NaN where a sample has not both kinds.
    """
    return _Sorted(positive, scores).figures(weights)


class _Sorted:
    """Examples by score, the highest first, and where ties begin."""

    def __init__(self, positive: Bools, scores: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._positive = positive[self._order]
        ordered = scores[self._order]
        self._starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])

    def figures(self, weights: Floats) -> Floats:
        sorted_weights = weights[:, self._order]
        hits = np.add.reduceat(sorted_weights * self._positive, self._starts, axis=1)
        misses = np.add.reduceat(sorted_weights * ~self._positive, self._starts, axis=1)
        above, below = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1)
        positives, negatives = above[:, -1], below[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of a tie's negatives, the positives above count whole and those beside them half.
            auroc = np.sum(misses * (above - hits / 2), axis=1) / (positives * negatives)
            precision = np.where(above + below > 0, above / (above + below), 0)
            auprc = np.sum(hits * precision, axis=1) / positives
        both = (positives > 0) & (negatives > 0)
        return np.where(both, np.stack([auroc, auprc]), np.nan)


def _difference(rankings: list[_Sorted], weights: Floats) -> Floats:
    own, other = (ranking.figures(weights) for ranking in rankings)
    return own - other


def _interval(observed: float, sampled: Floats) -> Interval:
    known = sampled[np.isfinite(sampled)]
    if not len(known):
        return Interval(observed)
    low, high = np.percentile(known, _LIMITS)
    return Interval(observed, float(low), float(high))
