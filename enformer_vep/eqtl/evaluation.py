"""Cross-validation of one tissue after the other."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.baselines import baseline_features, fitted_baselines, held_out_baselines
from enformer_vep.eqtl.cross_validation import Advance, Predict, predict_held_out, seed_for
from enformer_vep.eqtl.direction import direction_of_effect
from enformer_vep.eqtl.direction_tracks import DirectionTracks, table_of_titles
from enformer_vep.eqtl.eqtl_settings import EqtlSettings
from enformer_vep.eqtl.folds import OK, check_folds, why_not
from enformer_vep.eqtl.labelled_examples import Examples, TissueExamples
from enformer_vep.eqtl.results import DirectionResult, FoldScore, Ranking, TissueResult
from enformer_vep.eqtl.sklearn_door import draw_folds, grow_forest
from enformer_vep.statistics import metrics
from enformer_vep.statistics.bootstrap import Advantage, advantage
from enformer_vep.statistics.metrics import Bools, Floats
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)

_BOOTSTRAP_SEED = (1 << 20, 2)  # no repeat and fold


def evaluate(
    examples: Examples,
    settings: EqtlSettings,
    advance: Advance = lambda forests: None,
    table: TrackTable | None = None,
) -> Iterator[TissueResult]:
    """Yields one result per tissue, in the order of the labels; a tissue with too little data has a reason.

    Args:
        examples: What is tested.
        settings: How.
        advance: Told how much of `work(examples, settings)` is done.
        table: The model's tracks, for the direction of effect; None for what the score tables say.

    Raises:
        UsageError: Tracks for the direction of effect are not among the features.
        InputError: The examples come in fewer groups than there are folds.
    """
    tracks = direction_tracks(examples, settings, table)
    check_folds(examples, settings.folds)
    reasons: set[str] = set()
    for one in examples.by_tissue(settings.folds):
        result = _classify(one, settings, advance)
        signed = tracks.of(one.tissue)
        if signed is None and settings.features.signed and np.isfinite(one.effect[one.positive]).any():
            reason = tracks.why_not(one.tissue)
            if reason not in reasons:
                logger.warning("no direction is told from tracks: %s", reason)
            reasons.add(reason)
        yield replace(result, direction=direction_of_effect(one, settings, signed, advance))


def direction_tracks(examples: Examples, settings: EqtlSettings, table: TrackTable | None = None) -> DirectionTracks:
    """Which tracks tell the direction; raises as `evaluate` does."""
    known = table or table_of_titles(examples.tracks, examples.titles)
    return DirectionTracks(examples.tracks, settings.direction, known)


def work(examples: Examples, settings: EqtlSettings) -> int:
    """What `advance` adds up to: forests to grow at most, for two tests."""
    return len(examples.tissues) * 2 * settings.folds.folds * settings.folds.repeats


def _classify(one: TissueExamples, settings: EqtlSettings, advance: Advance) -> TissueResult:
    folds = settings.folds
    status = why_not(one.positive, one.groups, folds.folds)
    counts = (_count(one.groups), _count(None if one.groups is None else one.groups[one.positive]))
    result = TissueResult(one.tissue, status, one.positive, *counts, DirectionResult(OK))
    if status != OK:
        advance(folds.folds * folds.repeats)
        return result
    scores: list[FoldScore] = []
    held_out: dict[Ranking, Floats] = defaultdict(lambda: np.zeros(len(one.positive)))
    for repeat in range(folds.repeats):
        fold_of = draw_folds(one.positive, one.groups, folds.folds, seed_for(folds, one.tissue, repeat))
        predicted = _predict(one, settings, repeat, fold_of, advance)
        scores += _fold_scores(one, predicted, fold_of, repeat)
        for ranking, values in predicted.items():
            held_out[ranking] += values / folds.repeats
    if all(math.isnan(score.auroc[Ranking.FOREST]) for score in scores):
        status = "no_fold_with_both"
    seed = seed_for(folds, one.tissue, *_BOOTSTRAP_SEED)
    advantages: dict[Ranking, Advantage] = {
        ranking: advantage(one.positive, held_out[Ranking.FOREST], values, one.groups, seed)
        for ranking, values in fitted_baselines(one, baseline_features(one)).items()
    }
    return replace(result, status=status, folds=tuple(scores), held_out=dict(held_out), advantages=advantages)


def _predict(
    one: TissueExamples, settings: EqtlSettings, repeat: int, fold_of: npt.NDArray[np.int64], advance: Advance
) -> dict[Ranking, Floats]:
    """What each ranking that is known gives every example, held out."""
    folds, sizes = settings.folds, np.abs(one.features)

    def train(rows: Bools, seed: int) -> Predict:
        positive = one.positive[rows]
        if positive.all() or not positive.any():
            return lambda features: np.full(len(features), float(positive.all()))
        return grow_forest(sizes[rows], positive, settings.forest, seed).predict

    def seed(fold: int) -> int:
        return seed_for(folds, one.tissue, repeat, fold)

    forest = predict_held_out(sizes, fold_of, train, seed, folds.folds, advance)
    return {Ranking.FOREST: forest, **held_out_baselines(one, baseline_features(one), fold_of, folds.folds)}


def _fold_scores(
    one: TissueExamples, predicted: Mapping[Ranking, Floats], fold_of: npt.NDArray[np.int64], repeat: int
) -> Iterator[FoldScore]:
    unknown = dict.fromkeys(Ranking, math.nan)
    for fold in range(fold_of.max() + 1):
        held = fold_of == fold
        positive = one.positive[held]
        aurocs = {ranking: metrics.auroc(positive, values[held]) for ranking, values in predicted.items()}
        auprcs = {ranking: metrics.average_precision(positive, values[held]) for ranking, values in predicted.items()}
        counts = int(positive.sum()), int((~positive).sum())
        yield FoldScore(repeat + 1, fold + 1, *counts, unknown | aurocs, unknown | auprcs)


def _count(groups: npt.NDArray[np.int64] | None) -> int | None:
    return None if groups is None else len(np.unique(groups))
