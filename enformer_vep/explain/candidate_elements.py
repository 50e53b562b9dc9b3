"""Candidate elements and genes of the activity-by-contact model, from BED, tables and annotations."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.spelling import gene_without_version
from enformer_vep.genome.transcripts import FILTERED
from enformer_vep.tables.column_roles import Aliases, find_columns
from enformer_vep.tables.text_tables import MISSING, read_numbers, read_positions, read_text_columns

logger = logging.getLogger(__name__)

CONTIG_NAMES = ("#chrom", "chrom", "chr", "#chr", "chromosome", "contig")
BED_COLUMNS = ("chrom", "start", "end", "name", "score", "strand")

_ELEMENT_ROLES: Aliases = {
    "contig": CONTIG_NAMES,
    "start": ("start", "chromstart"),
    "end": ("end", "chromend"),
    "name": ("name",),
    "class": ("class", "element_class"),
    "activity": ("activity", "activity_base"),
}
_GENE_ROLES: Aliases = {
    "contig": CONTIG_NAMES,
    "start": ("start", "chromstart"),
    "end": ("end", "chromend"),
    "strand": ("strand",),
    "name": ("gene_name", "symbol", "gene", "targetgene", "name"),
    "gene_id": ("gene_id", "ensembl_id", "ensembl_gene_id"),
    "tss": ("tss", "targetgenetss"),
}
_ANNOTATIONS = (".gtf", ".gff", ".gff3")
_PROMOTERS = ("promoter", "tss")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Elements in the order of their file.

    Attributes:
        contig: object [elements], as written.
        start: int64 [elements], 0-based.
        end: int64 [elements], half-open.
        name: object [elements]; "." where there is none.
        promoter: bool [elements], by the file's class; None when it has none.
        activity: float64 [elements], as the file has it, NaN where it says nothing; None when it has no such column.
    """

    contig: npt.NDArray[np.object_]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    name: npt.NDArray[np.object_]
    promoter: npt.NDArray[np.bool_] | None = None
    activity: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.start)

    @property
    def key(self) -> npt.NDArray[np.object_]:
        """Object [elements], `contig_key` of each contig."""
        keys = {name: contig_key(name) for name in set(self.contig)}
        return np.array([keys[name] for name in self.contig], dtype=object)


@dataclass(frozen=True, slots=True)
class TargetGene:
    """A gene that elements compete for.

    Attributes:
        contig: As written.
        identifier: "." when there is none.
        name: The identifier when there is none.
        tss: 0-based start of transcription; on the - strand the half-open end of the gene, as the ABC model has it.
    """

    contig: str
    identifier: str
    name: str
    tss: int


def read_candidates(path: Path) -> Candidates:
    """Reads BED, or a table with the columns chrom, start, end and maybe name, class and activity.

    An element that stands there twice counts once, since it would compete with itself; the log says how many do.

    Raises:
        InputError: The file is missing, damaged or empty, or a value cannot be read.
    """
    table = read_text_columns(path, BED_COLUMNS)
    found = find_columns(list(table.columns), _ELEMENT_ROLES, source=str(path))
    _require(found, ("contig", "start", "end"), path, "elements")
    repeated = table.duplicated([found[role] for role in ("contig", "start", "end")]).to_numpy()
    if repeated.any():
        logger.info("%s: %d lines repeat earlier elements: left out", path, repeated.sum())
    start, end = (read_positions(table[found[role]], path, role) for role in ("start", "end"))
    bad = np.flatnonzero(start >= end)
    if len(bad):
        raise InputError(f"{path}, row {bad[0] + 1}: the start {start[bad[0]]} is not before the end; correct it")
    activity = read_numbers(table[found["activity"]], path, "activity") if "activity" in found else None
    promoter = table[found["class"]].str.strip().isin(_PROMOTERS).to_numpy() if "class" in found else None
    kept = ~repeated
    return Candidates(
        _texts(table[found["contig"]])[kept],
        start[kept],
        end[kept],
        (_texts(table[found["name"]]) if "name" in found else np.full(len(table), ".", dtype=object))[kept],
        None if promoter is None else promoter[kept],
        None if activity is None else activity[kept],
    )


