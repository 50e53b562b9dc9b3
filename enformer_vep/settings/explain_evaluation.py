"""How scored pairs of elements and genes are compared with measured ones: frozen and validated."""

import re
from dataclasses import dataclass
from enum import StrEnum

from enformer_vep.errors import UsageError

_BIN = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
_KILO = 1000


class Combine(StrEnum):
    """What a measured element has of several scored ones that it overlaps. `SUM` is the CRISPR benchmark's for ABC."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"


class Distance(StrEnum):
    """From where an element's distance to a gene comes: computed from the table's `tss`, or its column `distance`."""

    TSS = "tss"
    PUBLISHED = "published"


class Resample(StrEnum):
    """What the bootstrap draws as a whole."""

    GENE = "gene"
    ELEMENT = "element"
    PAIR = "pair"


class Use(StrEnum):
    """How a score ranks pairs: as it is, the lowest first, or by size."""

    AS_IS = "as-is"
    NEGATED = "negated"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True)
class DistanceBin:
    """Distances in [start, end), bp.

    Attributes:
        start: The nearest.
        end: Beyond the farthest.
    """

    start: float
    end: float

    def __str__(self) -> str:
        """In kb."""
        return f"{self.start / _KILO:g}-{self.end / _KILO:g}kb"


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """A column of the score tables.

    Attributes:
        name: As its header has it.
        use: How it ranks.
    """

    name: str
    use: Use = Use.AS_IS


PAPER_BINS = "0-3,3-12,12-35,35-100,0-20,20-100"
"""In kb: those of the Enformer paper's figure 2b, and two wide ones with more positives in each."""


@dataclass(frozen=True, slots=True)
class PairEvaluationSettings:
    """All of it.

    Attributes:
        bins: By distance, beside all distances.
        reach: Bp; pairs at most so far apart are in the model's reach.
        distance: Where distances come from.
        combine: What is made of several scored elements.
        resample: What the bootstrap draws.
        samples: How often, in hundreds.
        seed: Fixes the draws.
    """

    bins: tuple[DistanceBin, ...]
    reach: int = 98_304
    distance: Distance = Distance.TSS
    combine: Combine = Combine.SUM
    resample: Resample = Resample.GENE
    samples: int = 1000
    seed: int = 44


def read_distance_bins(text: str) -> tuple[DistanceBin, ...]:
    """Reads "0-3,3-12": kb.

    Raises:
        UsageError: A part is no range, or is empty.
    """
    found = []
    for word in filter(None, map(str.strip, text.split(","))):
        match = _BIN.fullmatch(word)
        if not match or float(match[1]) >= float(match[2]):
            raise UsageError(f"cannot read {word!r}: write ranges of kb, such as 0-3,3-12")
        found.append(DistanceBin(float(match[1]) * _KILO, float(match[2]) * _KILO))
    return tuple(found)


def read_score_column(text: str) -> ScoreColumn:
    """Reads "ABC", "KNOCKOUT:negated" or "GRADIENT:absolute".

    Raises:
        UsageError: There is no name, or what follows the last colon is neither.
    """
    name, colon, word = text.strip().rpartition(":")
    if not colon:
        name, word = word, Use.AS_IS.value
    if not name or word not in list(Use):
        raise UsageError(f"cannot read --score {text}: write NAME, NAME:negated or NAME:absolute")
    return ScoreColumn(name, Use(word))
