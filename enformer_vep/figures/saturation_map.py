"""Saturated stretches as pictures: a logo of the bases that are there, a heat map of all four, motifs between them."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import UsageError
from enformer_vep.figures.drawing import ALTERNATE, DIVERGING, REFERENCE, new_figure, tidy
from enformer_vep.figures.logo import draw_logo

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BASES = 2000
"""That a picture shows."""
_LINE = 100
"""Bases in a line."""
_INCHES = 0.115
"""For a base."""
_LOGO, _MAP, _BAND = 1.25, 0.75, 0.17
"""Heights in inches of a logo, of a heat map, and of a row of motifs."""

_LEFT, _RIGHT, _TOP, _BETWEEN_LINES, _NARROWEST = 0.75, 1.5, 0.65, 0.5, 3.0
"""Inches around the panels."""

Floats = npt.NDArray[np.floating[Any]]


class Band(NamedTuple):
    """A named part of a stretch: 0-based from its first base, half-open."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class MappedStretch:
    """A stretch of P bases, ready to be drawn.

    Attributes:
        title: What stands above it.
        first: 1-based position of the first base.
        sequence: Its bases.
        centred: [P, 4], effects minus their mean over the four bases, in the order A, C, G, T.
        contributions: [P], those of the bases that are there.
        bands: Motifs and the like.
        marked: Bases that are framed, 0-based, half-open; None for none.
    """

    title: str
    first: int
    sequence: str
    centred: Floats
    contributions: Floats
    bands: Sequence[Band] = ()
    marked: tuple[int, int] | None = None


class _Scale(NamedTuple):
    low: float
    high: float
    size: float