def read_target_genes(path: Path, types: Collection[str] = (), transcripts: str = FILTERED) -> tuple[TargetGene, ...]:
    """Reads genes from GTF or GFF3, from BED, or from a table.

    Of an annotation (told by the name's ending), each gene's main transcription start counts. A table has the columns
    chrom, gene (or gene_id) and tss, or start, end and strand; BED has the gene in its fourth column and the strand in
    its sixth. A gene that stands there twice with one start counts once.

    Args:
        path: The file.
        types: Of an annotation: only genes of these types.
        transcripts: Of an annotation: whose starts count.

    Raises:
        InputError: The file is missing or malformed, has no gene, or a gene has no transcription start.
    """
    if path.name.removesuffix(".gz").removesuffix(".bgz").lower().endswith(_ANNOTATIONS):
        index = read_genes(path, lambda name: name, types=types, transcripts=transcripts)
        return tuple(
            TargetGene(gene.contig, gene.identifier, gene.name, gene.representative + (not gene.forward))
            for gene in index
        )
    return tuple(dict.fromkeys(_genes_of_table(path)))


def promoters_of(elements: Candidates, genes: Collection[TargetGene], slop: int) -> npt.NDArray[np.bool_]:
    """Which elements lie within so many bp of any gene's start: bool [elements]."""
    near = np.zeros(len(elements), dtype=np.bool_)
    keys = elements.key
    for contig in set(keys):
        own = np.flatnonzero(keys == contig)
        starts = np.sort([gene.tss for gene in genes if contig_key(gene.contig) == contig])
        first = np.searchsorted(starts, elements.start[own] - slop, side="right")
        near[own] = first < np.searchsorted(starts, elements.end[own] + slop, side="left")
    return near


def _genes_of_table(path: Path) -> Iterator[TargetGene]:
    table = read_text_columns(path, BED_COLUMNS)
    found = find_columns(list(table.columns), _GENE_ROLES, source=str(path))
    _require(found, ("contig",), path, "genes")
    if "name" not in found and "gene_id" not in found:
        raise InputError(f"{path} names no genes; give it a column gene or gene_id, or give a GTF")
    identifiers = _texts(table[found["gene_id"]]) if "gene_id" in found else np.full(len(table), ".", dtype=object)
    names = _texts(table[found["name"]]) if "name" in found else identifiers
    for contig, identifier, name, tss in zip(
        _texts(table[found["contig"]]), identifiers, names, _starts(table, found, path), strict=True
    ):
        yield TargetGene(contig, identifier, identifier if name == "." else name, int(tss))


def _starts(table: pd.DataFrame, found: dict[str, str], path: Path) -> npt.NDArray[np.int64]:
    if "tss" in found:
        return read_positions(table[found["tss"]], path, "tss")
    _require(found, ("start", "end", "strand"), path, "genes without a column tss")
    strand = table[found["strand"]].str.strip()
    bad = np.flatnonzero(~strand.isin(["+", "-"]).to_numpy())
    if len(bad):
        raise InputError(
            f"{path}, row {bad[0] + 1}: the strand {strand.iloc[bad[0]] or '(empty)'} is neither + nor -, so the gene "
            "has no start; correct it, or give a column tss"
        )
    ends = (read_positions(table[found[role]], path, role) for role in ("start", "end"))
    return np.where(strand == "+", *ends)


def _require(found: dict[str, str], roles: Collection[str], path: Path, what: str) -> None:
    missing = [role if role != "contig" else "chrom" for role in roles if role not in found]
    if missing:
        raise InputError(f"{path}: {what} need a column {missing[0]}; give BED, or name it in the header")


def _texts(column: pd.Series) -> npt.NDArray[np.object_]:
    """Stripped; "." for nothing."""
    text = column.str.strip()
    return text.mask(text.str.casefold().isin(MISSING), ".").to_numpy(dtype=object)


def gene_names(identifier: str, name: str) -> tuple[str, ...]:
    """What a gene may be called elsewhere: its identifier without version, then its name."""
    return tuple(one for one in (gene_without_version(identifier), name) if one != ".")
