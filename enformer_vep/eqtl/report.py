"""Results as tab-separated tables and one line of words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from enformer_vep.eqtl.direction_tracks import DirectionTracks
from enformer_vep.eqtl.folds import OK
from enformer_vep.eqtl.results import BASELINES, Ranking, TissueResult
from enformer_vep.statistics import metrics
from enformer_vep.statistics.bootstrap import Advantage
from enformer_vep.tables.text_tables import table_text

_WORDS = {
    Ranking.DISTANCE: "TSS distance alone:", Ranking.FREQUENCY: "allele frequency alone:", Ranking.BOTH: "both:",
}  # fmt: skip

METRIC_COLUMNS = (
    "TISSUE", "STATUS", "POSITIVES", "NEGATIVES", "GROUPS", "POSITIVE_GROUPS", "AUROC", "AUROC_SD", "AUPRC", "AUPRC_SD",
    *(f"{baseline.name}_{figure}" for baseline in BASELINES for figure in ("AUROC", "AUROC_SD", "AUPRC", "AUPRC_SD")),
    *(f"OVER_{baseline.name}_{figure}{part}"
      for baseline in BASELINES for figure in ("AUROC", "AUPRC") for part in ("", "_LOW", "_HIGH")),
    "DIRECTION_STATUS", "DIRECTION_VARIANTS", "DIRECTION_UP", "DIRECTION_TRACKS", "DIRECTION_ACCURACY",
    "DIRECTION_AUROC", "DIRECTION_FOREST_ACCURACY", "DIRECTION_FOREST_ACCURACY_SD", "DIRECTION_FOREST_AUROC",
    "DIRECTION_FOREST_AUROC_SD",
)  # fmt: skip
FOLD_COLUMNS = (
    "TISSUE", "REPEAT", "FOLD", "POSITIVES", "NEGATIVES", "AUROC", "AUPRC",
    *(f"{baseline.name}_{figure}" for baseline in BASELINES for figure in ("AUROC", "AUPRC")),
)  # fmt: skip
DIRECTION_COLUMNS = ("TISSUE", "TRACK", "DESCRIPTION", "SIGN")
ACCOUNTING_COLUMNS = ("FILE", "ROW", "VARIANT", "TISSUE", "OUTCOME")


def metrics_text(results: Sequence[TissueResult]) -> str:
    """One row per tissue, `METRIC_COLUMNS`; NA where there is nothing to say.

    Spreads are standard deviations over all folds of all repeats; for the direction forest, over repeats. They are no
    standard errors: repeats divide the same examples anew. What varies independently is at most the groups: the
    intervals of OVER_... draw those. It is the forest, held out, minus a baseline fitted to the same examples.
    """
    return table_text(METRIC_COLUMNS, (_metrics_row(result) for result in results))


def folds_text(results: Sequence[TissueResult]) -> str:
    """One row per tissue, repeat and fold, `FOLD_COLUMNS`."""
    rows = (
        (result.tissue, fold.repeat, fold.fold, fold.positives, fold.negatives,
         *(figures[ranking] for ranking in (Ranking.FOREST, *BASELINES) for figures in (fold.auroc, fold.auprc)))
        for result in results
        for fold in result.folds
    )  # fmt: skip
    return table_text(FOLD_COLUMNS, rows)


def accounting_text(accounting: pd.DataFrame) -> str:
    """One row per label row with its outcome, `ACCOUNTING_COLUMNS`."""
    return table_text(ACCOUNTING_COLUMNS, accounting.itertuples(index=False, name=None))


def direction_text(results: Sequence[TissueResult], tracks: DirectionTracks) -> str:
    """Which tracks tell the direction in every tissue, with their signs: `DIRECTION_COLUMNS`."""
    rows = ((result.tissue, *row) for result in results for row in tracks.rows(result.tissue))
    return table_text(DIRECTION_COLUMNS, rows)


def describe(results: Sequence[TissueResult]) -> str:
    """The mean over tissues, beside the baselines' over the same tissues; and what told the direction of effect."""
    tested = [result for result in results if result.status == OK]
    if not tested:
        reasons = ", ".join(f"{result.tissue}: {result.status}" for result in results[:5])
        return f"no tissue could be tested ({reasons})"
    means = {ranking: float(np.mean([spread(one, ranking, "auroc")[0] for one in tested])) for ranking in Ranking}
    known = [f"{_WORDS[one]} {means[one]:.3f}" for one in BASELINES if not np.isnan(means[one])]
    beside = f" ({'; '.join(known)})" if known else ""
    own = f"mean AUROC over {len(tested)} of {len(results)} tissues: {means[Ranking.FOREST]:.3f}"
    return f"{own}{beside}{_kept_together(tested)}{_direction_words(results)}"


def _direction_words(results: Sequence[TissueResult]) -> str:
    used = list(dict.fromkeys(result.direction.tracks for result in results if result.direction.tracks))
    if not used:
        return ""
    return f"; direction by tracks {used[0]}" + (f" (and {len(used) - 1} other choices)" if len(used) > 1 else "")


def _kept_together(tested: Sequence[TissueResult]) -> str:
    counts = [result.groups for result in tested if result.groups is not None]
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    return f"; folds keep {low if low == high else f'{low} to {high}'} groups of examples together"


def spread(result: TissueResult, ranking: Ranking, figure: str) -> tuple[float, float]:
    """Mean and standard deviation of "auroc" or "auprc" of a ranking over the folds of all repeats."""
    return metrics.mean_and_spread([getattr(fold, figure)[ranking] for fold in result.folds])


def _metrics_row(result: TissueResult) -> tuple[object, ...]:
    own = result.direction
    positives = int(result.positive.sum())
    return (
        result.tissue, result.status, positives, len(result.positive) - positives,
        "NA" if result.groups is None else result.groups,
        "NA" if result.positive_groups is None else result.positive_groups,
        *(value for ranking in (Ranking.FOREST, *BASELINES) for figure in ("auroc", "auprc")
          for value in spread(result, ranking, figure)),
        *(value for ranking in BASELINES for value in _advantage(result, ranking)),
        own.status, own.variants, own.up, own.tracks or "NA", own.accuracy, own.auroc,
        *metrics.mean_and_spread(own.forest_accuracy), *metrics.mean_and_spread(own.forest_auroc),
    )  # fmt: skip


def _advantage(result: TissueResult, ranking: Ranking) -> tuple[float, ...]:
    found = result.advantages.get(ranking, Advantage())
    return tuple(value for one in (found.auroc, found.auprc) for value in (one.value, one.low, one.high))
