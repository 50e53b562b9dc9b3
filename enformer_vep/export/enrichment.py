"""Fits W, the log enrichment of causal variants per standard deviation of the score, by maximum likelihood."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from enformer_vep.errors import InputError
from enformer_vep.export.locus_likelihood import Floats, Loci, Nuisance
from enformer_vep.export.priors import MAX_RATIO

RATIOS = (10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0, math.inf)
"""Largest over smallest weight: what is tried. None binds near W = 0, so the test of W = 0 is a regular one."""

LARGEST = 8.0
"""W is looked for between minus this and this; a standard deviation then is 3,000-fold. And no farther than to where
a standard deviation reaches the cap: beyond, weights are the floor or the cap and little between, which is another
model and often fits a few loci by chance. A steeper W comes with a larger ratio."""

_STEP = 0.5
_ACCURACY = 1e-4
# Half the 95 % quantile of chi-square with one degree of freedom.
_DROP = 1.920729
_START_LOG_ODDS = 1.0
_LIMITS = np.array([math.log(1000), 12.0])
_ROUNDS = 60
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The fit.

    Attributes:
        weight: W.
        interval: 95 % profile likelihood interval of W; None for an end that the data leave open.
        max_ratio: Largest over smallest weight that goes with it.
        indel: Log enrichment of indels over substitutions of the same z; None if not fitted.
        share: Of loci that have a causal variant; None if not fitted.
        log_likelihood: Relative to equal priors for all variants.
        p_value: Of W = 0, by the likelihood ratio and chi-square with one degree of freedom.
        by_ratio: W and its log likelihood for every ratio that was tried.
    """

    weight: float
    interval: tuple[float | None, float | None]
    max_ratio: float
    indel: float | None
    share: float | None
    log_likelihood: float
    p_value: float
    by_ratio: dict[float, tuple[float, float]]


def fit_enrichment(
    loci: Loci, *, max_ratio: float | None = None, indel: bool = False, share: bool = False
) -> Enrichment:
    """Maximises the likelihood of `locus_likelihood` over W, the ratio, and what else is asked for.

    The ratio is `MAX_RATIO` unless another of `RATIOS` has a log likelihood that is larger by 1.92, which is what 5 %
    of data sets do where it makes no difference; W and its interval are those at this ratio.

    Args:
        loci: What to fit to.
        max_ratio: The ratio, if it is not to be fitted.
        indel: Fit an enrichment of indels.
        share: Fit the share of loci that have a causal variant; otherwise all have one.

    Raises:
        InputError: There is no locus, or nothing in them that differs.
    """
    if not len(loci) or not np.ptp(loci.z) > 0:
        raise InputError(
            "no locus has variants with different scores, so there is nothing to fit: give --loci or a column LOCUS, "
            "and scores of the same variants"
        )
    free = np.array([indel and 0 < loci.indel.mean() < 1, share])
    fits = {
        ratio: _maximum(_Profile(loci, ratio, free)) for ratio in ((max_ratio,) if max_ratio is not None else RATIOS)
    }
    chosen = max(fits, key=lambda ratio: fits[ratio][1])
    if MAX_RATIO in fits and fits[chosen][1] - fits[MAX_RATIO][1] <= _DROP:
        chosen = MAX_RATIO
    profile, (weight, best) = _Profile(loci, chosen, free), fits[chosen]
    flat = profile(0.0)
    interval = tuple(_end(profile, weight, best - _DROP, sign * profile.largest) for sign in (-1, 1))
    profile(weight)
    nuisance = profile.nuisance
    return Enrichment(
        weight,
        (interval[0], interval[1]),
        chosen,
        nuisance.indel if free[0] else None,
        nuisance.share if share else None,
        best - flat,
        math.erfc(math.sqrt(max(best - flat, 0.0))),
        {ratio: (one, likelihood - flat) for ratio, (one, likelihood) in fits.items()},
    )


class _Profile:
    """Log likelihood as a function of W, the nuisance parameters at their best; each search begins at the last."""

    def __init__(self, loci: Loci, ratio: float, free: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
        self._loci, self._limit, self._free = loci, math.log(ratio) / 2, free
        self.largest = min(self._limit, LARGEST)
        self.nuisance = Nuisance(0.0, _START_LOG_ODDS if free[1] else math.inf)

    def __call__(self, weight: float) -> float:
        if not self._free.any():
            return self._loci.log_likelihood(weight, self._limit)
        for _ in range(_ROUNDS):
            found = self._loci.derivatives(weight, self._limit, self.nuisance)
            if not self._improve(weight, found.value, found.gradient[self._free], found.curvature):
                break
        return self._loci.log_likelihood(weight, self._limit, self.nuisance)

    def _improve(self, weight: float, value: float, gradient: Floats, curvature: Floats) -> bool:
        """One damped step of Newton's; whether it made a difference."""
        curvature = curvature[np.ix_(self._free, self._free)]
        here = np.array(self.nuisance)[self._free]
        limits = _LIMITS[self._free]
        # Where the surface is not concave, as much is added to the diagonal as makes it so.
        damping = max(0.0, float(np.linalg.eigvalsh(curvature).max()) + 1e-6)
        for _ in range(30):
            step = np.linalg.solve(damping * np.eye(len(here)) - curvature, gradient)
            there = np.array(self.nuisance)
            there[self._free] = np.clip(here + step, -limits, limits)
            tried = Nuisance(*there.tolist())
            gain = self._loci.log_likelihood(weight, self._limit, tried) - value
            if gain > 0:
                self.nuisance = tried
                return gain > 1e-9
            damping = max(4 * damping, 1e-3)
        return False


def _maximum(profile: _Profile) -> tuple[float, float]:
    """W and the log likelihood there: a grid first, since the likelihood need not have one maximum only."""
    grid = np.linspace(-profile.largest, profile.largest, 2 * math.ceil(profile.largest / _STEP) + 1)
    values = [profile(float(weight)) for weight in grid]
    middle = int(np.argmax(values))
    low, high = float(grid[max(middle - 1, 0)]), float(grid[min(middle + 1, len(grid) - 1)])
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = profile(left), profile(right)
    while high - low > _ACCURACY:
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = profile(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = profile(right)
    return max((left, at_left), (right, at_right), (float(grid[middle]), values[middle]), key=lambda found: found[1])


def _end(profile: Callable[[float], float], weight: float, threshold: float, towards: float) -> float | None:
    """Where the log likelihood falls to the threshold on the way from W; None if it never does."""
    inside = weight
    steps = max(math.ceil(abs(towards - weight) / _STEP), 1)
    for outside in np.linspace(weight, towards, steps + 1)[1:].tolist():
        if profile(outside) < threshold:
            break
        inside = outside
    else:
        return None
    while abs(outside - inside) > _ACCURACY:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if profile(middle) >= threshold else (inside, middle)
    return inside
