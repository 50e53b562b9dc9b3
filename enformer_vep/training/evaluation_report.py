"""An evaluation as a table, a sentence and a picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import DependencyError
from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.training.datasets import group_by_assay
from enformer_vep.training.held_out import EvaluatedModel

COLUMNS = (
    "index", "identifier", "pearson_bins", "pearson_bins_log", "pearson_sequences", "pearson_sequences_log",
    "observed_mean", "predicted_mean", "known_bins", "description",
)  # fmt: skip
_PANELS = (
    ("across bins", "bins", "bins_log"),
    ("across sequences", "sequences", "sequences_log"),
)
_PLAIN_COLOUR, _LOG_COLOUR = "#3b6ea8", "#d98032"
_SPREAD = 0.13
_MOST_ASSAYS = 12

Figures = npt.NDArray[np.float64]


def table_text(result: EvaluatedModel) -> str:
    """A tab-separated table with one line per track.

    Columns are `COLUMNS`; numbers have six significant digits, and an undefined correlation is "nan".
    """
    return "".join("\t".join(fields) + "\n" for fields in (COLUMNS, *_rows(result)))


def describe(result: EvaluatedModel) -> str:
    """One line: the mean of every figure over the tracks of every assay."""
    own = result.evaluation
    parts = [
        f"{assay} ({len(rows)} track{'s' if len(rows) > 1 else ''}) "
        f"bins {_mean(own.bins[rows])}, log {_mean(own.bins_log[rows])}; "
        f"sequences {_mean(own.sequences[rows])}, log {_mean(own.sequences_log[rows])}"
        for assay, rows in group_by_assay(result.targets).items()
    ]
    return f"mean Pearson r over {result.sequences} sequences: {' | '.join(parts)}"


def plot(result: EvaluatedModel, path: Path, split: str) -> None:
    """Draws every track's correlations, by assay, into a PNG file; the split is for the title.

    Raises:
        DependencyError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise DependencyError("plots need matplotlib; install it with: pip install 'enformer-vep[training]'") from None
    groups = _largest(group_by_assay(result.targets))
    figure = Figure(figsize=(10, 1.6 + 0.9 * len(groups)), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for panel, (title, *names) in zip(axes, _PANELS, strict=True):
        _draw_panel(panel, title, groups, [getattr(result.evaluation, name) for name in names])
    axes[0].set_yticks(range(len(groups)), [f"{assay}\n{len(rows)} tracks" for assay, rows in groups.items()])
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(f"{result.model}, {split}: {result.sequences} sequences", fontsize="medium")
    with complete_or_absent(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _rows(result: EvaluatedModel) -> Iterator[tuple[str, ...]]:
    own = result.evaluation
    correlations = (own.bins, own.bins_log, own.sequences, own.sequences_log)
    for index, target in enumerate(result.targets):
        numbers = [f"{column[index]:.6g}" for column in (*correlations, own.observed_mean, own.predicted_mean)]
        known = f"{own.known_bins[index]:.0f}"
        yield (str(index), target.identifier, *numbers, known, target.description)


def _draw_panel(panel: Any, title: str, groups: dict[str, list[int]], figures: Sequence[Figures]) -> None:
    styles = (("as it is", _PLAIN_COLOUR, -0.2), ("log(1 + x)", _LOG_COLOUR, 0.2))
    for values, (label, colour, offset) in zip(figures, styles, strict=True):
        for row, members in enumerate(groups.values()):
            _draw_group(panel, values[members], row + offset, colour, label if row == 0 else None)
    panel.plot([], [], "k|", markersize=12, markeredgewidth=2, label="mean")
    panel.set(title=title, xlabel="Pearson r", ylim=(-0.5, len(groups) - 0.5))
    known = np.concatenate([values[np.isfinite(values)] for values in figures])
    panel.set_xlim(min(0.0, known.min(initial=0.0) - 0.05), 1.0)
    panel.grid(axis="x", color="0.9")
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _draw_group(panel: Any, values: Figures, height: float, colour: str, label: str | None) -> None:
    jitter = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, len(values))
    panel.scatter(values, height + jitter, s=18, color=colour, alpha=0.55, linewidths=0, label=label)
    if np.isfinite(values).any():
        mean = np.nanmean(values)
        panel.plot([mean], [height], "k|", markersize=16, markeredgewidth=2)
        beside = {"transform": panel.get_yaxis_transform(), "va": "center", "fontsize": "small"}
        panel.text(1.01, height, f"{mean:.2f}", color=colour, **beside)


def _largest(groups: dict[str, list[int]]) -> dict[str, list[int]]:
    """The assays of most tracks, so that a table of ChIP factors stays readable."""
    chosen = sorted(groups, key=lambda assay: -len(groups[assay]))[:_MOST_ASSAYS]
    return {assay: groups[assay] for assay in chosen}


def _mean(values: Figures) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():.3f}" if len(known) else "nan"
