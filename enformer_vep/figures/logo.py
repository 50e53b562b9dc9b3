"""Sequence logos: a letter for each base, as high as a value."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.figures.drawing import BASES

if TYPE_CHECKING:
    from matplotlib.path import Path as Outline

_WIDTH = 0.92
"""Of a letter, where its base has 1."""


def draw_logo(panel: Any, sequence: str, heights: npt.NDArray[np.floating[Any]], places: Sequence[float]) -> None:
    """Draw one letter per base, upwards where its value is positive and downwards where it is negative.

    Args:
        panel: Axes of matplotlib.
        sequence: P bases; those other than A, C, G and T have no letter.
        heights: [P], in the units of the panel's y axis; what is not finite has no letter.
        places: P x coordinates of the middles of the letters, which are 1 apart.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.transforms import Affine2D

    for base, colour in BASES.items():
        shapes = [
            Affine2D()
            .scale(_WIDTH, abs(height))
            .translate(place - _WIDTH / 2, min(height, 0))
            .transform_path(_letter(base))
            for letter, height, place in zip(sequence, map(float, heights), places, strict=True)
            if letter == base and np.isfinite(height) and height
        ]
        collection = PathCollection(shapes, facecolors=colour, linewidths=0)
        collection.set_transform(panel.transData)
        panel.add_collection(collection, autolim=False)
    panel.axhline(0, color="0.4", linewidth=0.5)


@cache
def _letter(base: str) -> "Outline":
    """The outline of a letter that fills the unit square."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outline = TextPath((0, 0), base, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = outline.get_extents()
    return Affine2D().translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height).transform_path(outline)
