"""Whether a quantity differs between two groups of places along a genome; many quantities at once.

Neighbouring places are not independent, which the Mann-Whitney test takes them to be: where boundaries cluster it
calls too many differences significant. Turning the labels around the contig keeps their spacing and the quantity's own
autocorrelation, and breaks only what lies at what.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

SHIFTS = 10_000


@dataclass(frozen=True, slots=True)
class MannWhitney:
    """The Mann-Whitney U test of many quantities, two-sided.

    Attributes:
        u: float64 [tests], pairs in which the first group has the larger value; a tie counts half.
        rank_biserial: float64 [tests], effect size from -1 to 1: the share of pairs in which the first group has the
            larger value minus the share in which it has the smaller one (Kerby 2014, doi:10.2466/11.IT.3.1).
        p: float64 [tests], by the normal approximation with corrections for ties and continuity; NaN without both
            groups.
    """

    u: Floats
    rank_biserial: Floats
    p: Floats


@dataclass(frozen=True, slots=True)
class ShiftTest:
    """A test that turns labels around their contigs.

    Attributes:
        rank_biserial: float64 [tests], of labelled against all other points; see `MannWhitney`.
        p: float64 [tests], two-sided; NaN where nothing can be turned.
        shifts: How many ways of turning the labels were compared, their own place included.
    """

    rank_biserial: Floats
    p: Floats
    shifts: int


def average_ranks(values: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Rank along the last axis.

    Args:
        values: [..., n], finite.

    Returns:
        float64 [..., n], ranks from 1, ties sharing their mean; and float64 [...], the sum of t^3 - t over groups of t
        tied values.
    """
    values = np.asarray(values, dtype=np.float64)
    count = values.shape[-1]
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    places = np.broadcast_to(np.arange(count), values.shape)
    begins = np.ones(values.shape, dtype=np.bool_)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    ends = np.ones(values.shape, dtype=np.bool_)
    ends[..., :-1] = begins[..., 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    last = np.minimum.accumulate(np.where(ends, places, count)[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    # Each of t tied values adds t^2 - 1.
    return ranks, np.sum((last - first + 1.0) ** 2 - 1, axis=-1)


def mann_whitney(first: npt.ArrayLike, second: npt.ArrayLike) -> MannWhitney:
    """Compare two groups of independent values; agrees with scipy's `mannwhitneyu(method="asymptotic")`.

    Args:
        first: [tests, n], finite.
        second: [tests, m], finite.
    """
    own, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n, m = own.shape[-1], other.shape[-1]
    if not (n and m):
        unknown = np.full(own.shape[:-1], np.nan)
        return MannWhitney(unknown, unknown.copy(), unknown.copy())
    ranks, ties = average_ranks(np.concatenate([own, other], axis=-1))
    u = ranks[..., :n].sum(axis=-1) - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * max(total - 1, 1)))
    excess = np.abs(u - n * m / 2) - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, excess / np.sqrt(variance), 0.0)
    return MannWhitney(u, 2 * u / (n * m) - 1, two_sided(z))


def signed_rank(differences: npt.ArrayLike) -> Floats:
    """Wilcoxon's signed-rank test that paired differences lie around zero, two-sided.

    Agrees with scipy's `wilcoxon(correction=True, method="asymptotic")`; differences of zero are left out.

    Args:
        differences: [tests, n], finite.

    Returns:
        float64 [tests]; NaN where no difference is left.
    """
    rows = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    return np.array([_signed_rank(row[row != 0]) for row in rows])


def _signed_rank(differences: Floats) -> float:
    count = len(differences)
    if not count:
        return math.nan
    ranks, ties = average_ranks(np.abs(differences))
    positive = float(ranks[differences > 0].sum())
    variance = count * (count + 1) * (2 * count + 1) / 24 - float(ties) / 48
    excess = abs(positive - count * (count + 1) / 4) - 0.5
    return float(two_sided(np.array(excess / math.sqrt(variance))))


def two_sided(z: Floats) -> Floats:
    """Two-sided p-values of standard normal statistics given as distances from zero: at most 1."""
    tails = np.asarray(np.frompyfunc(math.erfc, 1, 1)(z / math.sqrt(2)), dtype=np.float64)
    return np.minimum(tails, 1.0)


