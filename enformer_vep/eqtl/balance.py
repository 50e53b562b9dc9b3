"""How alike positives and negatives are in what they are matched on, before and after."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from enformer_vep.eqtl.pools import Place

COVARIATES = ("log10_distance", "maf")


class Moments(NamedTuple):
    """Of a covariate: how many, mean and standard deviation (n - 1)."""

    number: int
    mean: float
    deviation: float


@dataclass(slots=True)
class RunningMoments:
    """Mean and variance of values that come one at a time (Welford 1962), for both covariates."""

    count: int = 0
    _mean: list[float] = field(default_factory=lambda: [0.0] * len(COVARIATES))
    _squares: list[float] = field(default_factory=lambda: [0.0] * len(COVARIATES))

    def add(self, place: Place) -> None:
        """Counts one more."""
        self.count += 1
        for index, value in enumerate(covariates(place)):
            off = value - self._mean[index]
            self._mean[index] += off / self.count
            self._squares[index] += off * (value - self._mean[index])

    def moments(self, index: int) -> Moments:
        """Of one covariate, by its place in `COVARIATES`."""
        if not self.count:
            return Moments(0, math.nan, math.nan)
        variance = self._squares[index] / (self.count - 1) if self.count > 1 else math.nan
        return Moments(self.count, self._mean[index], math.sqrt(variance))


class Balance(NamedTuple):
    """One covariate of one tissue.

    Attributes:
        tissue: Its name.
        covariate: Of `COVARIATES`.
        positives_before: All that could be matched.
        negatives_before: All variants in reach that could be negatives, whatever their distance and frequency.
        difference_before: Standardised mean difference: positives minus negatives, over the root mean of both
            variances (Austin 2009, doi:10.1002/sim.3697).
        positives_after: Those with a negative.
        negatives_after: Their negatives.
        difference_after: Over the same denominator, so that it changes with the means alone.
    """

    tissue: str
    covariate: str
    positives_before: Moments
    negatives_before: Moments
    difference_before: float
    positives_after: Moments
    negatives_after: Moments
    difference_after: float


def covariates(place: Place) -> tuple[float, float]:
    """log10(|distance| + 1 bp) and the minor allele frequency."""
    return math.log10(abs(place.distance) + 1), place.frequency


def balance(
    tissue: str, positives: Sequence[Place], pool: RunningMoments, matched: Sequence[Place], negatives: Sequence[Place]
) -> list[Balance]:
    """Compares, covariate by covariate.

    Args:
        tissue: Its name.
        positives: All that could be matched.
        pool: What could be negatives.
        matched: Positives with negatives.
        negatives: These.
    """
    rows = []
    for index, covariate in enumerate(COVARIATES):
        before, after, chosen = (_moments(places, index) for places in (positives, matched, negatives))
        eligible = pool.moments(index)
        scale = math.sqrt((before.deviation**2 + eligible.deviation**2) / 2)
        differences = (_over(one.mean - other.mean, scale) for one, other in ((before, eligible), (after, chosen)))
        first, second = differences
        rows.append(Balance(tissue, covariate, before, eligible, first, after, chosen, second))
    return rows


def _moments(places: Iterable[Place], index: int) -> Moments:
    values = np.array([covariates(place)[index] for place in places])
    if not len(values):
        return Moments(0, math.nan, math.nan)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return Moments(len(values), float(values.mean()), deviation)


def _over(difference: float, scale: float) -> float:
    return difference / scale if scale > 0 else math.nan
