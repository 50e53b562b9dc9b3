"""A fitted calibration, and what it adds to the rows of a run."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.additions import Addition, column_score, is_effect
from enformer_vep.calibration.comparison import INDELS, Identity, differences
from enformer_vep.calibration.distribution import Distribution, rows_by_class
from enformer_vep.calibration.transform import Transform
from enformer_vep.errors import UsageError
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.row import MISSING, ValueBlock

Compute = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

_REMEDY = "fit one with the same settings (enformer-vep calibrate), or leave --calibration out"


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """How one score is distributed over the background.

    Attributes:
        score: Such as "SAD".
        labels: Tracks, or groups of tracks.
        classes: Of each class that is calibrated.
        transform: Principal components over all labels and classes; None when they were not fitted.
    """

    score: str
    labels: tuple[str, ...]
    classes: Mapping[VariantClass, Distribution]
    transform: Transform | None = None


class _ByClass:
    """What computes an addition for a class, made when the first variant of the class comes."""

    def __init__(self, fitted: Mapping[VariantClass, Distribution], make: Callable[[Distribution], Compute]) -> None:
        self._fitted, self._make = fitted, make
        self._made: dict[VariantClass, Compute] = {}

    def __call__(self, one: VariantClass) -> Compute | None:
        if one in self._fitted and one not in self._made:
            self._made[one] = self._make(self._fitted[one])
        return self._made.get(one)


@dataclass(frozen=True, slots=True)
class _Part:
    """One block that is added; a class for which nothing computes it has no values."""

    block: ValueBlock
    source: slice
    compute: Callable[[VariantClass], Compute | None]


@dataclass(frozen=True, slots=True)
class Extension:
    """What is added to the rows of one run.

    Attributes:
        classes: Those that are calibrated.
    """

    _parts: tuple[_Part, ...]
    classes: frozenset[VariantClass]

    @property
    def blocks(self) -> tuple[ValueBlock, ...]:
        """The columns that are added, by addition and then by score."""
        return tuple(part.block for part in self._parts)

    def __call__(self, values: npt.NDArray[np.float32], classes: Sequence[VariantClass]) -> npt.NDArray[np.float32]:
        """Compute the values of the added columns.

        Args:
            values: float32 [batch, value columns of the run].
            classes: Of the variant of each row.

        Returns:
            float32 [batch, added columns], in the order of `blocks`; not a number where a class is not calibrated.
        """
        width = sum(len(part.block.labels) for part in self._parts)
        added = np.full((len(values), width), MISSING, dtype=np.float32)
        for one, rows in rows_by_class(classes).items():
            some, end = values[rows], 0
            for part in self._parts:
                begin, end = end, end + len(part.block.labels)
                compute = part.compute(one)
                if compute is not None:
                    added[rows, begin:end] = _of_known(compute, some[:, part.source])
        return added


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The distribution of scores over a background of variants.

    Attributes:
        identity: What a run must have in common with the background (`calibration_identity`).
        recorded: Further facts about the background, for the reader.
        counts: How many ALT alleles of each class were seen (with genes, alleles and genes).
        least: A class is calibrated from so many alleles on.
        rank_error: Bound on the error of ranks in the body of the distribution, as a share; 0 when exact.
        scores: One entry per score.
    """

    identity: Identity
    recorded: Identity
    counts: Mapping[VariantClass, int]
    least: int
    rank_error: float
    scores: tuple[ScoreCalibration, ...]

    @property
    def classes(self) -> tuple[VariantClass, ...]:
        """Those that are calibrated, in the usual order."""
        return tuple(one for one in VariantClass if self.counts.get(one, 0) >= self.least)

    @property
    def has_components(self) -> bool:
        """Whether principal components were fitted."""
        return any(score.transform is not None for score in self.scores)

    def describe_classes(self) -> str:
        """Which classes are calibrated, with the alleles of each, for notes in a file."""
        lacking = [one for one in VariantClass if one not in self.classes]
        known = ", ".join(f"{one} ({self.counts[one]} alleles)" for one in self.classes)
        return f"{known}; no quantiles of: {', '.join(lacking)}" if lacking else known

    def require_matching(self, identity: Identity, without_effect: Collection[str] = ()) -> None:
        """Refuse a run that the background says nothing about.

        The rule for indels is passed over by a calibration that ranks none.

        Args:
            identity: Of the run.
            without_effect: Names of settings that change none of the run's scores; passed over.

        Raises:
            UsageError: Naming all that differs.
        """
        rule = () if any(one.is_indel for one in self.classes) else (INDELS,)
        found = differences(self.identity, identity, (*rule, *without_effect))
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
            tuple(self._part(block, source, addition) for addition in additions for block, source in wanted),
            frozenset(self.classes),
        )

    def _part(self, block: ValueBlock, source: slice, addition: Addition) -> _Part:
        fitted = next((score for score in self.scores if score.score == block.score), None)
        if fitted is None:
            raise UsageError(
                f"the calibration has no {block.score}, only {', '.join(s.score for s in self.scores)}: {_REMEDY}"
            )
        columns = _columns(fitted, block)
        name, description = block.score + addition.suffix, addition.describe(block.score)
        if addition is Addition.ALPHAGENOME:
            _require_signs(fitted)
        if addition.is_ranked:
            added = ValueBlock(name, block.labels, description, block.titles)
            return _Part(added, source, _ByClass(fitted.classes, lambda one: _RANKED[addition](one.take(columns))))
        transform = _transform(fitted, columns)
        labels = tuple(str(number + 1) for number in range(len(transform)))
        return _Part(ValueBlock(name, labels, description), source, lambda _: transform)


def _of_known(compute: Compute, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What is computed of values; missing where the background does not tell, as where it has no spread."""
    added = compute(values)
    if added.shape != values.shape:
        return added
    return np.where(np.isnan(added) & ~np.isnan(values), MISSING, added)


def with_places(blocks: Sequence[ValueBlock]) -> Iterator[tuple[ValueBlock, slice]]:
    """Yields each block with where its columns stand among the values."""
    end = 0
    for block in blocks:
        begin, end = end, end + len(block.labels)
        yield block, slice(begin, end)


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


def _signed_quantiles(one: Distribution) -> Compute:
    return one.size_ranks().signed_quantiles


def _centred_quantiles(one: Distribution) -> Compute:
    signed = one.signed_ranks()
    return one.size_ranks().signed_quantiles if signed is None else signed.centred_quantiles


def _zscores(one: Distribution) -> Compute:
    return one.zscores


_RANKED: Mapping[Addition, Callable[[Distribution], Compute]] = {
    Addition.QUANTILE: _signed_quantiles,
    Addition.ZSCORE: _zscores,
    Addition.ALPHAGENOME: _centred_quantiles,
}


def _require_signs(fitted: ScoreCalibration) -> None:
    known = column_score(fitted.score)
    if known is not None and known.score.is_signed and any(one.signed is None for one in fitted.classes.values()):
        raise UsageError(f"the calibration has sizes of {fitted.score} only, not their signs: {_REMEDY}")


def _transform(fitted: ScoreCalibration, columns: npt.NDArray[np.intp]) -> Transform:
    """The components, with their columns in the order of the run's."""
    if fitted.transform is None:
        raise UsageError(
            "the calibration has no components: fit one with enformer-vep calibrate --components K, "
            "or leave components out"
        )
    if len(columns) < len(fitted.labels):
        raise UsageError(
            f"components need all {len(fitted.labels)} tracks of the calibration, this run has {len(columns)}: "
            "score the same tracks, or leave components out"
        )
    return fitted.transform.take(columns)
