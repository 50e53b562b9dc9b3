"""The activity-by-contact model of enhancers: functions on arrays.

Fulco et al. 2019 (doi:10.1038/s41588-019-0538-0), Nasser et al. 2021 (doi:10.1038/s41586-021-03446-x). Numbers are
those of broadinstitute/ABC-Enhancer-Gene-Prediction (commit 36e212e), from which three things differ in what the papers
say: the power law has distance + 1, Hi-C gets the power law as a pseudocount, and a gene's own promoters have the score
1 after its scores were made to add up to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.settings.explain_abc import ContactSettings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SignalQuantiles:
    """Signal by rank in a reference sample, of one kind of element.

    Attributes:
        rank: float64 [n], ascending; 1 is the strongest element of a genome.
        signal: float64 [n], in reads per million.
    """

    rank: Floats
    signal: Floats

    def __call__(self, rank: Floats) -> Floats:
        """Signal at a rank: linear between the reference's and beyond them, not below 0."""
        right = np.clip(np.searchsorted(self.rank, rank), 1, len(self.rank) - 1)
        left = right - 1
        slope = (self.signal[right] - self.signal[left]) / (self.rank[right] - self.rank[left])
        return np.maximum(slope * (rank - self.rank[left]) + self.signal[left], 0)


def quantile_normalised(signal: Floats, promoter: Bools, reference: Mapping[bool, SignalQuantiles]) -> Floats:
    """Replaces signals by those of equal rank in a reference, promoters and other elements apart.

    Ranks are counted within the elements given, so those of one contig come out as if they were a genome's strongest.

    Args:
        signal: float64 [elements], any unit: only its order counts; ties share a rank.
        promoter: bool [elements].
        reference: Of promoters (True) and of others (False).

    Returns:
        float64 [elements], reads per million.
    """
    result = np.empty(len(signal))
    for kind, quantiles in reference.items():
        chosen = promoter == kind
        count = int(chosen.sum())
        if count:
            # In the original's order of operations, so that digits agree.
            quantile = pd.Series(signal[chosen]).rank().to_numpy() / count
            result[chosen] = quantiles((1 - quantile) * count)
    return result


def activity(accessibility: Floats, acetylation: Floats | None = None) -> Floats:
    """Geometric mean of accessibility and H3K27ac, float64 [elements]; the accessibility where it is all there is."""
    return accessibility if acetylation is None else np.sqrt(acetylation * accessibility)


def midpoint_distance(start: Integers, end: Integers, tss: int) -> Floats:
    """From the middle of each element (0-based, half-open; halves stay) to a start site, in bp, never negative."""
    return np.abs((start + end) / 2 - tss)


def power_law(distance: npt.ArrayLike, gamma: float, scale: float, least: float) -> Floats:
    """Expected contact at distances in bp: exp(scale - gamma ln(max(distance, least) + 1))."""
    result: Floats = np.exp(scale - gamma * np.log(np.maximum(distance, least) + 1))
    return result


def expected_contact(distance: Floats, settings: ContactSettings) -> Floats:
    """The contact of a pair by its distance alone: float64 [elements]."""
    return power_law(distance, settings.gamma, settings.scale, settings.least_distance)


def adjusted_contact(measured: Floats, distance: Floats, self_promoter: Bools, settings: ContactSettings) -> Floats:
    """Makes Hi-C of one gene comparable between cell types, and never 0.

    Args:
        measured: float64 [elements], of a matrix whose rows add up to 1; NaN where it has nothing.
        distance: float64 [elements], bp.
        self_promoter: bool [elements].
        settings: The power law.

    Returns:
        float64 [elements]: contact x reference law / own law + min(own law, own law at the pseudocount's distance).
    """
    expected = expected_contact(distance, settings)
    if self_promoter.any() and np.nansum(measured[self_promoter]) < settings.least_promoter_contact:
        measured = expected
    reference = power_law(distance, settings.reference_gamma, settings.reference_scale, settings.least_distance)
    largest = expected_contact(np.array(float(settings.pseudocount_distance)), settings)
    return np.nan_to_num(measured) * (reference / expected) + np.minimum(expected, largest)


def is_self_promoter(start: Integers, end: Integers, promoter: Bools, tss: int, slop: int) -> Bools:
    """Which promoters are the gene's own: bool [elements]."""
    return promoter & (start - slop < tss) & (end + slop > tss)


def abc_scores(activities: Floats, contact: Floats, self_promoter: Bools) -> tuple[Floats, Floats]:
    """Scores of all elements that compete for one gene.

    Args:
        activities: float64 [elements], of every candidate within the window, promoters of other genes included.
        contact: float64 [elements].
        self_promoter: bool [elements].

    Returns:
        float64 [elements] numerators (activity x contact) and scores: numerators by their sum, then 1 for the gene's
        own promoters. Scores are NaN where no element has any activity.
    """
    numerator = activities * contact
    with np.errstate(invalid="ignore"):
        score = numerator / numerator.sum()
    return numerator, np.where(self_promoter, 1.0, score)
