"""The comparison with measured pairs as tab-separated tables and words."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from enformer_vep.explain.crispri import MeasuredPairs
from enformer_vep.explain.element_evaluation import ALL_DISTANCES, ALL_PAIRS, OK, RankedPairs
from enformer_vep.explain.scored_pairs import PairScores
from enformer_vep.statistics.bootstrap import Figure, Interval
from enformer_vep.tables.text_tables import table_text

_NAMES = {
    Figure.AVERAGE_PRECISION: "AUPRC",
    Figure.PRECISION_RECALL_AREA: "AUPRC_TRAPEZOID",
    Figure.PRECISION_AT_RECALL: "PRECISION_AT_70_RECALL",
    Figure.AUROC: "AUROC",
}
_PARTS = ("", "_LOW", "_HIGH")
_FIGURES = tuple(name + part for name in _NAMES.values() for part in _PARTS)

EVALUATION_COLUMNS = (
    "PAIRS", "DISTANCE", "RANKING", "STATUS", "COUNT", "POSITIVES", "SCORED", "SCORED_POSITIVES", *_FIGURES,
)  # fmt: skip
DIFFERENCE_COLUMNS = ("PAIRS", "DISTANCE", "RANKING", "OVER", *_FIGURES)
ACCOUNTING_COLUMNS = ("ROW", "CHROM", "START", "END", "GENE", "DISTANCE", "LABEL", "OUTCOME")

# Within these the model sees an element (half a window) and predicts at one (half of the 896 bins).
_HALF_OUTPUT = 57_344


def evaluation_text(results: Iterable[RankedPairs]) -> str:
    """One row per choice of pairs, distances and ranking, `EVALUATION_COLUMNS`; NA where there is nothing to say."""
    rows = (
        (one.pairs, one.distances, one.ranking, one.status, one.count, one.positives, one.scored, one.scored_positives,
         *_cells(one.figures))
        for one in results
    )  # fmt: skip
    return table_text(EVALUATION_COLUMNS, rows)


def differences_text(results: Iterable[RankedPairs]) -> str:
    """One row per choice and two rankings, `DIFFERENCE_COLUMNS`: figures of RANKING minus those of OVER."""
    rows = (
        (one.pairs, one.distances, one.ranking, other, *_cells(figures))
        for one in results
        for other, figures in one.over.items()
    )
    return table_text(DIFFERENCE_COLUMNS, rows)


def accounting_text(measured: MeasuredPairs, scores: PairScores) -> str:
    """One row per measured pair, `ACCOUNTING_COLUMNS`: whether it has scores, and if not, why."""
    return table_text(ACCOUNTING_COLUMNS, _accounting(measured, scores))


def describe_reach(measured: MeasuredPairs, reach: int) -> str:
    """How many pairs there are, and how many of them a model can say something about by their distance."""
    away, positive = measured.distance, measured.positive
    parts = [f"{len(measured)} measured pairs, {positive.sum()} regulated"]
    for limit in sorted({reach, _HALF_OUTPUT}, reverse=True):
        near = away <= limit
        parts.append(f"within {limit:,} bp of the TSS {near.sum()}, {(near & positive).sum()} regulated")
    return "; ".join(parts)


def describe_scores(measured: MeasuredPairs, scores: PairScores) -> str:
    """How many pairs have scores, and why others have none."""
    found = scores.outcomes == OK
    counts = Counter(map(str, scores.outcomes[~found]))
    lost = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    own = f"{found.sum()} of {len(measured)} pairs have scores, {(found & measured.positive).sum()} of them regulated"
    return f"{own} (others: {lost})" if lost else own


def describe_results(results: Sequence[RankedPairs]) -> str:
    """Average precision of every ranking of all pairs."""
    whole = [one for one in results if one.pairs == ALL_PAIRS and one.distances == ALL_DISTANCES]
    if whole and whole[0].status != OK:
        return f"no figures: {whole[0].status}"
    parts = [f"{one.ranking} {_words(one.figures[Figure.AVERAGE_PRECISION])}" for one in whole]
    return f"AUPRC of all pairs: {', '.join(parts)}"


def _words(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _cells(figures: Mapping[Figure, Interval]) -> Iterator[float]:
    for figure in _NAMES:
        one = figures.get(figure, Interval())
        yield from (one.value, one.low, one.high)


def _accounting(measured: MeasuredPairs, scores: PairScores) -> Iterator[tuple[object, ...]]:
    for index, ((contig, start, end), genes) in enumerate(zip(measured.elements, measured.genes, strict=True)):
        distance = f"{measured.distance[index]:.1f}".removesuffix(".0")
        label, outcome = int(measured.positive[index]), scores.outcomes[index]
        yield measured.place[index], contig, start, end, genes[-1], distance, label, outcome
