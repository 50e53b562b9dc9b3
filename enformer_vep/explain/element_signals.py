"""How much signal candidate elements have: from counts, bigWig or BAM to normalised reads per million."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.explain.activity_by_contact import SignalQuantiles, activity, quantile_normalised
from enformer_vep.explain.candidate_elements import CONTIG_NAMES, Candidates
from enformer_vep.genome.contigs import all_names, contig_key
from enformer_vep.genome.variants import Status
from enformer_vep.settings.explain_abc import AbcSettings, Absent, Accessibility
from enformer_vep.tables.alignments import AlignedReads
from enformer_vep.tables.bigwig import BigWigCoverage
from enformer_vep.tables.column_roles import Aliases, find_columns
from enformer_vep.tables.text_tables import read_numbers, read_positions, read_text_columns

Floats = npt.NDArray[np.float64]

_BIGWIG = (".bw", ".bigwig")
_COUNT_ROLES: Aliases = {
    "contig": CONTIG_NAMES,
    "start": ("start", "chromstart"),
    "end": ("end", "chromend"),
    "count": ("count", "counts", "reads", "readcount"),
}
_COUNT_COLUMNS = ("chrom", "start", "end", "count")
NO_SIGNAL = "no_signal"
"""Status of an element that a table of counts or activities says nothing of."""

_MILLION = 1e6
_ACETYLATION_COLUMN = "H3K27ac.RPM"
_KINDS = {"promoter": True, "nonpromoter": False}


class Coverage(Protocol):
    """A file that has an amount of signal wherever one asks.

    Attributes:
        lengths: Bp of every contig.
    """

    lengths: Mapping[str, int]

    @property
    def total(self) -> float:
        """Amount of the whole file."""

    def amount(self, contig: str, start: int, end: int) -> float:
        """Amount in [start, end) of a contig of the file, 0-based, start within it."""


@dataclass(frozen=True, slots=True)
class ElementActivity:
    """What elements bring to the model.

    Attributes:
        activity: float64 [elements]; NaN where it is not known.
        status: object [elements], `Status.OK` or why it is not known.
    """

    activity: Floats
    status: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class SignalFiles:
    """Measurements of one cell type; replicates of one signal are averaged.

    Attributes:
        accessibility: DNase or ATAC: .bam, .bw, .bigWig, or counts of the elements.
        acetylation: H3K27ac likewise; may be empty.
        reference: Table of quantiles to normalise to (enh_class, rank, DHS.RPM, H3K27ac.RPM); None for none.
    """

    accessibility: Sequence[Path]
    acetylation: Sequence[Path] = ()
    reference: Path | None = None


def measured_activity(
    elements: Candidates, promoter: npt.NDArray[np.bool_], files: SignalFiles, settings: AbcSettings
) -> ElementActivity:
    """Geometric mean of accessibility and H3K27ac, in reads per million, normalised if there is a reference.

    Raises:
        InputError: A file cannot be read, or knows none of the elements.
        DependencyError: A bigWig is given and pybigtools is not installed.
    """
    column = f"{settings.accessibility}.RPM"
    wanted = [(files.accessibility, column), *([(files.acetylation, _ACETYLATION_COLUMN)] if files.acetylation else [])]
    status = np.full(len(elements), Status.OK, dtype=object)
    signals = []
    for paths, name in wanted:
        rates = [reads_per_million(path, elements, settings.absent, status) for path in paths]
        signal = np.mean(rates, axis=0)
        if files.reference is not None:
            known = np.isfinite(signal)
            quantiles = read_quantiles(files.reference, name)
            signal[known] = quantile_normalised(signal[known], promoter[known], quantiles)
        signals.append(signal)
    return ElementActivity(activity(*signals), status)


def given_activity(elements: Candidates) -> ElementActivity:
    """The activity that the elements' own table has; InputError when it has none."""
    if elements.activity is None:
        raise InputError(
            "the elements have no column activity and no signal is given; add --accessibility, or such a column"
        )
    known = np.isfinite(elements.activity)
    return ElementActivity(elements.activity, np.where(known, Status.OK, NO_SIGNAL).astype(object))