def turned_sums(values: Floats, labels: Integers) -> Floats:
    """Sum of labelled values for every way of turning the labels around.

    Args:
        values: float64 [tests, n], multiples of a half (ranks), so that sums are exact.
        labels: int64 [n], how often each point counts.

    Returns:
        float64 [tests, n]; column k after moving every label k points on, those past the end to the beginning.
    """
    transformed = np.fft.rfft(values, axis=-1) * np.conj(np.fft.rfft(labels))
    sums: Floats = np.rint(2 * np.fft.irfft(transformed, n=values.shape[-1], axis=-1)) / 2
    return sums


def shift_test(
    values: npt.ArrayLike, labels: npt.ArrayLike, contigs: Sequence[int], shifts: int = SHIFTS, seed: int = 44
) -> ShiftTest:
    """Compare labelled points with where the same labels lie after being turned around their contigs.

    Every contig is turned by itself, by a number of points drawn uniformly; of a single contig all ways to turn it are
    taken once if there are no more than `shifts`. The statistic is the sum of ranks among all points, its p-value the
    share of turns (the labels' own place among them) in which it lies at least as far from its mean over the points.

    Args:
        values: [tests, n], finite, at evenly spaced points; those of a contig one after the other.
        labels: int [n], how many labels lie at each point.
        contigs: Points of each contig; together n.
        shifts: How many turns to compare with.
        seed: Fixes them.
    """
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    counts = np.asarray(labels, dtype=np.int64)
    total, points = int(counts.sum()), rows.shape[-1]
    if total < 1 or points < 2:
        unknown = np.full(len(rows), np.nan)
        return ShiftTest(unknown, unknown.copy(), 0)
    ranks, _ = average_ranks(rows)
    limits = np.cumsum([0, *contigs])
    pieces = [slice(start, stop) for start, stop in itertools.pairwise(limits) if counts[start:stop].any()]
    sums = [turned_sums(ranks[:, piece], counts[piece]) for piece in pieces]
    observed = np.sum([part[:, 0] for part in sums], axis=0)
    null, extra = _null(sums, shifts, np.random.default_rng(seed))
    # What a turn gives on average: every label of a contig gets its mean rank.
    middle = np.sum([part.mean(axis=1) for part in sums], axis=0)[:, None]
    # Sums of ranks are multiples of a half, so equal ones compare as equal.
    as_far = np.abs(null - middle) >= np.abs(observed[:, None] - middle)
    p = (as_far.sum(axis=1) + extra) / (null.shape[1] + extra)
    return ShiftTest(_biserial(ranks, counts, observed), p, null.shape[1] + extra)


def _null(sums: Sequence[Floats], shifts: int, random: np.random.Generator) -> tuple[Floats, int]:
    """Rank sums after turning, [tests, turns], and how many turns (0 or 1) the labels' own place adds to these."""
    if len(sums) == 1 and sums[0].shape[1] <= shifts:
        return sums[0], 0
    return np.sum([part[:, random.integers(part.shape[1], size=shifts)] for part in sums], axis=0), 1


def _biserial(ranks: Floats, counts: Integers, observed: Floats) -> Floats:
    """Labelled points, as often as they count, against those without a label."""
    free = counts == 0
    total, others = int(counts.sum()), int(free.sum())
    if not others:
        return np.full(len(ranks), np.nan)
    # Mean rank of either group among all points; half the number of points apart at most.
    apart = observed / total - ranks[:, free].mean(axis=1)
    distinct = int((~free).sum())
    # Where every label has a point of its own this is exactly the rank-biserial correlation.
    return apart * 2 / (others + distinct)


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Adjust p-values so that rejecting those below q keeps the false discovery rate at q.

    Benjamini and Hochberg 1995 (doi:10.1111/j.2517-6161.1995.tb02031.x), the step-up procedure: the smallest over
    j >= i of p(j) m / j, at most 1.

    Args:
        p: [m]; NaN where there was no test, which counts for nothing.

    Returns:
        float64 [m], NaN where p is.
    """
    given = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(-given[known], kind="stable")]
    places = np.arange(len(order), 0, -1)
    adjusted = np.full(given.shape, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(given[order] * len(order) / np.maximum(places, 1)), 1.0)
    return adjusted
