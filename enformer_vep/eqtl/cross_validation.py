"""Predictions of what has not been seen in training."""

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.eqtl_settings import FoldSettings
from enformer_vep.statistics.metrics import Bools, Floats

Advance = Callable[[int], object]
Predict = Callable[[npt.NDArray[np.float32]], Floats]
Train = Callable[[Bools, int], Predict]
"""Given which rows to train on and a seed, trains and returns what predicts rows of features."""


def seed_for(settings: FoldSettings, tissue: str, *numbers: int) -> int:
    """A seed of its own for every tissue, repeat and fold, whatever else is evaluated."""
    sequence = np.random.SeedSequence([settings.seed, zlib.crc32(tissue.encode()), *numbers])
    return int(sequence.generate_state(1)[0])


def predict_held_out(
    features: npt.NDArray[np.float32],
    fold_of: npt.NDArray[np.int64],
    train: Train,
    seed: Callable[[int], int],
    folds: int,
    advance: Advance = lambda trained: None,
) -> Floats:
    """What is predicted for every row by what has not seen its fold.

    Args:
        features: float32 [rows, features].
        fold_of: int64 [rows].
        train: Trains on some rows.
        seed: Gives the seed of a fold.
        folds: How many there are; one may be empty.
        advance: Told of every fold.

    Returns:
        float64 [rows].
    """
    predicted = np.zeros(len(features))
    for fold in range(folds):
        held = fold_of == fold
        if held.any():
            predicted[held] = train(~held, seed(fold))(features[held])
        advance(1)
    return predicted
