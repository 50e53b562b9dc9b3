"""The comparison with measured pairs as one picture."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.explain.crispri import MeasuredPairs
from enformer_vep.explain.element_evaluation import (
    ALL_DISTANCES,
    ALL_PAIRS,
    IN_REACH,
    OK,
    RankedPairs,
    choices_of_pairs,
    with_missing_last,
)
from enformer_vep.figures.precision_recall import BinPanel, Curve, CurvePanel, draw_precision_recall
from enformer_vep.settings.explain_evaluation import PairEvaluationSettings
from enformer_vep.statistics.bootstrap import Figure
from enformer_vep.statistics.metrics import curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

Floats = npt.NDArray[np.float64]


def draw_evaluation(
    measured: MeasuredPairs,
    rankings: Mapping[str, Floats],
    results: Sequence[RankedPairs],
    settings: PairEvaluationSettings,
) -> "Picture":
    """Curves of all pairs and of those in reach; the area under them by distance, with intervals.

    Raises:
        InputError: Nothing has figures.
        DependencyError: matplotlib is not installed.
    """
    chosen = choices_of_pairs(measured, rankings, settings)
    whole = [one for one in results if one.distances == ALL_DISTANCES and one.status == OK]
    words = {ALL_PAIRS: "all pairs", IN_REACH: f"within {settings.reach:,} bp of the TSS"}
    panels = []
    for name, title in words.items():
        found = [one for one in whole if one.pairs == name]
        if found:
            pairs = chosen[name]
            positive = measured.positive[pairs]
            curves = {one.ranking: _curve(one, positive, rankings[one.ranking][pairs]) for one in found}
            counts = f"{positive.sum()} regulated, {(~positive).sum()} not"
            panels.append(CurvePanel(f"{title}\n({counts})", curves, float(positive.mean())))
    if not panels:
        raise InputError("no choice of pairs has both kinds, so there is nothing to draw; see the table's STATUS")
    return draw_precision_recall(panels, _bins(results, settings))


def _curve(one: RankedPairs, positive: npt.NDArray[np.bool_], scores: Floats) -> Curve:
    counts = curve(positive, with_missing_last(scores))
    area = one.figures[Figure.AVERAGE_PRECISION]
    label = f"{one.ranking}, AUPRC {area.value:.2f} ({area.low:.2f} to {area.high:.2f})"
    # The first step begins at recall 0, as average precision counts it.
    return Curve(label, counts.true_positive_rate, np.r_[counts.precision[0], counts.precision])


def _bins(results: Sequence[RankedPairs], settings: PairEvaluationSettings) -> BinPanel | None:
    names = [str(one) for one in settings.bins]
    own = {(one.ranking, one.distances): one for one in results if one.pairs == ALL_PAIRS}
    if not names:
        return None
    positives = {one.distances: f"{one.distances}\n{one.positives} of {one.count}" for one in own.values()}
    values = {
        ranking: np.array([_area(own[ranking, name]) for name in names])
        for ranking in dict.fromkeys(ranking for ranking, _ in own)
    }
    return BinPanel("all pairs, by distance", [positives[name] for name in names], values, "AUPRC (95 % interval)")


def _area(one: RankedPairs) -> tuple[float, float, float]:
    area = one.figures.get(Figure.AVERAGE_PRECISION)
    return (np.nan, np.nan, np.nan) if area is None else (area.value, area.low, area.high)
