"""Which way does a variant act: predicted from signed scores, so that swapping REF and ALT swaps the answer."""

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.eqtl_settings import ForestSettings
from enformer_vep.eqtl.features import robust_mean
from enformer_vep.eqtl.forest import Forest
from enformer_vep.eqtl.sklearn_door import grow_forest


def single_score(features: npt.NDArray[np.float32], track: int | None) -> npt.NDArray[np.float64]:
    """One number per row of signed features, without training: positive for an ALT that raises expression.

    It is the track's score, or the robust mean over all where the track is None.
    """
    return robust_mean(features) if track is None else features[:, track].astype(np.float64)


def grow_direction_forest(
    features: npt.NDArray[np.float32], up: npt.NDArray[np.bool_], settings: ForestSettings, seed: int
) -> Forest:
    """Trains on every variant both ways round: REF to ALT, and ALT to REF with the opposite effect.

    Args:
        features: float32 [rows, features], signed.
        up: bool [rows]: ALT raises expression.
        settings: Hyperparameters.
        seed: Fixes the trees.
    """
    return grow_forest(np.concatenate([features, -features]), np.concatenate([up, ~up]), settings, seed)


def predict_direction(forest: Forest, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """From -1 (ALT lowers expression for certain) to 1; exactly odd in the features."""
    return forest.predict(features) - forest.predict(-features)
