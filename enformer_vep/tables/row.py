"""The one result type that travels from the pipeline to every output format, and the count of them."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.alleles import VariantClass, variant_class
from enformer_vep.genome.variants import Status, Variant

logger = logging.getLogger(__name__)

VARIANT_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "STATUS")
"""What every table begins with."""

Contigs = Mapping[str, int | None]
"""Contigs in order with their lengths in bp; None for a length that is not known."""
NO_CONTIGS: Contigs = {}


# As R marks its NA: a number that is none with 1954 in the bits that tell such numbers apart.
_MISSING_BITS = np.uint32(0x7FC00000 + 1954)
MISSING: np.float32 = _MISSING_BITS.view(np.float32)
"""A value that was left out, in a row that has others; a NaN like any other for arithmetic."""


def is_missing(values: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Tells values that were left out from those that were computed and are no numbers: float32 to bool, [...]."""
    return np.asarray(values.view(np.uint32) == _MISSING_BITS)


@dataclass(frozen=True, slots=True)
class ContextColumn:
    """A column that says where a row's values come from; it stands between STATUS and the values.

    Attributes:
        name: As in the header.
        kind: Type of its cells.
        description: For formats that carry one.
    """

    name: str
    kind: type[int] | type[str]
    description: str


WINDOW_START = ContextColumn("WINDOW_START", int, "1-based first position of the shared reference window")
ENGINE = ContextColumn("ENGINE", str, "adjoint: scored to first order; delta: exactly")
GENE_ID = ContextColumn("GENE_ID", str, "Gene whose transcription start sites were read out")
GENE_NAME = ContextColumn("GENE_NAME", str, "Name of the gene")
VARIANT_CLASS = ContextColumn("CLASS", str, "Kind of change; what a calibration adds is within this class")
TSS_DISTANCE = ContextColumn(
    "TSS_DISTANCE", int, "First REF base minus the gene's start, in bp, positive downstream on its strand"
)
N_TSS = ContextColumn("N_TSS", int, "Number of the gene's transcription start sites that were read out")


LONE_SCORES = ("LLR",)
"""Scores of no track: one column, whose name is theirs alone."""


def column_name(score: str, label: str) -> str:
    """Name of a value column, like "SAD_ENCFF136DBS"; the score alone where there is no label."""
    return f"{score}_{label}" if label else score


@dataclass(frozen=True, slots=True)
class ValueBlock:
    """The value columns of one score.

    Attributes:
        score: Such as "SAD".
        labels: What the score was taken of: tracks, groups of tracks, or components; one empty label of `LONE_SCORES`.
        description: What the score is, in one line.
        titles: Descriptions of the labels; empty when there are none.
    """

    score: str
    labels: tuple[str, ...]
    description: str = ""
    titles: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names like "SAD_ENCFF136DBS"; see `column_name`."""
        return tuple(column_name(self.score, label) for label in self.labels)


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands in a row right of STATUS.

    Attributes:
        blocks: The value columns, in the order of `ScoredVariant.values`.
        context: Columns before them, in the order of `ScoredVariant.context`.
        notes: Model and settings in words, for formats that carry such; no path and no time.
    """

    blocks: tuple[ValueBlock, ...]
    context: tuple[ContextColumn, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """Names of the value columns."""
        return tuple(column for block in self.blocks for column in block.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns right of STATUS."""
        return (*(column.name for column in self.context), *self.values)


@dataclass(frozen=True, slots=True)
class ScoredVariant:
    """One output row.

    Attributes:
        variant: The ALT allele that came in. An allele has several rows when it is scored for several genes;
            they follow each other and share this very object.
        status: `Status.OK`, or the reason why there are no values.
        values: float32 [value columns], in the order of the run's layout, `MISSING` where one was left out; None
            unless the status is OK.
        context: Cells of the layout's context columns; None in a cell, or no cells at all, where there is
            nothing to say.
    """

    variant: Variant
    status: Status
    values: npt.NDArray[np.float32] | None
    context: tuple[int | str | None, ...] = ()

    @property
    def identity(self) -> tuple[str, int, str, str, str, str]:
        """Cells of `VARIANT_COLUMNS`."""
        one = self.variant
        return one.contig, one.position, one.id, one.reference, one.alternate, self.status.value


def context_column(rows: Sequence[ScoredVariant], number: int) -> list[int | str | None]:
    """One context column of some rows."""
    return [row.context[number] if row.context else None for row in rows]


def counts_report(counts: Counter[Status], not_calibrated: Counter[VariantClass]) -> dict[str, object]:
    """Alleles, in all and by status, and those without quantiles by class, as plain values for `--summary`."""
    by_status = {status.value: counts[status] for status in Status if counts[status]}
    by_class = {one.value: not_calibrated[one] for one in VariantClass if not_calibrated[one]}
    lacking = {"not_calibrated": by_class} if by_class else {}
    return {"alleles": counts.total(), "scored": counts[Status.OK], "by_status": by_status, **lacking}


def warn_of_classes(not_calibrated: Counter[VariantClass]) -> None:
    """Say once how many alleles have no quantiles, and why."""
    if not_calibrated:
        logger.warning(
            "%d scored alleles have no quantiles, since the calibration lacks their classes: %s",
            not_calibrated.total(),
            ", ".join(f"{not_calibrated[one]} {one}" for one in VariantClass if not_calibrated[one]),
        )


@dataclass
class RunSummary:
    """What happened in a run.

    Attributes:
        counts: Number of ALT alleles by status, those of an interrupted run that was continued included.
        resumed: Alleles that were there already when this process began.
        seconds: Wall-clock time of this process.
        not_calibrated: Number of scored ALT alleles whose class the calibration lacks, by class.
        screening: How scores to first order agree with exact ones, of the rows that this process screened.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    resumed: int = 0
    seconds: float = 0.0
    not_calibrated: Counter[VariantClass] = field(default_factory=Counter)
    screening: dict[str, object] = field(default_factory=dict)

    def count(self, variant: Variant, status: Status, calibrated: Collection[VariantClass] | None) -> None:
        """Counts an ALT allele; `calibrated` are the classes that a calibration has, None without one."""
        self.counts[status] += 1
        if calibrated is not None and status is Status.OK:
            kind = variant_class(variant.reference, variant.alternate)
            if kind not in calibrated:
                self.not_calibrated[kind] += 1

    @property
    def alleles(self) -> int:
        """ALT alleles read, each of which has at least one row."""
        return self.counts.total()

    @property
    def rate(self) -> float:
        """Alleles per second in this process."""
        return (self.alleles - self.resumed) / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, object]:
        """Plain values for `--summary`."""
        return {
            **counts_report(self.counts, self.not_calibrated),
            "resumed_after": self.resumed,
            "seconds": round(self.seconds, 3),
            "alleles_per_second": round(self.rate, 3),
            **({"screening": self.screening} if self.screening else {}),
        }
