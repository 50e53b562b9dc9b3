"""Results as tab-separated tables and one line of words."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from enformer_vep.eqtl import metrics
from enformer_vep.eqtl.evaluation import TissueResult
from enformer_vep.eqtl.folds import OK

METRIC_COLUMNS = (
    "TISSUE", "STATUS", "POSITIVES", "NEGATIVES", "GROUPS", "POSITIVE_GROUPS", "AUROC", "AUROC_SD", "AUPRC", "AUPRC_SD",
    "BASELINE_AUROC", "BASELINE_AUROC_SD", "BASELINE_AUPRC", "BASELINE_AUPRC_SD",
    "DIRECTION_STATUS", "DIRECTION_VARIANTS", "DIRECTION_UP", "DIRECTION_ACCURACY", "DIRECTION_AUROC",
    "DIRECTION_FOREST_ACCURACY", "DIRECTION_FOREST_ACCURACY_SD", "DIRECTION_FOREST_AUROC",
    "DIRECTION_FOREST_AUROC_SD",
)  # fmt: skip
FOLD_COLUMNS = (
    "TISSUE", "REPEAT", "FOLD", "POSITIVES", "NEGATIVES", "AUROC", "AUPRC", "BASELINE_AUROC", "BASELINE_AUPRC",
)  # fmt: skip
ACCOUNTING_COLUMNS = ("FILE", "ROW", "VARIANT", "TISSUE", "OUTCOME")


def metrics_text(results: Sequence[TissueResult]) -> str:
    """One row per tissue, `METRIC_COLUMNS`; NA where there is nothing to say.

    Spreads are standard deviations over all folds of all repeats; for the direction forest, over repeats. They are no
    standard errors: repeats divide the same examples anew. What varies independently is at most the groups.
    """
    return table_text(METRIC_COLUMNS, (_metrics_row(result) for result in results))


def folds_text(results: Sequence[TissueResult]) -> str:
    """One row per tissue, repeat and fold, `FOLD_COLUMNS`."""
    rows = (
        (result.tissue, fold.repeat, fold.fold, fold.positives, fold.negatives, fold.auroc, fold.auprc,
         fold.baseline_auroc, fold.baseline_auprc)
        for result in results
        for fold in result.folds
    )  # fmt: skip
    return table_text(FOLD_COLUMNS, rows)


def accounting_text(accounting: pd.DataFrame) -> str:
    """One row per label row with its outcome, `ACCOUNTING_COLUMNS`."""
    return table_text(ACCOUNTING_COLUMNS, accounting.itertuples(index=False, name=None))


def describe(results: Sequence[TissueResult]) -> str:
    """The mean over tissues, beside the baseline's over the same tissues."""
    tested = [result for result in results if result.status == OK]
    if not tested:
        reasons = ", ".join(f"{result.tissue}: {result.status}" for result in results[:5])
        return f"no tissue could be tested ({reasons})"
    own = float(np.mean([spread(result, "auroc")[0] for result in tested]))
    baseline = float(np.mean([spread(result, "baseline_auroc")[0] for result in tested]))
    beside = "" if np.isnan(baseline) else f" (TSS distance alone: {baseline:.3f})"
    return f"mean AUROC over {len(tested)} of {len(results)} tissues: {own:.3f}{beside}{_kept_together(tested)}"


def _kept_together(tested: Sequence[TissueResult]) -> str:
    counts = [result.groups for result in tested if result.groups is not None]
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    return f"; folds keep {low if low == high else f'{low} to {high}'} groups of examples together"


def spread(result: TissueResult, name: str) -> tuple[float, float]:
    """Mean and standard deviation of one figure of `FoldScore` over the folds of all repeats."""
    return metrics.mean_and_spread([getattr(fold, name) for fold in result.folds])


def _metrics_row(result: TissueResult) -> tuple[object, ...]:
    own = result.direction
    positives = int(result.positive.sum())
    return (
        result.tissue, result.status, positives, len(result.positive) - positives,
        "NA" if result.groups is None else result.groups,
        "NA" if result.positive_groups is None else result.positive_groups,
        *spread(result, "auroc"), *spread(result, "auprc"),
        *spread(result, "baseline_auroc"), *spread(result, "baseline_auprc"),
        own.status, own.variants, own.up, own.accuracy, own.auroc,
        *metrics.mean_and_spread(own.forest_accuracy), *metrics.mean_and_spread(own.forest_auroc),
    )  # fmt: skip


def table_text(columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> str:
    """Tab-separated text; numbers with six digits, NA for NaN."""
    return "".join("\t".join(map(_cell, row)) + "\n" for row in (columns, *rows))


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "NA" if np.isnan(value) else f"{value:.6g}"
