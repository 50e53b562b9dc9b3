"""What a calibration can add to a row, and what the name of a column's score says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from enformer_vep.errors import UsageError
from enformer_vep.settings import Score


class Addition(StrEnum):
    """Names of the additions, as they are asked for.

    Attributes:
        suffix: What is added to the name of the score: SADQ, SADZ, SADPC.
    """

    suffix: str
    _words: str

    def __new__(cls, name: str, suffix: str = "", words: str = "") -> Self:
        """Takes a name, a suffix, and a description in which {} stands for the score."""
        addition = str.__new__(cls, name)
        addition._value_, addition.suffix, addition._words = name, suffix, words
        return addition

    QUANTILE = (
        "quantile",
        "Q",
        "Signed quantile of {}: rank of its size among the background's, times its sign",
    )
    ZSCORE = (
        "zscore",
        "Z",
        "Robust z-score of {}: (score - background median) / (background interquartile range / 1.349)",
    )
    COMPONENTS = (
        "components",
        "PC",
        "Principal components of {} over all tracks, robustly scaled before and after",
    )
    ALPHAGENOME = (
        "alphagenome",
        "AGQ",
        "AlphaGenome's quantile of {}: 2 G - 1, G its rank among the background's, sign and all; G without a sign",
    )

    @property
    def is_ranked(self) -> bool:
        """Whether it tells a value's place among variants of its class, so that a class that is lacking has none."""
        return self is not Addition.COMPONENTS

    def describe(self, score: str) -> str:
        """What the values are, in one line."""
        return self._words.format(score)


class SpreadColumn(StrEnum):
    """What is said of the views of a score, in columns of its own; the value is their suffix: SADSD, SADAGREE."""

    DEVIATION = "SD"
    AGREEMENT = "AGREE"

    def describe(self, score: str) -> str:
        """What the values are, in one line."""
        if self is SpreadColumn.DEVIATION:
            return f"Standard deviation of {score} over the views (strands, shifts) that were averaged"
        return f"Share of the views (strands, shifts) in which {score} has the sign that it has of their average"


@dataclass(frozen=True, slots=True)
class ColumnScore:
    """What stands in the columns of one name.

    Attributes:
        score: The score.
        addition: What a calibration made of it; None for the score itself.
        spread: What is said of its views; None for what is an effect, or a prediction.
    """

    score: Score
    addition: Addition | None = None
    spread: SpreadColumn | None = None

    @property
    def is_signed(self) -> bool:
        """Whether the sign of its values says the direction of an effect."""
        return self.score.is_signed and self.spread is None


_KNOWN = {
    **{str(one): ColumnScore(one) for one in Score},
    **{f"{one}{addition.suffix}": ColumnScore(one, addition) for one in Score for addition in Addition},
    **{f"{one}{spread}": ColumnScore(one, spread=spread) for one in Score for spread in SpreadColumn},
}


def column_score(name: str) -> ColumnScore | None:
    """Tells what the name of a column's score says: SAD, SADRZ, D1Q, SADPC, SADSD; None for foreign ones.

    What is made of a signed score is signed: exchanging REF and ALT of an SNV or MNV negates quantiles exactly, a
    z-score or a component but for up to twice the background's median over its spread, which is next to nothing. (An
    insertion becomes a deletion, with a background of its own.) AlphaGenome's quantile is centred on the median.
    """
    return _KNOWN.get(name)


def is_effect(name: str) -> bool:
    """Whether columns are effects, as far as is known; how others are distributed over variants says little of one.

    Predictions are none, nor is how far views differ.
    """
    known = column_score(name)
    return known is None or (not known.score.is_prediction and known.spread is None)


def parse_additions(text: str) -> tuple[Addition, ...]:
    """Read "quantile,zscore" (any case).

    Raises:
        UsageError: On a name that is no addition, or one that stands twice.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names) or not set(names) <= set(Addition):
        raise UsageError(f"cannot read {text!r} as additions: choose from {', '.join(Addition)}, each once")
    return tuple(Addition(name) for name in names)
