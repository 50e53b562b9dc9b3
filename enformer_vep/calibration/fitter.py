"""Fits a calibration to the scores of a background, in one pass and with flat memory."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.additions import column_score, is_effect
from enformer_vep.calibration.calibration import Calibration, ScoreCalibration, with_places
from enformer_vep.calibration.comparison import Identity
from enformer_vep.calibration.distribution import Distribution, rows_by_class
from enformer_vep.calibration.quantiles import DEFAULT_CAPACITY, QuantileSketch
from enformer_vep.calibration.sample import DEFAULT_SIZE, RowSample
from enformer_vep.calibration.transform import Moments, RobustScale, Transform, fit_components
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.row import ValueBlock

logger = logging.getLogger(__name__)

# Below this the tails, which are what a calibration is for, hold but a handful of variants.
FEW_ALLELES = 1000
LEAST_ALLELES = 100
"""Alleles of a class from which on it is calibrated: ranks then have a standard error of 0.05 at most (the root of
F (1 - F) / n), quantiles reach 0.995, and one allele in a hundred is seen at all."""


class _ScoreFitter:
    """Of one score."""

    def __init__(self, block: ValueBlock, source: slice, components: int, capacity: int, sample_size: int) -> None:
        width = len(block.labels)
        if components > width:
            raise UsageError(f"--components {components}: only {width} tracks are scored: ask for fewer")
        self.block, self.source, self.components = block, source, components
        self.classes: dict[VariantClass, QuantileSketch] = {}
        self._capacity = capacity
        self._sketch = QuantileSketch(width if components else 0, capacity)
        self._moments = Moments(width if components else 0)
        self._sample = RowSample(width, sample_size if components else 0)

    def add(self, values: npt.NDArray[np.float32], classes: Sequence[VariantClass], seen: int) -> None:
        finite = np.isfinite(values)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise InputError(
                f"background allele {seen + row + 1}: {self.block.columns[column]} is {values[row, column]}: "
                "score with --precision float32, and check the model's weights"
            )
        for one, rows in rows_by_class(classes).items():
            if one not in self.classes:
                self.classes[one] = QuantileSketch(len(self.block.labels), self._capacity)
            self.classes[one].add(values[rows])
        if self.components:
            self._sketch.add(values)
            self._moments.add(values)
            self._sample.add(values)

    def finish(self, least: int) -> ScoreCalibration:
        known = column_score(self.block.score)
        is_signed = known is None or known.score.is_signed
        fitted = {
            one: Distribution.of_sketch(self.classes[one], is_signed=is_signed)
            for one in VariantClass
            if one in self.classes and self.classes[one].count >= least
        }
        return ScoreCalibration(self.block.score, self.block.labels, fitted, self._transform())

    def _transform(self) -> Transform | None:
        if not self.components:
            return None
        scale = RobustScale.of_sketch(self._sketch)
        return Transform(scale, fit_components(self._moments, scale, self._sample.rows(), self.components))


class CalibrationFitter:
    """Takes in the scores of a background, batch by batch.

    Memory per score, track and class: 8 kB for each of the 1 + log2(alleles / 2,048) levels of the sketch and 4 kB
    for the tail, so 0.3 GB for 5,313 tracks and 100,000 alleles of a class (in classes of fewer than 2,048 alleles,
    4 to 8 bytes for each). With components, for 5,313 tracks: 0.7 GB more, and another 0.8 GB while they are
    fitted, which takes a minute or two.

    Attributes:
        counts: ALT alleles seen, by class.
    """

    def __init__(
        self,
        blocks: Sequence[ValueBlock],
        identity: Identity,
        recorded: Identity | None = None,
        components: int = 0,
        least: int = LEAST_ALLELES,
        capacity: int = DEFAULT_CAPACITY,
        sample_size: int = DEFAULT_SIZE,
    ) -> None:
        """Start empty.

        Args:
            blocks: Value columns of the background run. REF and ALT are passed over.
            identity: What a run must have in common with it.
            recorded: Further facts to keep.
            components: Principal components to fit per score, over all its tracks and the variants of all classes,
                so that any two rows can be compared; 0 for none.
            least: A class with fewer alleles is not calibrated.
            capacity: See `QuantileSketch`.
            sample_size: Rows on which the scaler of the components is fitted.

        Raises:
            UsageError: When there is nothing to calibrate, or more components than tracks.
        """
        self.counts: Counter[VariantClass] = Counter()
        self._least = least
        self._identity, self._recorded = identity, recorded or {}
        self._scores = [
            _ScoreFitter(block, source, components, capacity, sample_size)
            for block, source in with_places(blocks)
            if is_effect(block.score)
        ]
        if not self._scores:
            raise UsageError("REF and ALT are predictions and are not calibrated: choose another score")

    def add(self, values: npt.NDArray[np.float32], classes: Sequence[VariantClass]) -> None:
        """Take in a batch. How rows are cut into batches does not change the result.

        Args:
            values: float32 [batch, value columns].
            classes: Of the variant of each row.

        Raises:
            InputError: On a value that is infinite or not a number. None is passed over: all columns of a
                background must speak of the same alleles.
        """
        for score in self._scores:
            score.add(values[:, score.source], classes, self.counts.total())
        self.counts.update(classes)

    def finish(self) -> Calibration:
        """Fit.

        Returns:
            The calibration.

        Raises:
            InputError: When the background is too small, or has fewer components than were asked for.
        """
        most = max(self.counts.values(), default=0)
        if most < self._least:
            raise InputError(
                f"only {self.counts.total()} background alleles were scored, at most {most} of a class, and "
                f"{self._least} of a class are the least: give more variants, some thousands if possible, "
                "or lower --min-alleles"
            )
        self._warn()
        sketches = [sketch for score in self._scores for sketch in score.classes.values()]
        return Calibration(
            self._identity,
            self._recorded,
            {one: self.counts[one] for one in VariantClass if self.counts[one]},
            self._least,
            max(sketch.rank_error for sketch in sketches if sketch.count >= self._least),
            tuple(score.finish(self._least) for score in self._scores),
        )

    def _warn(self) -> None:
        lacking = [f"{one} ({self.counts[one]})" for one in VariantClass if self.counts[one] < self._least]
        if lacking:
            logger.warning(
                "not calibrated for lack of %d background alleles: %s; variants of these classes get no quantiles",
                self._least,
                ", ".join(lacking),
            )
        few = [
            f"{one} at {1 - 0.5 / self.counts[one]:.4f} ({self.counts[one]} alleles)"
            for one in VariantClass
            if self._least <= self.counts[one] < FEW_ALLELES
        ]
        if few:
            logger.warning("few background alleles: quantiles end for %s; give some thousands of each", ", ".join(few))