def reads_per_million(
    path: Path, elements: Candidates, absent: Absent, status: npt.NDArray[np.object_] | None = None
) -> Floats:
    """Signal in elements, by what the file's name ends in.

    Args:
        path: .bam, .bw or .bigWig; anything else is a table of counts (BED with the count in its fourth column, or
            with a header), whose total is the sum of its own counts.
        elements: Where.
        absent: What a bigWig leaves out.
        status: object [elements], set to the reason where there is no signal.

    Returns:
        float64 [elements]; NaN where the file lacks the contig or the element.

    Raises:
        InputError: The file cannot be read, has no signal, or knows none of the elements.
    """
    suffix = path.suffix.lower()
    if suffix == ".bam":
        amounts, total, reasons = _covered(AlignedReads(path), elements)
    elif suffix in _BIGWIG:
        amounts, total, reasons = _covered(BigWigCoverage(path, fill=absent is Absent.UNKNOWN), elements)
    else:
        amounts, total, reasons = _counted(path, elements)
    if np.isnan(amounts).all():
        raise InputError(
            f"{path} knows none of the {len(elements)} elements (the first is on {elements.contig[0]}); "
            "give signal of this genome, or counts of these very elements"
        )
    if not total:
        raise InputError(f"{path} has no signal at all; check how it was made")
    if status is not None:
        lost = reasons != Status.OK
        status[lost] = reasons[lost]
    result: Floats = _MILLION * amounts / total
    return result


def read_quantiles(path: Path, column: str) -> dict[bool, SignalQuantiles]:
    """Reads the reference of one signal, of promoters (True) and of others (False).

    ATAC is normalised to the DHS of a reference that has no ATAC, as the authors do.

    Raises:
        InputError: The file has not the columns enh_class, rank and the signal's, or lacks a kind of element.
    """
    table = read_text_columns(path)
    if column not in table and column == f"{Accessibility.ATAC}.RPM":
        column = f"{Accessibility.DHS}.RPM"
    for name in ("enh_class", "rank", column):
        if name not in table:
            raise InputError(
                f"{path} has no column {name}; give the ABC model's reference (enh_class, rank, DHS.RPM, H3K27ac.RPM)"
            )
    ranks, signals = (read_numbers(table[name], path, name) for name in ("rank", column))
    found = {}
    for word, kind in _KINDS.items():
        chosen = np.flatnonzero((table["enh_class"] == word).to_numpy())
        order = chosen[np.argsort(ranks[chosen], kind="stable")]
        order = order[np.isfinite(ranks[order]) & np.isfinite(signals[order])]
        if len(order) < 2:
            raise InputError(f"{path} has {len(order)} quantiles of the class {word}; give at least two")
        found[kind] = SignalQuantiles(ranks[order], signals[order])
    return found


def _covered(coverage: Coverage, elements: Candidates) -> tuple[Floats, float, npt.NDArray[np.object_]]:
    names = {
        contig: next((name for name in all_names(contig) if name in coverage.lengths), None)
        for contig in set(elements.contig)
    }
    amounts = np.full(len(elements), np.nan)
    reasons = np.full(len(elements), Status.OK, dtype=object)
    for index, (contig, start, end) in enumerate(
        zip(elements.contig, elements.start.tolist(), elements.end.tolist(), strict=True)
    ):
        name = names[contig]
        if name is None:
            reasons[index] = Status.UNKNOWN_CONTIG
        elif start >= coverage.lengths[name]:
            reasons[index] = Status.OUTSIDE_CONTIG
        else:
            amounts[index] = coverage.amount(name, start, end)
    return amounts, coverage.total, reasons


def _counted(path: Path, elements: Candidates) -> tuple[Floats, float, npt.NDArray[np.object_]]:
    table = read_text_columns(path, _COUNT_COLUMNS)
    found = find_columns(list(table.columns), _COUNT_ROLES, source=str(path))
    missing = [role for role in _COUNT_ROLES if role not in found]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]}; give .bam, .bw, .bigWig, or counts with columns {_COUNT_COLUMNS}"
        )
    counts = read_numbers(table[found["count"]], path, "count")
    places = zip(
        table[found["contig"]].str.strip().map(contig_key),
        *(read_positions(table[found[role]], path, role).tolist() for role in ("start", "end")),
        strict=True,
    )
    known = dict(zip(places, counts.tolist(), strict=True))
    wanted = zip(elements.key, elements.start.tolist(), elements.end.tolist(), strict=True)
    amounts = np.array([known.get(place, np.nan) for place in wanted])
    reasons = np.where(np.isnan(amounts), NO_SIGNAL, Status.OK).astype(object)
    return amounts, float(np.nansum(counts)), reasons
