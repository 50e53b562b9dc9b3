"""Fits a calibration to the scores of a background, in one pass and with flat memory."""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.additions import is_effect
from enformer_vep.calibration.calibration import Calibration, ScoreCalibration, with_places
from enformer_vep.calibration.comparison import Identity
from enformer_vep.calibration.quantiles import DEFAULT_CAPACITY, QuantileSketch
from enformer_vep.calibration.ranks import NODE_PROBABILITIES, size_nodes
from enformer_vep.calibration.sample import DEFAULT_SIZE, RowSample
from enformer_vep.calibration.transform import Moments, RobustScale, fit_components
from enformer_vep.errors import InputError, UsageError
from enformer_vep.tables.row import ValueBlock

logger = logging.getLogger(__name__)

# Below this the tails, which are what a calibration is for, hold but a handful of variants.
FEW_ALLELES = 1000
LEAST_ALLELES = 10


class _ScoreFitter:
    """Of one score."""

    def __init__(self, block: ValueBlock, source: slice, components: int, capacity: int, sample_size: int) -> None:
        width = len(block.labels)
        if components > width:
            raise UsageError(f"--components {components}: only {width} tracks are scored: ask for fewer")
        self.block, self.source, self.components = block, source, components
        self.sketch = QuantileSketch(width, capacity)
        self.moments = Moments(width if components else 0)
        self.sample = RowSample(width, sample_size if components else 0)

    def add(self, values: npt.NDArray[np.float32], seen: int) -> None:
        finite = np.isfinite(values)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise InputError(
                f"background allele {seen + row + 1}: {self.block.columns[column]} is {values[row, column]}: "
                "score with --precision float32, and check the model's weights"
            )
        self.sketch.add(values)
        if self.components:
            self.moments.add(values)
            self.sample.add(values)

    def finish(self) -> ScoreCalibration:
        scale = RobustScale.of_sketch(self.sketch)
        fitted = fit_components(self.moments, scale, self.sample.rows(), self.components) if self.components else None
        return ScoreCalibration(self.block.score, self.block.labels, size_nodes(self.sketch), scale, fitted)


class CalibrationFitter:
    """Takes in the scores of a background, batch by batch.

    Memory per score and track: 8 kB for each of the 1 + log2(alleles / 2,048) levels of the sketch and 4 kB for
    the tail, so 0.3 GB for 5,313 tracks and 100,000 alleles. With components, for 5,313 tracks: 0.4 GB more,
    and another 0.8 GB while they are fitted, which takes a minute or two.

    Attributes:
        alleles: ALT alleles seen.
    """

    def __init__(
        self,
        blocks: Sequence[ValueBlock],
        identity: Identity,
        recorded: Identity | None = None,
        components: int = 0,
        capacity: int = DEFAULT_CAPACITY,
        sample_size: int = DEFAULT_SIZE,
    ) -> None:
        """Start empty.

        Args:
            blocks: Value columns of the background run. REF and ALT are passed over.
            identity: What a run must have in common with it.
            recorded: Further facts to keep.
            components: Principal components to fit per score, over all its tracks; 0 for none.
            capacity: See `QuantileSketch`.
            sample_size: Rows on which the scaler of the components is fitted.

        Raises:
            UsageError: When there is nothing to calibrate, or more components than tracks.
        """
        self.alleles = 0
        self._identity, self._recorded = identity, recorded or {}
        self._scores = [
            _ScoreFitter(block, source, components, capacity, sample_size)
            for block, source in with_places(blocks)
            if is_effect(block.score)
        ]
        if not self._scores:
            raise UsageError("REF and ALT are predictions and are not calibrated: choose another score")

    def add(self, values: npt.NDArray[np.float32]) -> None:
        """Take in a batch. How rows are cut into batches does not change the result.

        Args:
            values: float32 [batch, value columns].

        Raises:
            InputError: On a value that is infinite or not a number. None is passed over: all columns of a
                background must speak of the same alleles.
        """
        for score in self._scores:
            score.add(values[:, score.source], self.alleles)
        self.alleles += len(values)

    def finish(self) -> Calibration:
        """Fit.

        Returns:
            The calibration.

        Raises:
            InputError: When the background is too small, or has fewer components than were asked for.
        """
        if self.alleles < LEAST_ALLELES:
            raise InputError(
                f"only {self.alleles} background alleles were scored, {LEAST_ALLELES} are the least: "
                "give more variants, some thousands if possible"
            )
        if self.alleles < FEW_ALLELES:
            logger.warning(
                "only %d background alleles: quantiles end at %.4f; give some thousands of variants",
                self.alleles,
                1 - 0.5 / self.alleles,
            )
        return Calibration(
            self._identity,
            self._recorded,
            self.alleles,
            max(score.sketch.rank_error for score in self._scores),
            NODE_PROBABILITIES,
            tuple(score.finish() for score in self._scores),
        )
