"""A fitted calibration, and what it adds to the rows of a run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.additions import Addition, is_effect
from enformer_vep.calibration.comparison import Identity, differences
from enformer_vep.calibration.ranks import RankTable
from enformer_vep.calibration.transform import Components, RobustScale
from enformer_vep.errors import UsageError
from enformer_vep.tables.row import ValueBlock

Compute = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

_REMEDY = "fit one with the same settings (enformer-vep calibrate), or leave --calibration out"


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """How one score is distributed over the background.

    Attributes:
        score: Such as "SAD".
        labels: Tracks, or groups of tracks.
        nodes: float32 [labels, nodes]; sizes at the calibration's probabilities, ascending.
        scale: Median and interquartile range per label.
        components: Over all labels; None when they were not fitted.
    """

    score: str
    labels: tuple[str, ...]
    nodes: npt.NDArray[np.float32]
    scale: RobustScale
    components: Components | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """One block that is added."""

    block: ValueBlock
    source: slice
    compute: Compute


@dataclass(frozen=True, slots=True)
class Extension:
    """What is added to the rows of one run."""

    _parts: tuple[_Part, ...]

    @property
    def blocks(self) -> tuple[ValueBlock, ...]:
        """The columns that are added, by addition and then by score."""
        return tuple(part.block for part in self._parts)

    def __call__(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Compute the values of the added columns.

        Args:
            values: float32 [batch, value columns of the run].

        Returns:
            float32 [batch, added columns], in the order of `blocks`.
        """
        return np.concatenate([part.compute(values[:, part.source]) for part in self._parts], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The distribution of scores over a background of variants.

    Attributes:
        identity: What a run must have in common with the background (`calibration_identity`).
        recorded: Further facts about the background, for the reader.
        alleles: How many ALT alleles were seen.
        rank_error: Bound on the error of ranks in the body of the distribution, as a share; 0 when exact.
        probabilities: float64 [nodes], ascending from 0 to 1.
        scores: One entry per score.
    """

    identity: Identity
    recorded: Identity
    alleles: int
    rank_error: float
    probabilities: npt.NDArray[np.float64]
    scores: tuple[ScoreCalibration, ...]

    @property
    def has_components(self) -> bool:
        """Whether principal components were fitted."""
        return any(score.components is not None for score in self.scores)

    def require_matching(self, identity: Identity) -> None:
        """Refuse a run that the background says nothing about.

        Raises:
            UsageError: Naming all that differs.
        """
        found = differences(self.identity, identity)
        if found:
            raise UsageError(f"the calibration was made with {', '.join(found)}: {_REMEDY}")

    def extend(self, blocks: Sequence[ValueBlock], additions: Sequence[Addition] = (Addition.QUANTILE,)) -> Extension:
        """Fix what is added to a run.

        Args:
            blocks: Value columns of the run. Quantiles and z-scores need no more than that their tracks are
                among the calibration's, components need all of these. REF and ALT are passed over.
            additions: What to add.

        Returns:
            What computes the added columns from the run's values.

        Raises:
            UsageError: When a score, a track or the components are not in the calibration.
        """
        wanted = [(block, source) for block, source in with_places(blocks) if is_effect(block.score)]
        if not wanted:
            raise UsageError(
                "REF and ALT are predictions and are not calibrated: add another score, or leave --calibration out"
            )
        return Extension(
            tuple(self._part(block, source, addition) for addition in additions for block, source in wanted)
        )

    def _part(self, block: ValueBlock, source: slice, addition: Addition) -> _Part:
        fitted = next((score for score in self.scores if score.score == block.score), None)
        if fitted is None:
            raise UsageError(
                f"the calibration has no {block.score}, only {', '.join(s.score for s in self.scores)}: {_REMEDY}"
            )
        columns = _columns(fitted, block)
        scale = fitted.scale.take(columns)
        name, description = block.score + addition.suffix, addition.describe(block.score)
        labels, titles = block.labels, block.titles
        compute: Compute
        match addition:
            case Addition.QUANTILE:
                table = RankTable(fitted.nodes[columns], self.probabilities, self.alleles)
                compute = table.signed_quantiles
            case Addition.ZSCORE:
                compute = scale
            case Addition.COMPONENTS:
                components = _components(fitted, columns)
                labels, titles = tuple(str(number + 1) for number in range(len(components))), ()
                compute = partial(_transform, scale, components)
        return _Part(ValueBlock(name, labels, description, titles), source, compute)


def with_places(blocks: Sequence[ValueBlock]) -> Iterator[tuple[ValueBlock, slice]]:
    """Yields each block with where its columns stand among the values."""
    end = 0
    for block in blocks:
        begin, end = end, end + len(block.labels)
        yield block, slice(begin, end)


def _transform(scale: RobustScale, components: Components, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The whole published transform."""
    return components(scale(values))


def _columns(fitted: ScoreCalibration, block: ValueBlock) -> npt.NDArray[np.intp]:
    """Where the labels of a block stand in the calibration."""
    places = {label: place for place, label in enumerate(fitted.labels)}
    missing = [label for label in block.labels if label not in places]
    if missing:
        raise UsageError(
            f"the calibration of {fitted.score} lacks {len(missing)} of {len(block.labels)} tracks, "
            f"such as {missing[0]}: {_REMEDY}"
        )
    return np.array([places[label] for label in block.labels], dtype=np.intp)


def _components(fitted: ScoreCalibration, columns: npt.NDArray[np.intp]) -> Components:
    """The components, with their columns in the order of the run's."""
    if fitted.components is None:
        raise UsageError(
            "the calibration has no components: fit one with enformer-vep calibrate --components K, "
            "or leave components out"
        )
    if len(columns) < len(fitted.labels):
        raise UsageError(
            f"components need all {len(fitted.labels)} tracks of the calibration, this run has {len(columns)}: "
            "score the same tracks, or leave components out"
        )
    return Components(fitted.components.directions[:, columns], fitted.components.rescale)
