"""Attention around boundaries as a picture: what differs on the map, how values are distributed, which heads differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.figures.drawing import ALTERNATE, DIVERGING, REFERENCE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

LARGEST = 256
"""Pixels of a map on either side, about; neighbouring tokens share one where there are more."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Values of two groups.

    Attributes:
        title: What they are, with its unit.
        first: float64 [n], on boundaries.
        second: float64 [m], elsewhere.
        words: What a test says.
    """

    title: str
    first: Floats
    second: Floats
    words: str


@dataclass(frozen=True, slots=True)
class HeadEffects:
    """One effect size per head.

    Attributes:
        title: What it is of.
        effects: float64 [layers, heads]; NaN where a layer has fewer heads.
        significant: bool [layers, heads].
    """

    title: str
    effects: Floats
    significant: npt.NDArray[np.bool_]


def draw_boundaries(
    difference: Floats, width: int, distributions: Sequence[Distribution], heads: HeadEffects, title: str
) -> "Figure":
    """Draw all of it.

    Args:
        difference: float64 [T, T], mean map on boundaries minus mean map elsewhere; rows are queries.
        width: Base pairs per token.
        distributions: One panel each.
        heads: Of one measure.
        title: Above all.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    figure = new_figure(4.6 + 3.1 * (len(distributions) + 1), 4.6)
    panels = figure.subplots(1, len(distributions) + 2, width_ratios=(1.6, *[1] * len(distributions), 1.1))
    _draw_map(figure, panels[0], difference, width)
    for panel, one in zip(panels[1:-1], distributions, strict=True):
        _draw_distribution(panel, one)
    _draw_heads(figure, panels[-1], heads)
    figure.suptitle(title, fontsize="medium")
    return figure


def pooled(values: Floats, largest: int = LARGEST) -> Floats:
    """Means of square blocks, so that about `largest` are left on either side; trailing tokens that fill none go."""
    size = max(len(values) // largest, 1)
    count = len(values) // size
    blocks = values[: count * size, : count * size].reshape(count, size, count, size)
    means: Floats = blocks.mean(axis=(1, 3))
    return means


def _draw_map(figure: "Figure", panel: Any, difference: Floats, width: int) -> None:
    shown, half = pooled(difference), len(difference) * width / 2000
    # The few strongest would hide the rest.
    limit = float(np.percentile(np.abs(shown), 99.5)) or 1.0
    image = panel.imshow(shown, cmap=DIVERGING, vmin=-limit, vmax=limit, extent=(-half, half, half, -half))
    for line in (panel.axvline, panel.axhline):
        line(0, color="0.4", linewidth=0.6, linestyle=":")
    panel.set(xlabel="key, kb from the boundary", ylabel="query, kb from the boundary")
    panel.set_title("mean attention over expectation,\nboundaries minus elsewhere", fontsize="medium")
    figure.colorbar(image, ax=panel, shrink=0.8)


def _draw_distribution(panel: Any, one: Distribution) -> None:
    groups = [("elsewhere", one.second, REFERENCE), ("boundaries", one.first, ALTERNATE)]
    finite = np.concatenate([values[np.isfinite(values)] for _, values, _ in groups])
    if len(finite):
        edges = np.histogram_bin_edges(finite, bins=min(max(len(finite) // 8, 6), 30))
        for name, values, colour in groups:
            known = values[np.isfinite(values)]
            if not len(known):
                continue
            shares = np.full(len(known), 1 / len(known))
            label = f"{name} ({len(known)})"
            panel.hist(known, edges, weights=shares, histtype="stepfilled", color=colour, alpha=0.25)
            panel.hist(known, edges, weights=shares, histtype="step", color=colour, linewidth=1.4, label=label)
            panel.axvline(float(np.median(known)), color=colour, linestyle="--", linewidth=1)
        panel.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.2))
    panel.set(xlabel=one.title, ylabel="share of windows")
    panel.set_title(one.words, fontsize="small")
    tidy(panel, "y")


def _draw_heads(figure: "Figure", panel: Any, heads: HeadEffects) -> None:
    known = np.abs(heads.effects[np.isfinite(heads.effects)])
    limit = float(known.max()) if len(known) and known.max() > 0 else 1.0
    image = panel.imshow(heads.effects, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    layers, numbers = np.nonzero(heads.significant)
    panel.plot(numbers, layers, ".", color="black", markersize=5)
    panel.set_xticks(np.arange(heads.effects.shape[1]))
    panel.set_yticks(np.arange(heads.effects.shape[0]))
    panel.set(xlabel="head", ylabel="layer")
    panel.set_title(heads.title, fontsize="small")
    figure.colorbar(image, ax=panel, shrink=0.8)
