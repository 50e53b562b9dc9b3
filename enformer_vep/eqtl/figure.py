"""The evaluation as one picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from enformer_vep.eqtl.folds import OK
from enformer_vep.eqtl.report import spread
from enformer_vep.eqtl.results import Ranking, TissueResult
from enformer_vep.errors import DependencyError, InputError
from enformer_vep.statistics.bootstrap import Advantage, Interval
from enformer_vep.statistics.metrics import Bools, Floats, auroc, average_precision, curve

_MANY = 12
_CHANCE = "0.6"
# Label, colour and marker of what examples are ranked by.
_STYLES = {
    Ranking.FOREST: ("random forest", "#3b6ea8", "o"),
    Ranking.DISTANCE: ("TSS distance", "#d98032", "s"),
    Ranking.FREQUENCY: ("allele frequency", "#5b9a68", "^"),
    Ranking.BOTH: ("distance and frequency", "#8a5fa8", "D"),
}


def draw(results: Sequence[TissueResult], title: str) -> Any:
    """AUROC per tissue beside the baseline's; receiver operating and precision-recall curves of those tested.

    Raises:
        DependencyError: matplotlib is not installed.
        InputError: No tissue could be tested.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise DependencyError("figures need matplotlib; install it with: pip install 'enformer-vep[eqtl]'") from None
    tested = sorted(
        (one for one in results if one.status == OK), key=lambda one: spread(one, Ranking.FOREST, "auroc")[0]
    )
    if not tested:
        raise InputError("no tissue could be tested, so there is nothing to draw; see the table's STATUS")
    if len(tested) < _MANY:
        figure = Figure(figsize=(13, max(5.2, 1.8 + 0.24 * len(tested))), layout="constrained")
        tissues, roc, precision = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    else:
        figure = Figure(figsize=(10.5, max(8.0, 1.8 + 0.24 * len(tested))), layout="constrained")
        tissues, roc, precision = figure.subplot_mosaic("TR;TP", width_ratios=(1.1, 1)).values()
    _draw_tissues(tissues, tested)
    _draw_curves(roc, precision, tested)
    handles = tissues.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower left", ncols=2, frameon=False, fontsize="small")
    figure.suptitle(title, fontsize="medium")
    return figure


def _draw_tissues(panel: Any, tested: Sequence[TissueResult]) -> None:
    heights = np.arange(len(tested))
    known = [one for one in _STYLES if any(np.isfinite(spread(result, one, "auroc")[0]) for result in tested)]
    for offset, ranking in zip(np.linspace(0.21, -0.21, len(known)) if len(known) > 1 else [0.0], known, strict=True):
        label, colour, marker = _STYLES[ranking]
        means, spreads = np.array([spread(one, ranking, "auroc") for one in tested]).T
        panel.errorbar(
            means, heights + offset, xerr=np.nan_to_num(spreads), fmt=marker, color=colour, label=label,
            markersize=4.5, elinewidth=1.2, capsize=2,
        )  # fmt: skip
    panel.axvline(0.5, color=_CHANCE, linestyle=":", linewidth=1)
    panel.set_yticks(heights, [_name(one) for one in tested])
    panel.set(xlabel="AUROC, mean and standard deviation over folds", ylim=(-0.7, len(tested) - 0.3))
    panel.set_title("by tissue (positives / negatives)", fontsize="medium")
    _tidy(panel, "x")


def _draw_curves(roc: Any, precision: Any, tested: Sequence[TissueResult]) -> None:
    positive = np.concatenate([one.positive for one in tested])
    for ranking, (label, colour, _) in _STYLES.items():
        if all(ranking in one.held_out for one in tested):
            scores = np.concatenate([one.held_out[ranking] for one in tested])
            _draw_one(roc, precision, positive, scores, label, colour, _beaten_by(tested, ranking))
    roc.plot([0, 1], [0, 1], color=_CHANCE, linestyle=":", linewidth=1)
    precision.axhline(positive.mean(), color=_CHANCE, linestyle=":", linewidth=1)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    precision.set(xlabel="recall", ylabel="precision", xlim=(-0.01, 1.01), ylim=(0, 1.02))
    pooled = "held out" if len(tested) == 1 else f"held out, {len(tested)} tissues pooled"
    for panel in (roc, precision):
        panel.set_title(pooled, fontsize="medium")
        panel.set_box_aspect(1)
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False, fontsize="small")
        _tidy(panel, "both")


def _beaten_by(tested: Sequence[TissueResult], ranking: Ranking) -> Advantage | None:
    """The forest's advantage over a baseline, where there is one tissue: each has its own."""
    return tested[0].advantages.get(ranking) if len(tested) == 1 else None


def _in_words(interval: Interval) -> str:
    return f"\n(forest {interval.value:+.2f}, {interval.low:.2f} to {interval.high:.2f})"


def _draw_one(
    roc: Any, precision: Any, positive: Bools, scores: Floats, label: str, colour: str, over: Advantage | None
) -> None:
    counts = curve(positive, scores)
    rates = counts.false_positive_rate, counts.true_positive_rate
    by_auroc, by_auprc = ("", "") if over is None else (_in_words(over.auroc), _in_words(over.auprc))
    roc.plot(*rates, color=colour, label=f"{label}, AUROC {auroc(positive, scores):.2f}{by_auroc}")
    area = average_precision(positive, scores)
    precision.step(
        counts.true_positive_rate[1:],
        counts.precision,
        where="pre",
        color=colour,
        label=f"{label}, AUPRC {area:.2f}{by_auprc}",
    )


def _name(one: TissueResult) -> str:
    positives = int(one.positive.sum())
    return f"{one.tissue.replace('_', ' ')} ({positives} / {len(one.positive) - positives})"


def _tidy(panel: Any, grid: str) -> None:
    panel.grid(axis=grid, color="0.92")
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
