"""From annotations to prior probabilities of being causal."""

import logging
import math

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

MAX_RATIO = 100.0
"""Largest over smallest weight, as PolyFun's `--q`; PolyFun only raises the smallest, here both ends give way."""


def relative_priors(z: Floats, weight: float, max_ratio: float = MAX_RATIO) -> Floats:
    """Relative prior weights exp(weight * z), with a floor of 1 / sqrt(max_ratio) and a cap of sqrt(max_ratio).

    `weight` is the log enrichment of a variant whose log2 effect lies one standard deviation above the mean of its
    class. 1 is the weight at z = 0: one variant with an outlying score changes nobody else's.

    Args:
        z: [variants], from `class_scale.standardised`; NaN where there is no score.
        weight: 0 for equal weights.
        max_ratio: Largest over smallest weight, at least 1; infinite for no limit.

    Returns:
        Positive weights [variants]; NaN where there is no score.
    """
    limit = math.log(max_ratio) / 2
    weights: Floats = np.exp(np.clip(weight * z, -limit, limit))
    return weights


def refuse_nothing_but_zeros(sizes: npt.NDArray[np.float32]) -> None:
    """Raises InputError where no size [variants] is above 0; NaN where there is no score."""
    if not (sizes > 0).any():
        raise InputError("all scores are 0: nothing tells the variants apart; choose other columns")


def given_priors(probabilities: npt.NDArray[np.float32]) -> Floats:
    """Relative prior weights from a column of probabilities [variants], as they are; NaN where there is none.

    Raises:
        InputError: One is negative, or all are 0.
    """
    known = ~np.isnan(probabilities)
    weights: Floats = probabilities.astype(np.float64)
    if (weights[known] < 0).any() or not (weights[known] > 0).any():
        raise InputError("--prior-column needs probabilities, none negative and not all 0; choose another column")
    if zeros := int((weights[known] == 0).sum()):
        logger.warning("%d variants have the prior 0: no fine-mapper will find them causal", zeros)
    return weights


def normalised(weights: Floats) -> Floats:
    """Weights as probabilities that add up to 1.

    Args:
        weights: [variants]; those that are NaN get the mean of the others, or all the same if there is no other.

    Returns:
        Probabilities [variants].

    Raises:
        InputError: They add up to 0.
    """
    known = ~np.isnan(weights)
    filled = np.where(known, weights, weights[known].mean() if known.any() else 1.0)
    total = filled.sum()
    if not total > 0:
        raise InputError("the prior weights of a locus are all 0; choose other columns or a larger locus")
    scaled: Floats = filled / total
    return scaled