def draw_saturation(stretches: Sequence[MappedStretch], label: str, title: str = "") -> "Figure":
    """Draw stretches side by side, all on one scale, in lines of 100 bases.

    Args:
        stretches: One or more, such as a stretch without and with an ALT allele.
        label: What the numbers are.
        title: Above all.

    Raises:
        DependencyError: matplotlib is not installed.
        UsageError: There are too many bases to show.
    """
    longest = max(len(one.sequence) for one in stretches)
    if longest > MOST_BASES:
        raise UsageError(f"a figure shows at most {MOST_BASES} bases, and here are {longest}: give a shorter region")
    lines = -(-longest // _LINE)
    rows = [_rows_of_bands(one.bands) for one in stretches]
    levels = max([max(some, default=-1) + 1 for some in rows])
    heights = [_LOGO, *([_BAND * levels + 0.08] if levels else []), _MAP]
    width = max(min(longest, _LINE) * _INCHES, _NARROWEST)
    height = sum(heights) + _BETWEEN_LINES
    size = (len(stretches) * (width + _LEFT) + _RIGHT, lines * height + _TOP)
    figure = new_figure(*size)
    # In inches: letters of all lines are alike, however many lines and columns there are.
    figure.set_layout_engine("none")
    scale = _scale(stretches)
    image: Any = None
    for column, one in enumerate(stretches):
        left = _LEFT + column * (width + _LEFT)
        for line in range(-(-len(one.sequence) // _LINE)):
            top, panels = size[1] - _TOP - line * height, []
            for each in heights:
                top -= each
                panels.append(figure.add_axes((left / size[0], top / size[1], width / size[0], each / size[1])))
            part = (line * _LINE, min((line + 1) * _LINE, len(one.sequence)))
            image = _draw_line(panels, one, rows[column], part, scale)
            if line == 0:
                panels[0].set_title(one.title, fontsize="medium")
    if title:
        figure.suptitle(title, fontsize="medium", y=1 - 0.15 / size[1])
    assert image is not None
    bar = min(3.0, height - _BETWEEN_LINES)
    place = ((size[0] - _RIGHT + 0.2) / size[0], 1 - (_TOP + bar) / size[1], 0.15 / size[0], bar / size[1])
    figure.colorbar(image, cax=figure.add_axes(place)).set_label(textwrap.fill(label, 30), fontsize="small")
    return figure


def _scale(stretches: Sequence[MappedStretch]) -> _Scale:
    drawn = np.concatenate([one.contributions[np.isfinite(one.contributions)] for one in stretches])
    every = np.concatenate([np.abs(one.centred[np.isfinite(one.centred)]) for one in stretches])
    size = float(every.max(initial=0)) or 1.0
    low, high = float(drawn.min(initial=0)), float(drawn.max(initial=0))
    room = 0.06 * ((high - low) or 1.0)
    return _Scale(low - room, high + room, size)


def _draw_line(
    panels: Sequence[Any], one: MappedStretch, rows: Sequence[int], part: tuple[int, int], scale: _Scale
) -> Any:
    """One line of one stretch; returns the heat map."""
    begin, end = part
    chosen = slice(begin, end)
    places = np.arange(one.first + begin, one.first + end, dtype=float)
    logo, heat = panels[0], panels[-1]
    draw_logo(logo, one.sequence[chosen], one.contributions[chosen], list(places))
    logo.set_ylim(scale.low, scale.high)
    tidy(logo, "y")
    logo.spines["bottom"].set_visible(False)
    logo.tick_params(labelsize="small")
    if len(panels) == 3:
        _draw_bands(panels[1], one, rows, part)
    image = heat.imshow(
        one.centred[chosen].T, aspect="auto", cmap=DIVERGING, vmin=-scale.size, vmax=scale.size,
        interpolation="nearest", extent=(places[0] - 0.5, places[-1] + 0.5, 3.5, -0.5),
    )  # fmt: skip
    heat.set_yticks(range(4), list("ACGT"), fontsize="small")
    _mark_own(heat, one.sequence[chosen], places)
    for panel in panels:
        # Lines of unlike length have letters of like width.
        panel.set_xlim(places[0] - 0.5, places[0] - 0.5 + min(_LINE, len(one.sequence)))
        if panel is not heat:
            panel.tick_params(axis="x", bottom=False, labelbottom=False)
        if one.marked is not None:
            _frame(panel, one.first + one.marked[0], one.first + one.marked[1], (places[0], places[-1]))
    heat.set_xticks(*_ticks(int(places[0]), int(places[-1])), fontsize="small")
    return image


def _mark_own(panel: Any, sequence: str, places: npt.NDArray[np.float64]) -> None:
    """A dot on the base that is there."""
    known = [(place, "ACGT".index(base)) for base, place in zip(sequence, places, strict=True) if base in "ACGT"]
    if known:
        panel.scatter(*zip(*known, strict=True), s=2, color=REFERENCE, linewidths=0)


def _frame(panel: Any, first: int, last: int, shown: tuple[float, float]) -> None:
    low, high = max(first - 0.5, shown[0] - 0.5), min(last - 0.5, shown[1] + 0.5)
    if low < high:
        panel.axvspan(low, high, facecolor="none", edgecolor=ALTERNATE, linewidth=1)


def _ticks(first: int, last: int) -> tuple[list[int], list[str]]:
    """Every 20th position."""
    places = [place for place in range(first, last + 1) if place % 20 == 0] or [first]
    return places, [f"{place:,}" for place in places]


def _rows_of_bands(bands: Sequence[Band]) -> list[int]:
    """A row for each band, so that none touches another: the first one that is free."""
    ends: list[int] = []
    rows = [0] * len(bands)
    for number in sorted(range(len(bands)), key=lambda number: bands[number].start):
        # A name is wider than a short motif.
        end = max(bands[number].end, bands[number].start + len(bands[number].name)) + 1
        row = next((row for row, last in enumerate(ends) if last <= bands[number].start), len(ends))
        ends[row : row + 1] = [end]
        rows[number] = row
    return rows


def _draw_bands(panel: Any, one: MappedStretch, rows: Sequence[int], part: tuple[int, int]) -> None:
    levels = max(rows, default=0) + 1
    for band, row in _within(one.bands, rows, part):
        left, right = max(band.start, part[0]), min(band.end, part[1])
        panel.barh(row, right - left, left=one.first + left - 0.5, height=0.8, color="0.85")
        panel.text(one.first + left - 0.4, row, band.name, fontsize=6, va="center", clip_on=True)
    panel.set_ylim(levels - 0.4, -0.6)
    panel.set_yticks([])
    panel.spines[["top", "right", "bottom"]].set_visible(False)


def _within(bands: Sequence[Band], rows: Sequence[int], part: tuple[int, int]) -> Iterator[tuple[Band, int]]:
    for band, row in zip(bands, rows, strict=True):
        if band.start < part[1] and band.end > part[0]:
            yield band, row
