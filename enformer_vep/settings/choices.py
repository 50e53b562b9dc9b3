"""The words that options choose from: scores, engines, precisions, rules for indels, centres."""

from enum import StrEnum
from typing import Self


class Score(StrEnum):
    """Names of the scores, as they appear in column names; what is known of each stands here once.

    Attributes:
        description: The formula in one line, for help texts.
        is_signed: Its sign says the direction of an effect: exchanging REF and ALT negates it.
        is_prediction: A prediction, which says nothing of an effect.
        in_track_units: In the units of the track; the others are logarithms of ratios, or divergences.
        is_log_ratio: Made of logarithms of ratios of predictions, with a pseudocount.
    """

    description: str
    is_signed: bool
    is_prediction: bool
    in_track_units: bool
    is_log_ratio: bool

    def __new__(cls, name: str, description: str = "", kinds: str = "") -> Self:
        """Reads the kinds, separated by blanks."""
        score = str.__new__(cls, name)
        score._value_ = name
        score.description = description
        score.is_signed = "signed" in kinds.split()
        score.is_prediction = "prediction" in kinds.split()
        score.in_track_units = "units" in kinds.split()
        score.is_log_ratio = "ratio" in kinds.split()
        return score

    SAD = "SAD", "sum over bins of alternate - reference", "signed units"
    MEAN = "MEAN", "mean over bins of alternate - reference", "signed units"
    SADR = "SADR", "log2(sum alternate + 1) - log2(sum reference + 1)", "signed ratio"
    SAR = "SAR", "sum over bins of log2(alternate + 1) - log2(reference + 1)", "signed ratio"
    SAX = "SAX", "alternate - reference at the bin where it is largest in size, sign kept", "signed units"
    D1 = "D1", "sum over bins of |alternate - reference|", "units"
    D2 = "D2", "square root of the sum over bins of (alternate - reference)^2", "units"
    LOGD2 = (
        "LOGD2",
        "square root of the sum over bins of (log2(alternate + 1) - log2(reference + 1))^2",
        "ratio",
    )
    JS = "JS", "symmetrised Kullback-Leibler divergence of the two profiles", ""
    REF = "REF", "sum over bins of the reference prediction", "prediction units"
    ALT = "ALT", "sum over bins of the alternate prediction", "prediction units"


class Engine(StrEnum):
    """How an effect is computed."""

    DELTA = "delta"
    PAIR = "pair"
    ADJOINT = "adjoint"


class Precision(StrEnum):
    """Arithmetic of convolutions and matrix products; reductions and scores are float32 or better.

    `float64` is everything in float64. `mixed` keeps the reference in float32 and carries changes in 16 bits:
    float16 on a GPU, bfloat16 on a CPU, where indels are as in float32 (delta engine only; with the pair engine
    it is float32).
    """

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    TF32 = "tf32"
    FLOAT16 = "fp16"
    BFLOAT16 = "bf16"
    MIXED = "mixed"


class Indels(StrEnum):
    """Where an insertion or deletion leaves the flanks of the alternate window."""

    LOCAL = "local"
    LEFT = "left"
    STITCH = "stitch"


class Centre(StrEnum):
    """What stands in the middle of a window."""

    VARIANT = "variant"
    TSS = "tss"
