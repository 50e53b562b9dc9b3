"""Cross-validation of one tissue after the other."""

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl import metrics
from enformer_vep.eqtl.direction import grow_direction_forest, predict_direction, single_score
from enformer_vep.eqtl.eqtl_settings import EqtlSettings, FoldSettings
from enformer_vep.eqtl.folds import OK, check_folds, why_not
from enformer_vep.eqtl.labelled_examples import Examples, TissueExamples
from enformer_vep.eqtl.sklearn_door import draw_folds, grow_forest
from enformer_vep.errors import UsageError

_DIRECTION_SEED = 1

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Advance = Callable[[int], object]
Predict = Callable[[npt.NDArray[np.float32]], Floats]


@dataclass(frozen=True, slots=True)
class FoldScore:
    """One held-out fold; NaN where it has not both kinds, or no distances.

    Attributes:
        repeat: From 1.
        fold: From 1.
        positives: In the fold.
        negatives: In the fold.
        auroc: Of the forest that was trained on the other folds.
        auprc: Its average precision.
        baseline_auroc: Of -|distance to the TSS|.
        baseline_auprc: Its average precision.
    """

    repeat: int
    fold: int
    positives: int
    negatives: int
    auroc: float
    auprc: float
    baseline_auroc: float
    baseline_auprc: float


@dataclass(frozen=True, slots=True)
class DirectionResult:
    """How well the direction of effect is told, among positives whose effect is known.

    Attributes:
        status: "ok", or why the forest was not tested.
        variants: Positives with an effect that is not 0.
        up: Those whose ALT raises expression.
        accuracy: Sign accuracy of the single score.
        auroc: Its AUROC for up against down.
        forest_accuracy: Per repeat, over all held-out variants.
        forest_auroc: Per repeat.
    """

    status: str
    variants: int = 0
    up: int = 0
    accuracy: float = math.nan
    auroc: float = math.nan
    forest_accuracy: tuple[float, ...] = ()
    forest_auroc: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TissueResult:
    """What came out for one tissue.

    Attributes:
        tissue: Its name.
        status: "ok", or why it was not tested.
        positive: bool [examples].
        distance: float64 [examples].
        groups: How many groups of examples folds keep together; None if every example is by itself.
        positive_groups: Those with a positive.
        folds: One per repeat and fold; empty unless the status is ok.
        held_out: float64 [examples], probability when held out, mean over repeats; empty unless ok.
        direction: The other test.
    """

    tissue: str
    status: str
    positive: Bools
    distance: Floats
    groups: int | None
    positive_groups: int | None
    folds: tuple[FoldScore, ...]
    held_out: Floats
    direction: DirectionResult


def evaluate(
    examples: Examples, settings: EqtlSettings, advance: Advance = lambda forests: None
) -> Iterator[TissueResult]:
    """Yields one result per tissue, in the order of the labels; a tissue with too little data has a reason.

    `advance` is told how much of `work(examples, settings)` is done.

    Raises:
        UsageError: The direction track is not among the features.
        InputError: The examples come in fewer groups than there are folds.
    """
    track = _track_index(examples, settings.direction_track)
    check_folds(examples, settings.folds)
    for one in examples.by_tissue(settings.folds):
        result = _classify(one, settings, advance)
        yield replace(result, direction=_direction(one, settings, track, advance))


def work(examples: Examples, settings: EqtlSettings) -> int:
    """What `advance` adds up to: forests to grow at most, for two tests."""
    return len(examples.tissues) * 2 * settings.folds.folds * settings.folds.repeats


def seed_for(settings: FoldSettings, tissue: str, *numbers: int) -> int:
    """A seed of its own for every tissue, repeat and fold, whatever else is evaluated."""
    sequence = np.random.SeedSequence([settings.seed, zlib.crc32(tissue.encode()), *numbers])
    return int(sequence.generate_state(1)[0])


def baseline_scores(distance: Floats) -> Floats:
    """The nearer the TSS, the likelier: -|distance|; all NaN unless every distance is known."""
    return -np.abs(distance) if np.isfinite(distance).all() else np.full(len(distance), np.nan)


