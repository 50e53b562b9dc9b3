"""A picture of contributions: along a window, and base by base in its middle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.figures.drawing import ALTERNATE, COLOURS, REFERENCE, new_figure, tidy
from enformer_vep.figures.logo import draw_logo

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float32]

MOST_LABELS = 6
"""Tracks that are drawn; of more the first."""
MOST_GENES = 40
"""Whose starts are drawn; of more those nearest to the position."""
ZOOM = 40
"""Bases that are shown on each side of the position."""
NEAR = 1000
"""What lies within so many bp of the target, mostly its promoter, is cut off where it would dwarf the rest."""
_WIDTH, _HEIGHT, _GENES = 11.0, 1.5, 0.8
_ROOM = 1.3
"""Height of a panel, in that of its highest stretch that is not near the target."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnContributions:
    """What the picture shows; positions are 0-based.

    Attributes:
        title: Above it: the contig among it.
        start: Of the window; may be negative.
        position: What the window is on.
        sequence: Its L bases.
        labels: Tracks or groups.
        contributions: float32 [labels, L], with their signs.
        pooled: float32 [labels, stretches], stretches of equal length that fill the window.
        targets: Start and end of every bin that is explained.
        genes: Name, transcription start and whether on the + strand.
        signed: Whether pooled values have signs.
    """

    title: str
    start: int
    position: int
    sequence: str
    labels: Sequence[str]
    contributions: Floats
    pooled: Floats
    targets: Sequence[tuple[int, int]]
    genes: Sequence[tuple[str, int, bool]]
    signed: bool


def draw_contributions(drawn: DrawnContributions) -> "Figure":
    """Draw a line of panels for each track: stretches along the window, and letters around the position.

    Above them are the genes' starts, if there are any; the bins whose prediction is explained are shaded.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    labels = list(drawn.labels[:MOST_LABELS])
    above = [_GENES] if drawn.genes else []
    heights = (*above, *(_HEIGHT for _ in labels))
    figure = new_figure(_WIDTH, sum(heights) + 0.7)
    grid = figure.add_gridspec(len(heights), 2, width_ratios=(1.6, 1), height_ratios=heights)
    if above:
        _draw_genes(figure.add_subplot(grid[0, 0]), drawn)
    left_out = f" (first {len(labels)} of {len(drawn.labels)} tracks)" if len(drawn.labels) > len(labels) else ""
    figure.suptitle(drawn.title + left_out, fontsize="medium")
    for number, label in enumerate(labels):
        colour = COLOURS[number % len(COLOURS)]
        wide = figure.add_subplot(grid[number + len(above), 0])
        _draw_stretches(wide, drawn, number, label, colour)
        near = figure.add_subplot(grid[number + len(above), 1])
        _draw_bases(near, drawn, number)
        is_last = number == len(labels) - 1
        for panel in (wide, near):
            panel.tick_params(labelbottom=is_last, labelsize="small")
        if is_last:
            wide.set_xlabel("position on the contig (Mb)", fontsize="small")
            near.set_xlabel("position relative to the middle (bp)", fontsize="small")
    return figure


def _draw_genes(panel: Any, drawn: DrawnContributions) -> None:
    near = sorted(drawn.genes, key=lambda gene: abs(gene[1] - drawn.position))[:MOST_GENES]
    for height, (name, start, forward) in zip(_heights(near), sorted(near, key=lambda gene: gene[1]), strict=True):
        marker = ">" if forward else "<"
        panel.plot([start / 1e6], [height], marker=marker, markersize=4, color=REFERENCE, linestyle="none")
        panel.annotate(
            name, (start / 1e6, height), xytext=(4, 0), textcoords="offset points", fontsize=6, va="center",
            annotation_clip=True,
        )  # fmt: skip
    _span(panel, drawn)
    panel.set_ylim(-0.5, 3.5)
    panel.set_yticks([])
    panel.tick_params(labelbottom=False, bottom=False)
    panel.spines[:].set_visible(False)
    panel.set_ylabel("starts", fontsize="small", rotation=0, ha="right", va="center")


def _span(panel: Any, drawn: DrawnContributions) -> None:
    """The window, from side to side."""
    panel.set_xlim(drawn.start / 1e6, (drawn.start + len(drawn.sequence)) / 1e6)


def _heights(genes: Sequence[tuple[str, int, bool]]) -> list[int]:
    """Four lines, taken in turn, so that names of neighbours do not cover each other."""
    return [number % 4 for number in range(len(genes))]


def _draw_stretches(panel: Any, drawn: DrawnContributions, number: int, label: str, colour: str) -> None:
    values = drawn.pooled[number]
    width = len(drawn.sequence) // len(values)
    edges = (drawn.start + width * np.arange(len(values) + 1)) / 1e6
    panel.stairs(values, edges, fill=True, color=colour, linewidth=0)
    for start, end in drawn.targets:
        panel.axvspan(start / 1e6, end / 1e6, color=ALTERNATE, alpha=0.3, linewidth=0)
    panel.axvline((drawn.position + 0.5) / 1e6, color="0.6", linewidth=0.6, linestyle=":")
    if drawn.signed:
        panel.axhline(0, color="0.4", linewidth=0.5)
    _span(panel, drawn)
    _limit(panel, drawn, values, edges * 1e6)
    panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    panel.yaxis.get_offset_text().set_fontsize("small")
    panel.xaxis.get_major_formatter().set_useOffset(False)
    panel.set_ylabel("mean of a stretch" if drawn.signed else "mean magnitude", fontsize="small")
    panel.text(
        0.01, 0.95, label, transform=panel.transAxes, ha="left", va="top", fontsize="small", color=colour,
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )  # fmt: skip
    tidy(panel)


def _limit(panel: Any, drawn: DrawnContributions, values: Floats, edges: npt.NDArray[np.float64]) -> None:
    """Leave the height to what is far from the target; say how high the rest is where it is cut off."""
    far = np.ones(len(values), dtype=bool)
    for start, end in drawn.targets:
        far &= (edges[1:] <= start - NEAR) | (edges[:-1] >= end + NEAR)
    highest = float(np.abs(values).max())
    limit = _ROOM * float(np.abs(values[far]).max()) if far.any() and values[far].any() else highest
    if limit < highest:
        panel.text(
            0.99, 0.95, f"near the target up to {highest:.2g}", transform=panel.transAxes, ha="right", va="top",
            fontsize="x-small", color=REFERENCE,
        )  # fmt: skip
    limit = min(limit, 1.05 * highest) or 1.0
    panel.set_ylim(-limit if drawn.signed else 0, limit)


def _draw_bases(panel: Any, drawn: DrawnContributions, number: int) -> None:
    middle = drawn.position - drawn.start
    first, last = max(middle - ZOOM, 0), min(middle + ZOOM + 1, len(drawn.sequence))
    heights = drawn.contributions[number, first:last]
    draw_logo(panel, drawn.sequence[first:last], heights, [place - middle for place in range(first, last)])
    panel.set_xlim(-ZOOM - 0.5, ZOOM + 0.5)
    low, high = min(0.0, float(heights.min())), max(0.0, float(heights.max()))
    room = 0.08 * (high - low) or 1.0
    panel.set_ylim(low - room, high + room)
    panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    panel.yaxis.get_offset_text().set_fontsize("small")
    panel.set_ylabel("contribution", fontsize="small")
    tidy(panel)
