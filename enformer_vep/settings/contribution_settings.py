"""Contributions of bases to a prediction: recipes."""

from enum import StrEnum
from typing import Self


class Recipe(StrEnum):
    """How a gradient becomes a contribution of each base; named after the code that it follows.

    Attributes:
        description: The formula in one line, for help texts.
        pools_magnitudes: Whether absolute values are averaged over a stretch of bases, not values with their signs.
    """

    description: str
    pools_magnitudes: bool

    def __new__(cls, name: str, description: str = "", pools_magnitudes: bool = False) -> Self:
        """Takes what is known of the recipe."""
        recipe = str.__new__(cls, name)
        recipe._value_ = name
        recipe.description, recipe.pools_magnitudes = description, pools_magnitudes
        return recipe

    NOTEBOOK = "notebook", "gradient x input, as DeepMind's notebook; pooled by magnitude", True
    CALICO = "calico", "gradient at the reference base minus the mean over bases; pooled by magnitude", True
    INPUT = "input", "gradient x input, signs kept when pooled"
    INTEGRATED = "integrated", "integrated gradients from no sequence (zeros); signs kept when pooled"
