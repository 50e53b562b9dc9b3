"""Rankings that need no scores: how far a variant is from the TSS, and how frequent."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.cross_validation import predict_held_out
from enformer_vep.eqtl.labelled_examples import TissueExamples
from enformer_vep.eqtl.results import Ranking
from enformer_vep.eqtl.sklearn_door import fit_logistic
from enformer_vep.statistics.metrics import Bools, Floats

_RAREST = 1e-3  # added to a frequency before its logarithm is taken


def distance_scores(distance: Floats) -> Floats | None:
    """The nearer the TSS, the likelier: -|distance|; None unless every distance is known."""
    return -np.abs(distance) if len(distance) and np.isfinite(distance).all() else None


def baseline_features(one: TissueExamples) -> dict[Ranking, npt.NDArray[np.float32]]:
    """What the trained baselines see, float32 [examples, 1 or 2]: those only of which every value is known."""
    columns = {
        Ranking.DISTANCE: np.log10(np.abs(one.distance) + 1),
        Ranking.FREQUENCY: np.log10(one.frequency + _RAREST),
    }
    known = {name: values for name, values in columns.items() if len(values) and np.isfinite(values).all()}
    found = {Ranking.FREQUENCY: [Ranking.FREQUENCY], Ranking.BOTH: [Ranking.DISTANCE, Ranking.FREQUENCY]}
    return {
        ranking: np.stack([known[part] for part in parts], axis=1).astype(np.float32)
        for ranking, parts in found.items()
        if known.keys() >= set(parts)
    }


def held_out_baselines(
    one: TissueExamples,
    features: Mapping[Ranking, npt.NDArray[np.float32]],
    fold_of: npt.NDArray[np.int64],
    folds: int,
) -> dict[Ranking, Floats]:
    """Every baseline that is known, of every example by what has not seen its fold: float64 [examples], log odds.

    Args:
        one: The examples.
        features: As from `baseline_features`.
        fold_of: int64 [examples].
        folds: How many.
    """
    found = {}
    distance = distance_scores(one.distance)
    if distance is not None:
        found[Ranking.DISTANCE] = distance
    for ranking, columns in features.items():

        def train(rows: Bools, seed: int, columns: npt.NDArray[np.float32] = columns) -> "_Logistic":
            return _Logistic(columns[rows], one.positive[rows])

        found[ranking] = predict_held_out(columns, fold_of, train, lambda fold: 0, folds)
    return found


def fitted_baselines(one: TissueExamples, features: Mapping[Ranking, npt.NDArray[np.float32]]) -> dict[Ranking, Floats]:
    """Every baseline that is known, fitted to the very examples it ranks: what scores have to be better than.

    Held out, a regression on what examples are matched on is worse than chance: the twin of every example is among
    those it was trained on, with the other label. Fitted to all, two weights flatter the baseline by little.
    """
    everyone = np.zeros(len(one.positive), np.int64)
    found = {ranking: _Logistic(columns, one.positive)(columns) for ranking, columns in features.items()}
    return {**held_out_baselines(one, {}, everyone, 1), **found}


class _Logistic:
    """A logistic regression on standardised features; a constant where training has one kind only."""

    def __init__(self, features: npt.NDArray[np.float32], positive: Bools) -> None:
        self._mean = features.mean(axis=0)
        self._scale = np.where(features.std(axis=0) > 0, features.std(axis=0), 1)
        both = bool(positive.any() and not positive.all())
        self._weights, self._offset = (
            fit_logistic(self._standardised(features), positive) if both else (np.zeros(features.shape[1]), 0.0)
        )

    def __call__(self, features: npt.NDArray[np.float32]) -> Floats:
        return self._standardised(features) @ self._weights + self._offset

    def _standardised(self, features: npt.NDArray[np.float32]) -> Floats:
        return (features.astype(np.float64) - self._mean) / self._scale