def _classify(one: TissueExamples, settings: EqtlSettings, advance: Advance) -> TissueResult:
    folds = settings.folds
    status = why_not(one.positive, one.groups, folds.folds)
    scores: list[FoldScore] = []
    held_out = np.zeros(len(one.positive) if status == OK else 0)
    sizes = np.abs(one.features)

    def train(rows: Bools, seed: int) -> Predict:
        positive = one.positive[rows]
        if positive.all() or not positive.any():
            return lambda features: np.full(len(features), float(positive.all()))
        return grow_forest(sizes[rows], positive, settings.forest, seed).predict

    for repeat in range(folds.repeats if status == OK else 0):
        fold_of = draw_folds(one.positive, one.groups, folds.folds, seed_for(folds, one.tissue, repeat))
        predicted = _held_out(one, sizes, fold_of, folds, (repeat,), train, advance)
        scores += _fold_scores(one, predicted, fold_of, repeat)
        held_out += predicted / folds.repeats
    if status != OK:
        advance(folds.folds * folds.repeats)
    elif all(math.isnan(score.auroc) for score in scores):
        status = "no_fold_with_both"
    counts = (_count(one.groups), _count(_of(one.groups, one.positive)))
    return TissueResult(
        one.tissue, status, one.positive, one.distance, *counts, tuple(scores), held_out, DirectionResult(OK)
    )


def _held_out(
    one: TissueExamples,
    features: npt.NDArray[np.float32],
    fold_of: npt.NDArray[np.int64],
    folds: FoldSettings,
    numbers: tuple[int, ...],
    train: Callable[[Bools, int], Predict],
    advance: Advance,
) -> Floats:
    """What is predicted for every row by what has not seen its fold; the numbers go into the seeds."""
    predicted = np.zeros(len(features))
    for fold in range(folds.folds):
        held = fold_of == fold
        if held.any():
            seed = seed_for(folds, one.tissue, numbers[0], fold, *numbers[1:])
            predicted[held] = train(~held, seed)(features[held])
        advance(1)
    return predicted


def _fold_scores(
    one: TissueExamples, predicted: Floats, fold_of: npt.NDArray[np.int64], repeat: int
) -> Iterator[FoldScore]:
    baseline = baseline_scores(one.distance)
    known = bool(np.isfinite(baseline).all())
    for fold in range(fold_of.max() + 1):
        held = fold_of == fold
        positive = one.positive[held]
        yield FoldScore(
            repeat + 1,
            fold + 1,
            int(positive.sum()),
            int((~positive).sum()),
            metrics.auroc(positive, predicted[held]),
            metrics.average_precision(positive, predicted[held]),
            metrics.auroc(positive, baseline[held]) if known else math.nan,
            metrics.average_precision(positive, baseline[held]) if known else math.nan,
        )


def _direction(one: TissueExamples, settings: EqtlSettings, track: int | None, advance: Advance) -> DirectionResult:
    folds = settings.folds
    known = one.positive & np.isfinite(one.effect) & (one.effect != 0)
    status, up, features = _direction_status(one, known, settings), one.effect[known] > 0, one.features[known]
    result = DirectionResult(status, int(known.sum()), int(up.sum()))
    if settings.features.signed and known.any():
        score = single_score(features, track)
        result = replace(result, accuracy=metrics.sign_accuracy(up, score), auroc=metrics.auroc(up, score))
    if status != OK:
        advance(folds.folds * folds.repeats)
        return result

    def train(rows: Bools, seed: int) -> Predict:
        forest = grow_direction_forest(features[rows], up[rows], settings.forest, seed)
        return partial(predict_direction, forest)

    predicted = []
    for repeat in range(folds.repeats):
        seed = seed_for(folds, one.tissue, repeat, folds.folds, _DIRECTION_SEED)
        fold_of = draw_folds(up, _of(one.groups, known), folds.folds, seed)
        predicted.append(_held_out(one, features, fold_of, folds, (repeat, _DIRECTION_SEED), train, advance))
    return replace(
        result,
        forest_accuracy=tuple(metrics.sign_accuracy(up, scores) for scores in predicted),
        forest_auroc=tuple(metrics.auroc(up, scores) for scores in predicted),
    )


def _direction_status(one: TissueExamples, known: Bools, settings: EqtlSettings) -> str:
    if not settings.features.signed:
        return "unsigned_score"
    if not np.isfinite(one.effect).any():
        return "no_effects"
    status = why_not(one.effect[known] > 0, _of(one.groups, known), settings.folds.folds)
    return status.replace("positives", "up").replace("negatives", "down")


def _count(groups: npt.NDArray[np.int64] | None) -> int | None:
    return None if groups is None else len(np.unique(groups))


def _of(groups: npt.NDArray[np.int64] | None, rows: Bools) -> npt.NDArray[np.int64] | None:
    return None if groups is None else groups[rows]


def _track_index(examples: Examples, track: str | None) -> int | None:
    if track is None:
        return None
    if track not in examples.tracks:
        raise UsageError(f"--direction-track {track} is not among the features; name one of the score tables' tracks")
    return examples.tracks.index(track)
