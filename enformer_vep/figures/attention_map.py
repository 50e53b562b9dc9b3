"""A picture of an attention map: who looks at whom along a window, and the rows of some queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.figures.drawing import COLOURS, SEQUENTIAL, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float32]

MOST_ROWS = 6
"""Rows that are drawn; of more the first."""
_SIDE, _ROW_HEIGHT = 6.4, 0.85
_FAINTEST, _STRONGEST = 0.02, 0.995
"""Quantiles of the map where the colours begin and end."""
_SPAN = 1000
"""Colours and rows begin at most so many times below even attention, 1 / n: what is less is nothing for any practical
purpose, and with softmax it can be less by twenty orders of magnitude."""


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A row of the map.

    Attributes:
        name: What the query is.
        bins: Its bins.
        values: float32 [bins of the map].
    """

    name: str
    bins: Sequence[int]
    values: Floats


def draw_attention(attention: Floats, start: int, width: int, rows: Sequence[DrawnRow], title: str) -> "Figure":
    """Draw a map with logarithmic colours, queries downwards and keys to the right, and rows below it.

    What is below a thousandth of even attention (1 / n) has the darkest colour.

    Args:
        attention: float32 [n, n], rows are queries.
        start: 0-based position of the first bin; may be negative.
        width: Base pairs per bin.
        rows: Drawn below the map, at most `MOST_ROWS`, on its horizontal axis.
        title: Above the map: the contig among it.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    shown = rows[:MOST_ROWS]
    figure = new_figure(_SIDE, _SIDE + _ROW_HEIGHT * len(shown) - 0.5)
    heights = (_SIDE - 1.2, *(_ROW_HEIGHT for _ in shown))
    panels = np.atleast_1d(figure.subplots(len(heights), 1, height_ratios=heights, sharex=True))
    edges = (start + width * np.arange(len(attention) + 1)) / 1e6
    _draw_map(figure, panels[0], attention, edges)
    left_out = f" (first {len(shown)} of {len(rows)} rows)" if len(rows) > len(shown) else ""
    panels[0].set_title(title + left_out, fontsize="medium")
    for number, (panel, row) in enumerate(zip(panels[1:], shown, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        _mark(panels[0], edges, row, colour)
        _draw_row(panel, edges, row, colour, _floor(attention))
    panels[-1].set_xlabel("key: position on the contig (Mb)")
    return figure


def _floor(attention: Floats) -> float:
    return max(float(np.quantile(attention, _FAINTEST)), 1 / (_SPAN * len(attention)))


def _draw_map(figure: "Figure", panel: Any, attention: Floats, edges: npt.NDArray[np.float64]) -> None:
    from matplotlib.colors import LogNorm

    low = _floor(attention)
    high = max(float(np.quantile(attention, _STRONGEST)), 10 * low)
    image = panel.imshow(
        np.maximum(attention, low), norm=LogNorm(low, high), cmap=SEQUENTIAL, aspect="auto",
        interpolation="none", extent=(edges[0], edges[-1], edges[-1], edges[0]), rasterized=True,
    )  # fmt: skip
    figure.colorbar(image, ax=panel, label="attention", extend="min", pad=0.01, fraction=0.04)
    panel.set_ylabel("query: position on the contig (Mb)")
    for axis in (panel.xaxis, panel.yaxis):
        axis.get_major_formatter().set_useOffset(False)


def _mark(panel: Any, edges: npt.NDArray[np.float64], row: DrawnRow, colour: str) -> None:
    """A triangle beside the query's bins."""
    middles = _middles(edges, row)
    panel.plot(
        np.zeros(len(middles)), middles, marker=">", markersize=6, color=colour, linestyle="none", clip_on=False,
        transform=panel.get_yaxis_transform(),
    )  # fmt: skip


def _middles(edges: npt.NDArray[np.float64], row: DrawnRow) -> npt.NDArray[np.float64]:
    bins = list(row.bins)
    return (edges[bins] + edges[[one + 1 for one in bins]]) / 2


def _draw_row(panel: Any, edges: npt.NDArray[np.float64], row: DrawnRow, colour: str, low: float) -> None:
    panel.stairs(np.maximum(row.values, low), edges, color=colour, linewidth=0.7)
    middles = _middles(edges, row)
    panel.plot(
        middles, np.ones(len(middles)), marker="v", markersize=6, color=colour, linestyle="none", clip_on=False,
        transform=panel.get_xaxis_transform(),
    )  # fmt: skip
    panel.set_yscale("log")
    panel.set_ylim(low, 3 * max(float(row.values.max()), 10 * low))
    panel.text(
        0.01, 0.93, row.name, transform=panel.transAxes, ha="left", va="top", fontsize="small", color=colour,
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )  # fmt: skip
    panel.tick_params(labelsize="small")
    tidy(panel)
