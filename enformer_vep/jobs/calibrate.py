"""A calibration made: a run over a background of common variants, whose rows are not written but counted in."""

import time

import numpy as np
import numpy.typing as npt

from enformer_vep import __version__
from enformer_vep.calibration import CalibrationFitter, recorded_settings, write_calibration
from enformer_vep.errors import UsageError
from enformer_vep.files.signals import stop_request
from enformer_vep.files.writing import require_writable
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.jobs.run import Progress, prepare_run, write_run
from enformer_vep.scoring.calibrated import scorer_identity
from enformer_vep.scoring.inputs import open_source
from enformer_vep.scoring.scorer import class_of
from enformer_vep.settings import Engine, ScoreRequest, is_masked_model
from enformer_vep.tables.row import RunSummary, ScoredVariant


class _Background:
    """Takes rows of a background (`enformer_vep.scoring.batches.Table`)."""

    def __init__(self, fitter: CalibrationFitter) -> None:
        self._fitter = fitter
        self._values: list[npt.NDArray[np.float32]] = []
        self._classes: list[VariantClass] = []

    def write(self, row: ScoredVariant) -> None:
        if row.values is not None:
            self._values.append(row.values)
            self._classes.append(class_of(row.variant))

    def end_batch(self) -> None:
        if self._values:
            self._fitter.add(np.stack(self._values), self._classes)
            self._values.clear()
            self._classes.clear()

    def end_piece(self) -> None:
        """Batches end with their piece."""


def calibrate_file(
    request: ScoreRequest, destination: str, components: int, least: int, progress: Progress
) -> RunSummary:
    """Score a background of variants and keep how its scores are distributed, class by class.

    The output settings of `request` are not looked at; `components` principal components are fitted, 0 for none, and
    classes of fewer than `least` alleles are not calibrated.

    Raises:
        EnformerVepError: On bad input, options, weights, an unwritable destination, or too small a background.
    """
    require_writable(destination)
    if request.settings.engine is Engine.ADJOINT:
        raise UsageError("a background is of exact scores, not of those of --engine adjoint: leave --engine out")
    if is_masked_model(request.model):
        raise UsageError("score takes no calibration with dnabert: make one of another model")
    with stop_request() as stop:
        source = open_source(request)
        variants = source.variants()
        run = prepare_run(request, source, None, None, progress, stop)
        fitter = CalibrationFitter(
            run.scorer.layout.blocks,
            scorer_identity(run.scorer, source.reference.genes),
            {**recorded_settings(run.scorer.settings.describe()), "version": __version__},
            components,
            least,
        )
        summary, began = RunSummary(), time.perf_counter()
        write_run(run, variants, _Background(fitter), summary, source.count(), 0)
        write_calibration(fitter.finish(), destination)
        summary.seconds = time.perf_counter() - began
    return summary
