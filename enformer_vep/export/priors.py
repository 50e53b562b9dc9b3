"""From annotations to prior probabilities of being causal."""

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError

Floats = npt.NDArray[np.float64]


def relative_priors(sizes: npt.NDArray[np.float32], weight: float) -> Floats:
    """Relative prior weights from the sizes of effects.

    The weight of a variant is exp(weight * z), where z = (log2 size - mean) / standard deviation over the
    scored variants of the panel: `weight` is the log enrichment of a variant whose effect is one standard
    deviation above the mean. A size of 0 counts as the smallest other. A variant without a score has z = 0.

    Args:
        sizes: [variants], none negative; NaN where there is no score.
        weight: 0 for equal weights.

    Returns:
        Positive weights [variants].

    Raises:
        InputError: All sizes are 0.
    """
    known = ~np.isnan(sizes)
    positive = sizes[known & (sizes > 0)]
    if not len(positive):
        raise InputError("all scores are 0: nothing tells the variants apart; choose other columns")
    logarithms = np.log2(np.maximum(sizes[known].astype(np.float64), positive.min()))
    spread = logarithms.std()
    z = np.zeros(len(sizes))
    if spread > 0:
        z[known] = (logarithms - logarithms.mean()) / spread
    weights: Floats = np.exp(weight * z)
    return weights


def given_priors(probabilities: npt.NDArray[np.float32]) -> Floats:
    """Relative prior weights from a column of probabilities, as they are.

    Args:
        probabilities: [variants]; NaN where there is none, which gets the mean of the others.

    Returns:
        Weights [variants].

    Raises:
        InputError: One is negative, or all are 0.
    """
    known = ~np.isnan(probabilities)
    weights: Floats = probabilities.astype(np.float64)
    if (weights[known] < 0).any() or not (weights[known] > 0).any():
        raise InputError(
            "--prior-column needs probabilities, none negative and not all 0; choose another column"
        )
    weights[~known] = weights[known].mean()
    return weights


def normalised(weights: Floats) -> Floats:
    """Weights as probabilities that add up to 1.

    Raises:
        InputError: They add up to 0.
    """
    total = weights.sum()
    if not total > 0:
        raise InputError("the prior weights of a locus are all 0; choose other columns or a larger locus")
    scaled: Floats = weights / total
    return scaled
