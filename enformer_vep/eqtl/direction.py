"""Which way does a variant act: predicted from signed scores, so that swapping REF and ALT swaps the answer."""

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.cross_validation import Advance, Predict, predict_held_out, seed_for
from enformer_vep.eqtl.direction_tracks import SignedTracks
from enformer_vep.eqtl.eqtl_settings import EqtlSettings, ForestSettings
from enformer_vep.eqtl.features import robust_mean
from enformer_vep.eqtl.folds import OK, why_not
from enformer_vep.eqtl.forest import Forest
from enformer_vep.eqtl.labelled_examples import TissueExamples
from enformer_vep.eqtl.results import DirectionResult
from enformer_vep.eqtl.sklearn_door import draw_folds, grow_forest
from enformer_vep.statistics import metrics
from enformer_vep.statistics.metrics import Bools

_SEED = 1


def direction_of_effect(
    one: TissueExamples, settings: EqtlSettings, tracks: SignedTracks | None, advance: Advance
) -> DirectionResult:
    """Tests the signed mean of some tracks, untrained, and a forest on all of them, on positives with an effect.

    Args:
        one: The examples of a tissue.
        settings: Of the forest and the folds.
        tracks: What the mean is of; None for none.
        advance: Told of every forest, those that are not grown included.
    """
    folds = settings.folds
    known = one.positive & np.isfinite(one.effect) & (one.effect != 0)
    status, up, features = _status(one, known, settings), one.effect[known] > 0, one.features[known]
    result = DirectionResult(status, int(known.sum()), int(up.sum()))
    if settings.features.signed and known.any() and tracks is not None:
        score = single_score(features, tracks.signs)
        accuracy, auroc = metrics.sign_accuracy(up, score), metrics.auroc(up, score)
        result = replace(result, tracks=tracks.words, accuracy=accuracy, auroc=auroc)
    if status != OK:
        advance(folds.folds * folds.repeats)
        return result
    groups = None if one.groups is None else one.groups[known]

    def train(rows: Bools, seed: int) -> Predict:
        forest = grow_direction_forest(features[rows], up[rows], settings.forest, seed)
        return partial(predict_direction, forest)

    predicted = []
    for repeat in range(folds.repeats):
        fold_of = draw_folds(up, groups, folds.folds, seed_for(folds, one.tissue, repeat, folds.folds, _SEED))

        def seed(fold: int, repeat: int = repeat) -> int:
            return seed_for(folds, one.tissue, repeat, fold, _SEED)

        predicted.append(predict_held_out(features, fold_of, train, seed, folds.folds, advance))
    return replace(
        result,
        forest_accuracy=tuple(metrics.sign_accuracy(up, scores) for scores in predicted),
        forest_auroc=tuple(metrics.auroc(up, scores) for scores in predicted),
    )


def single_score(features: npt.NDArray[np.float32], signs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One number per row of signed features, without training: positive for an ALT that raises expression.

    Args:
        features: float32 [rows, features].
        signs: float64 [features]: 1, -1 where more means less expression, 0 for what is left out.

    Returns:
        float64 [rows]: the robust mean.
    """
    chosen = np.flatnonzero(signs)
    return robust_mean(features[:, chosen] * signs[chosen].astype(np.float32))


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


def _status(one: TissueExamples, known: Bools, settings: EqtlSettings) -> str:
    if not settings.features.signed:
        return "unsigned_score"
    if not np.isfinite(one.effect).any():
        return "no_effects"
    status = why_not(one.effect[known] > 0, None if one.groups is None else one.groups[known], settings.folds.folds)
    return status.replace("positives", "up").replace("negatives", "down")
