"""The scale on which scores are features."""

import numpy as np
import numpy.typing as npt

_ROWS = 256


def signed_log2(values: npt.NDArray[np.float32], pseudocount: float | None) -> None:
    """Replaces x by sign(x) log2(1 + |x| / c), in place.

    Its absolute value is log2(|x| + c) - log2(c). c has to be small beside the effects that matter: scores of real
    SNVs are mostly 1e-4 to 1e-2 of the prediction, and with c = 1 the logarithm is a straight line there. A small c
    also keeps small scores (MEAN is SAD / 896) apart for scikit-learn, whose trees take values closer than 1e-7 for
    equal. Beyond that, trees see only the order of values, which the transform keeps; what is averaged over tracks
    (the direction of effect) does depend on it.

    Args:
        values: float32 [rows, features], changed.
        pseudocount: c, in units of the score; None changes nothing.
    """
    if pseudocount is None:
        return
    # In strips: no second copy of a matrix that may be most of the memory.
    for start in range(0, len(values), _ROWS):
        strip = values[start : start + _ROWS]
        size = np.log1p(np.abs(strip) / np.float32(pseudocount)) / np.float32(np.log(2))
        np.copysign(size, strip, out=strip)


def robust_mean(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Mean over features, each divided by its median size; odd, so that negated features negate it.

    Args:
        features: float32 [rows, features], signed.

    Returns:
        float64 [rows]; zeros when no feature has a median size above 0.
    """
    scale: npt.NDArray[np.float64] = np.median(np.abs(features), axis=0).astype(np.float64)
    weights = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    return features @ weights / max(1, int(np.count_nonzero(scale)))


def minor_frequency(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Frequency of the rarer of two alleles, whichever of them a frequency is of; NaN stays."""
    return np.minimum(frequency, 1 - frequency)
