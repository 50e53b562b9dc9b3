"""The picture of a comparison: correlations over columns, and one pair of columns value by value."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enformer_vep.compare.table_comparison import Comparison
from enformer_vep.figures.drawing import ALTERNATE, COLOURS, REFERENCE, SEQUENTIAL, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More columns than can be named, and more rows than can be told apart as points.
_MANY_COLUMNS, _MANY_ROWS = 30, 5000
_LONGEST_NAME = 40


def draw_agreement(found: Comparison) -> "Figure":
    """Draw a comparison; DependencyError without matplotlib.

    Left are Pearson's and Spearman's correlations of every pair of columns, or how they are distributed where there
    are many; right are the values of the pair in the middle, with the rows that lie furthest apart in it.
    """
    few = len(found.pairs) <= _MANY_COLUMNS
    figure = new_figure(11, max(4.2, 1.6 + 0.24 * len(found.pairs)) if few else 4.6)
    correlations, values = figure.subplots(1, 2)
    series = {
        "Pearson": [one.pearson for one in found.agreements],
        "Spearman": [one.spearman for one in found.agreements],
    }
    if few:
        _draw_each(correlations, [" / ".join(dict.fromkeys(pair.names)) for pair in found.pairs], series)
    else:
        _draw_distribution(correlations, series)
    _draw_values(values, found)
    figure.suptitle(f"{len(found.joined.rows[0]):,} rows in both tables", fontsize="medium")
    return figure


def _draw_each(panel: Any, names: Sequence[str], series: dict[str, list[float]]) -> None:
    heights = np.arange(len(names))[::-1]
    for (name, numbers), colour, marker in zip(series.items(), COLOURS, "os", strict=False):
        panel.plot(numbers, heights, marker, color=colour, label=name, markersize=5)
    panel.set_yticks(heights, [_short(name) for name in names], fontsize="small")
    panel.set(xlabel="correlation", ylim=(-0.7, len(names) - 0.3))
    _finish(panel, "x")


def _draw_distribution(panel: Any, series: dict[str, list[float]]) -> None:
    edges = np.linspace(min(0.0, *(np.nanmin([0.0, *numbers]) for numbers in series.values())), 1, 41)
    for (name, numbers), colour in zip(series.items(), COLOURS, strict=False):
        known = np.array(numbers)[~np.isnan(numbers)]
        middle = f", median {np.median(known):.2f}" if len(known) else ""
        panel.hist(known, edges, histtype="step", color=colour, linewidth=1.5, label=f"{name}{middle}")
    panel.set(xlabel="correlation", ylabel="columns")
    _finish(panel, "both")


def _draw_values(panel: Any, found: Comparison) -> None:
    pair, one = found.pairs[found.middle], found.agreements[found.middle]
    known = np.isfinite(found.values[0]) & np.isfinite(found.values[1])
    x, y = (values[known] for values in found.values)
    if len(x) > _MANY_ROWS:
        panel.hexbin(x, y, gridsize=60, bins="log", mincnt=1, cmap=SEQUENTIAL, linewidths=0)
    else:
        panel.plot(x, y, ".", color=COLOURS[0], markersize=4, alpha=0.6)
    apart = [row.values for row in found.disagreements if row.pair == pair]
    if apart:
        label = f"{len(apart)} of the rows furthest apart"
        panel.plot(*zip(*apart, strict=True), "o", mfc="none", color=ALTERNATE, markersize=6, label=label)
    for draw in (panel.axhline, panel.axvline):
        draw(0, color=REFERENCE, linewidth=0.8, linestyle=":")
    names = (
        f"{_short(name)} in {_short(Path(table).name)}" for name, table in zip(pair.names, found.names, strict=True)
    )
    panel.set(**dict(zip(("xlabel", "ylabel"), names, strict=True)))
    panel.set_title(f"Pearson {one.pearson:.2f}, Spearman {one.spearman:.2f}", fontsize="medium")
    _finish(panel, "both", legend=bool(apart))


def _finish(panel: Any, grid: str, *, legend: bool = True) -> None:
    if legend:
        panel.legend(frameon=False, fontsize="small")
    tidy(panel, grid)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
