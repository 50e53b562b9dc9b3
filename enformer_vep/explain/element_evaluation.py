"""How well rankings of element-gene pairs tell those that were found to regulate from the others, by distance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.crispri import MeasuredPairs
from enformer_vep.settings.explain_evaluation import DistanceBin, PairEvaluationSettings, Resample
from enformer_vep.statistics.bootstrap import Bootstrap, Figure, Interval, bootstrap

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OK = "ok"
NO_PAIRS, NO_POSITIVES, NO_NEGATIVES = "no_pairs", "no_positives", "no_negatives"

ALL_PAIRS, IN_REACH, SCORED = "all", "in_reach", "scored"
ALL_DISTANCES = "all"

INVERSE_DISTANCE = "INVERSE_DISTANCE"
H3K27AC_BY_DISTANCE = "H3K27AC_BY_DISTANCE"
ACTIVITY_BY_DISTANCE = "ACTIVITY_BY_DISTANCE"
BASELINES = (INVERSE_DISTANCE, H3K27AC_BY_DISTANCE, ACTIVITY_BY_DISTANCE)
"""Rankings that need nothing but the measured table. Activity is the geometric mean of accessibility and H3K27ac."""


@dataclass(frozen=True, slots=True)
class RankedPairs:
    """One ranking of some pairs.

    Attributes:
        pairs: Which: `ALL_PAIRS` (those without a score rank last, as one tie), `IN_REACH` of the model, or `SCORED`:
            those that every ranking has a score for.
        distances: `ALL_DISTANCES` or a bin.
        ranking: Its name.
        status: `OK`, or why there are no figures.
        count: How many pairs.
        positives: Those that regulate.
        scored: Pairs that the ranking has a score for.
        scored_positives: Likewise.
        figures: Empty unless ok.
        over: By other ranking, the difference of every figure; above 0 where this one is better.
    """

    pairs: str
    distances: str
    ranking: str
    status: str
    count: int
    positives: int
    scored: int
    scored_positives: int
    figures: Mapping[Figure, Interval] = field(default_factory=dict)
    over: Mapping[str, Mapping[Figure, Interval]] = field(default_factory=dict)


def baselines(measured: MeasuredPairs) -> dict[str, Floats]:
    """Rankings that need no model, float64 [pairs], NaN where a signal is missing; those of which nothing is known not.

    A distance below 1 bp counts as 1.
    """
    away = np.maximum(measured.distance, 1)
    found = {
        INVERSE_DISTANCE: 1 / away,
        H3K27AC_BY_DISTANCE: measured.h3k27ac / away,
        ACTIVITY_BY_DISTANCE: np.sqrt(measured.h3k27ac * measured.accessibility) / away,
    }
    return {name: values for name, values in found.items() if np.isfinite(values).any()}


def evaluate_rankings(
    measured: MeasuredPairs, rankings: Mapping[str, Floats], settings: PairEvaluationSettings
) -> Iterator[RankedPairs]:
    """Yields one result for every choice of pairs, distances and ranking.

    Args:
        measured: Pairs and labels.
        rankings: At least one; float64 [pairs], higher for positives, NaN where there is none.
        settings: Bins, reach, bootstrap.
    """
    groups = _groups(measured, settings.resample)
    for pairs, chosen in choices_of_pairs(measured, rankings, settings).items():
        for distances, within in bins_of(measured, settings.bins).items():
            yield from _evaluate(pairs, distances, chosen & within, measured.positive, rankings, groups, settings)


def choices_of_pairs(
    measured: MeasuredPairs, rankings: Mapping[str, Floats], settings: PairEvaluationSettings
) -> dict[str, Bools]:
    """Which pairs are compared: bool [pairs] by name, see `RankedPairs`."""
    return {
        ALL_PAIRS: np.ones(len(measured), dtype=np.bool_),
        IN_REACH: measured.distance <= settings.reach,
        SCORED: np.logical_and.reduce([np.isfinite(values) for values in rankings.values()]),
    }


def bins_of(measured: MeasuredPairs, bins: tuple[DistanceBin, ...]) -> dict[str, Bools]:
    """Which pairs lie in all distances, and in each bin: bool [pairs] by name."""
    within = {str(one): (measured.distance >= one.start) & (measured.distance < one.end) for one in bins}
    return {ALL_DISTANCES: np.ones(len(measured), dtype=np.bool_), **within}


def with_missing_last(scores: Floats) -> Floats:
    """Scores without NaN: these come last, tied with each other."""
    known = np.isfinite(scores)
    last = np.min(scores[known], initial=0.0) - 1
    return np.where(known, scores, last)


def _evaluate(
    pairs: str,
    distances: str,
    chosen: Bools,
    positive: Bools,
    rankings: Mapping[str, Floats],
    groups: npt.NDArray[np.int64],
    settings: PairEvaluationSettings,
) -> Iterator[RankedPairs]:
    own = positive[chosen]
    status = why_not(own)
    scores = {name: values[chosen] for name, values in rankings.items()}
    drawn = None
    if status == OK:
        filled = [with_missing_last(values) for values in scores.values()]
        drawn = bootstrap(own, filled, groups[chosen], settings.seed, samples=settings.samples)
    for index, (name, values) in enumerate(scores.items()):
        known = np.isfinite(values)
        yield RankedPairs(
            pairs,
            distances,
            name,
            status,
            len(own),
            int(own.sum()),
            int(known.sum()),
            int((known & own).sum()),
            {} if drawn is None else {figure: drawn.interval(index, figure) for figure in Figure},
            {} if drawn is None else _over(drawn, index, tuple(rankings)),
        )


def why_not(positive: Bools) -> str:
    """`OK`, or why pairs with these labels have no figures."""
    if not len(positive):
        return NO_PAIRS
    if not positive.any():
        return NO_POSITIVES
    return NO_NEGATIVES if positive.all() else OK


def _over(drawn: Bootstrap, own: int, names: tuple[str, ...]) -> dict[str, dict[Figure, Interval]]:
    return {
        name: {figure: drawn.difference(own, other, figure) for figure in Figure}
        for other, name in enumerate(names)
        if other != own
    }


def _groups(measured: MeasuredPairs, resample: Resample) -> npt.NDArray[np.int64]:
    """int64 [pairs], equal for what is drawn together."""
    names: list[tuple[object, ...]]
    if resample is Resample.GENE:
        names = [(contig, *genes) for contig, genes in zip(measured.contig, measured.genes, strict=True)]
    elif resample is Resample.ELEMENT:
        names = list(measured.elements)
    else:
        names = [(index,) for index in range(len(measured))]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)
