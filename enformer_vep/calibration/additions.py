"""What a calibration can add to a row."""

from enum import StrEnum

from enformer_vep.errors import UsageError
from enformer_vep.settings import Score

# Predictions themselves: how they are distributed over variants says nothing about a variant.
NOT_CALIBRATED = frozenset({Score.REF.value, Score.ALT.value})


class Addition(StrEnum):
    """Names of the additions, as they are asked for."""

    QUANTILE = "quantile"
    ZSCORE = "zscore"
    COMPONENTS = "components"

    @property
    def suffix(self) -> str:
        """What is added to the name of the score: SADQ, SADZ, SADPC."""
        return {"quantile": "Q", "zscore": "Z", "components": "PC"}[self.value]

    def describe(self, score: str) -> str:
        """What the values are, in one line."""
        return {
            "quantile": f"Signed quantile of {score}: rank of its size among the background's, times its sign",
            "zscore": f"Robust z-score of {score}: (score - background median) / background interquartile range",
            "components": f"Principal components of {score} over all tracks, robustly scaled before and after",
        }[self.value]


def parse_additions(text: str) -> tuple[Addition, ...]:
    """Read "quantile,zscore" (any case).

    Raises:
        UsageError: On a name that is no addition, or one that stands twice.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names) or not set(names) <= set(Addition):
        raise UsageError(f"cannot read {text!r} as additions: choose from {', '.join(Addition)}, each once")
    return tuple(map(Addition, names))
