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

# A quantile nearer to 1 than float32 can tell.
_SMALLEST_REST = 2.0**-24


def relative_priors(
    sizes: npt.NDArray[np.float32], weight: float, max_ratio: float = MAX_RATIO, *, quantiles: bool = False
) -> Floats:
    """Relative prior weights from the sizes of effects.

    The weight of a variant is exp(weight * z), where z = (s - mean) / standard deviation over the scored variants
    of the panel and s = log2 size: `weight` is the log enrichment of a variant whose effect is one standard
    deviation above the mean. A size of 0 counts as the smallest other. Of a quantile q, s = -log2(1 - q): how rare
    so large an effect is, in halvings.

    Weights have a floor of 1 / sqrt(max_ratio) and a cap of sqrt(max_ratio), where 1 is the weight at z = 0: one
    variant with an outlying score changes nobody else's.

    Args:
        sizes: [variants], none negative; NaN where there is no score.
        weight: 0 for equal weights.
        max_ratio: Largest over smallest weight, at least 1; infinite for no limit.
        quantiles: The sizes are quantiles.

    Returns:
        Positive weights [variants]; NaN where there is no score.

    Raises:
        InputError: All sizes are 0.
    """
    known = ~np.isnan(sizes)
    positive = sizes[known & (sizes > 0)]
    if not len(positive):
        raise InputError("all scores are 0: nothing tells the variants apart; choose other columns")
    chosen = sizes[known].astype(np.float64)
    if quantiles:
        logarithms = -np.log2(np.maximum(1 - chosen, _SMALLEST_REST))
    else:
        logarithms = np.log2(np.maximum(chosen, positive.min()))
    spread = logarithms.std()
    weights = np.full(len(sizes), np.nan)
    z = (logarithms - logarithms.mean()) / spread if spread > 0 else np.zeros(len(chosen))
    limit = math.log(max_ratio) / 2
    weights[known] = np.exp(np.clip(weight * z, -limit, limit))
    return weights


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
