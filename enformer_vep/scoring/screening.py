"""Scores to first order: from the gradients of a window's outputs to the rows of its alternates."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.linear import Objective
from enformer_vep.effects.predictor import Predictor
from enformer_vep.errors import UsageError
from enformer_vep.genome.placing import Readout
from enformer_vep.settings import Precision, Score, ScoreSettings

LARGEST_NUMBER_OF_PASSES = 64
"""Backward passes of a window; each costs about two forward passes of the transformer."""

_SCREENED = (Score.SAD, Score.MEAN, Score.SADR, Score.SAR, Score.REF, Score.ALT)
_EXACT_ENOUGH = (Precision.FLOAT32, Precision.TF32, Precision.FLOAT64)

Bins = tuple[int, ...] | None
"""Bins that are read; None for all."""


def require_screenable(settings: ScoreSettings, outputs: int) -> None:
    """Refuse what makes no sense to first order.

    Args:
        settings: What is asked for, the engine among it.
        outputs: Tracks, or groups of tracks.

    Raises:
        UsageError: On a score that is not linear in the change, 16-bit arithmetic, or too many outputs.
    """
    others = [score for score in settings.scores if score not in _SCREENED]
    if others:
        raise UsageError(
            f"--engine adjoint cannot compute {', '.join(others)}: to first order nothing is known of single bins; "
            f"choose from {', '.join(_SCREENED)}"
        )
    if settings.compares_views:
        raise UsageError("--engine adjoint says nothing of single views: leave out --spread, --confident and --shrink")
    if settings.precision not in _EXACT_ENOUGH:
        raise UsageError(f"--engine adjoint needs --precision {', '.join(_EXACT_ENOUGH)}, not {settings.precision}")
    passes = outputs * _kinds(settings.scores)
    if passes > LARGEST_NUMBER_OF_PASSES:
        raise UsageError(
            f"--engine adjoint would take {passes} backward passes for each window and gene, one for each output, and "
            f"takes at most {LARGEST_NUMBER_OF_PASSES}: name fewer tracks with --tracks, or average them with --groups"
        )


def _kinds(scores: Sequence[Score]) -> int:
    """Outputs per track: the sum over bins, and that of logarithms if it is wanted."""
    return 2 if Score.SAR in scores else 1


@dataclass(frozen=True, slots=True)
class Screen:
    """Computes scores to first order.

    Attributes:
        predictor: Averages over views; its engine can linearise.
        group: Averages [..., tracks] over groups of tracks; the identity for single tracks.
        scores: What to compute, all linear in the prediction or functions of such.
        bins: Number of bins in use.
        pseudocount: See `enformer_vep.scoring.scores.compute_scores`.
    """

    predictor: Predictor
    group: Callable[[Tensor], Tensor]
    scores: Sequence[Score]
    bins: int
    pseudocount: float = 1.0

    def __call__(self, batches: Sequence[EffectBatch], readouts: Sequence[Sequence[Readout]]) -> Tensor:
        """Compute the rows of some alternates.

        Args:
            batches: For each shift, the same alternates, substitutions.
            readouts: For each alternate, its rows.

        Returns:
            float32 [rows, scores * outputs] on the predictor's device, rows in the order of alternates and readouts.
        """
        owner = batches[0].owner.tolist()
        wanted: list[dict[Bins, int]] = [{} for _ in range(len(batches[0].reference))]
        for window, rows in zip(owner, readouts, strict=True):
            for row in rows:
                wanted[window].setdefault(_bins(row), len(wanted[window]))
        slopes = self._logarithmic_slopes(batches)
        objectives = [self._objective(tuple(sets), slopes[window]) for window, sets in enumerate(wanted)]
        windows = self.predictor.linearise(batches, objectives)
        kinds = _kinds(self.scores)
        # [sets, kinds, outputs], and the same of each alternate.
        values = [one.values.view(len(sets), kinds, -1) for one, sets in zip(windows, wanted, strict=True)]
        changes = [
            change
            for one, sets in zip(windows, wanted, strict=True)
            for change in one.changes.double().view(len(one.changes), len(sets), kinds, -1)
        ]
        return torch.stack(
            [
                self._row(values[window][place], change[place], row)
                for window, change, rows in zip(owner, changes, readouts, strict=True)
                for row in rows
                for place in (wanted[window][_bins(row)],)
            ]
        )

    def _logarithmic_slopes(self, batches: Sequence[EffectBatch]) -> Sequence[Tensor | None]:
        """For each window d log2(r + c) / dr [bins, outputs] at its mean prediction over views; None if not needed."""
        if Score.SAR not in self.scores:
            return [None] * len(batches[0].reference)
        reference = self.group(self.predictor.predict([batch.reference for batch in batches]))
        return list(1 / ((reference + self.pseudocount) * math.log(2)))

    def _objective(self, sets: Sequence[Bins], slopes: Tensor | None) -> Objective:
        """Outputs of a window: for each set of bins sums of all groups, then those weighted with `slopes`."""

        def objective(prediction: Tensor) -> Tensor:
            grouped = self.group(prediction)
            values = [grouped] if slopes is None else [grouped, grouped * slopes]
            return torch.cat([_sum(kind, bins) for bins in sets for kind in values])

        return objective

    def _row(self, reference: Tensor, change: Tensor, row: Readout) -> Tensor:
        """Scores float32 [scores * outputs] of sums and their changes [kinds, outputs]."""
        count = self.bins if row.bins is None else len(row.bins)
        return torch.cat([self._score(score, reference, change, count) for score in self.scores]).to(torch.float32)

    def _score(self, score: Score, reference: Tensor, change: Tensor, bins: int) -> Tensor:
        """Derivatives of `enformer_vep.scoring.scores`: of sums and their changes [kinds, outputs] to [outputs]."""
        match score:
            case Score.SAD:
                return change[0]
            case Score.MEAN:
                return change[0] / bins
            case Score.SADR:
                return change[0] / ((reference[0] + self.pseudocount) * math.log(2))
            case Score.SAR:
                return change[1]
            case Score.REF:
                return reference[0]
            case _:
                return reference[0] + change[0]


def _bins(row: Readout) -> Bins:
    return None if row.bins is None else tuple(row.bins)


def _sum(values: Tensor, bins: Bins) -> Tensor:
    """Sum over bins in float64: [bins, outputs] to [outputs]."""
    return (values if bins is None else values[list(bins)]).sum(0, dtype=torch.float64)
