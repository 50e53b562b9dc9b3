"""Precision-recall curves of several rankings, and one figure of each by bin with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.figures.drawing import COLOURS, REFERENCE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

_HEIGHT, _WIDTH = 4.6, 4.2  # inches, of a panel
_SPREAD = 0.7  # of a bin's width, for the rankings in it


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision against recall of one ranking.

    Attributes:
        label: What the legend says.
        recall: float64 [thresholds].
        precision: float64 [thresholds].
    """

    label: str
    recall: Floats
    precision: Floats


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """Curves of one choice of examples.

    Attributes:
        title: Above the panel.
        curves: By ranking; the same name has the same colour in every panel.
        chance: Precision of a ranking by chance.
    """

    title: str
    curves: Mapping[str, Curve]
    chance: float


@dataclass(frozen=True, slots=True)
class BinPanel:
    """A figure of every ranking in every bin.

    Attributes:
        title: Above the panel.
        bins: Labels, from left to right.
        values: float64 [bins, 3] by ranking: the value and the ends of its interval; NaN where there is none.
        axis: What is drawn.
    """

    title: str
    bins: Sequence[str]
    values: Mapping[str, Floats]
    axis: str


def draw_precision_recall(panels: Sequence[CurvePanel], bins: BinPanel | None = None) -> "Figure":
    """Draws curves side by side, and what they come to by bin to the right.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    wide = 0.0 if bins is None else max(_WIDTH, 0.75 * len(bins.bins) + 1)
    figure = new_figure(_WIDTH * len(panels) + wide, _HEIGHT)
    ratios = [_WIDTH] * len(panels) + ([wide] if bins else [])
    axes = figure.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    for axis, panel in zip(axes, panels, strict=False):
        _draw_curves(axis, panel, colours)
    if bins is not None:
        _draw_bins(axes[-1], bins, colours)
    return figure


def _draw_curves(axis: Any, panel: CurvePanel, colours: Mapping[str, str]) -> None:
    axis.axhline(panel.chance, color=REFERENCE, linestyle=":", linewidth=1)
    for name, curve in panel.curves.items():
        # Steps, as average precision sums them up: no straight line to where the rest is called as one tie.
        axis.step(curve.recall, curve.precision, where="pre", color=colours[name], label=curve.label, linewidth=1.5)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axis.set_title(panel.title, fontsize="medium")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, fontsize="small")
    tidy(axis)


def _draw_bins(axis: Any, panel: BinPanel, colours: Mapping[str, str]) -> None:
    places = np.arange(len(panel.bins))
    step = _SPREAD / max(len(panel.values), 1)
    for index, (name, values) in enumerate(panel.values.items()):
        known = np.isfinite(values).all(axis=1)
        value, low, high = values[known].T
        # A percentile interval need not hold the value itself where there are few positives.
        reach = np.maximum([value - low, high - value], 0)
        at = places[known] + (index - (len(panel.values) - 1) / 2) * step
        axis.errorbar(at, value, yerr=reach, fmt="o", color=colours[name], markersize=4, linewidth=1)
    axis.set_xticks(places, panel.bins, rotation=30, ha="right", fontsize="small")
    axis.set(xlim=(-0.6, len(places) - 0.4), ylim=(0, 1.02), ylabel=panel.axis)
    axis.set_title(panel.title, fontsize="medium")
    tidy(axis, "y")
