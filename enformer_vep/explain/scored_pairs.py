"""Tables of scored pairs, and what they say of measured ones."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError
from enformer_vep.explain.candidate_elements import CONTIG_NAMES, gene_names
from enformer_vep.explain.crispri import MeasuredPairs
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.spelling import gene_without_version
from enformer_vep.settings.explain_evaluation import Combine, ScoreColumn, Use
from enformer_vep.tables.column_roles import Aliases, find_columns
from enformer_vep.tables.text_tables import MISSING, read_numbers, read_positions, read_text_columns

Floats = npt.NDArray[np.float64]

OK = "ok"
NOT_IN_SCORES = "not_in_scores"
NOT_SCORED = "not_scored:"
_NO_NUMBER = "not_finite"

_ROLES: Aliases = {
    "contig": CONTIG_NAMES,
    "start": ("start", "chromstart"),
    "end": ("end", "chromend"),
    "gene": ("gene_name", "gene", "symbol", "targetgene"),
    "gene_id": ("gene_id", "ensembl_id", "ensembl_gene_id"),
    "tss": ("tss", "targetgenetss"),
    "status": ("status",),
}
# Of the tables of this program: what is said of a pair and is no score.
_NO_SCORES = frozenset(
    {
        "activity",
        "class",
        "contact",
        "distance",
        "inverse_distance",
        "midpoint_distance",
        "n_tss",
        "name",
        "numerator",
        "self_promoter",
        "strand",
    }
)
_MEASURES: dict[Combine, Callable[..., Floats]] = {
    Combine.SUM: np.nansum,
    Combine.MEAN: np.nanmean,
    Combine.MAX: np.nanmax,
}


@dataclass(frozen=True, slots=True)
class PairScores:
    """What score tables say of measured pairs.

    Attributes:
        scores: By name, float64 [pairs], higher for positives; NaN where there is none.
        outcomes: object [pairs]: `OK`, or why a pair has not all of them.
    """

    scores: dict[str, Floats]
    outcomes: npt.NDArray[np.object_]


class _Scored(NamedTuple):
    """Where a row of a score table lies, and its number."""

    start: int
    end: int
    tss: float
    row: int


def find_scores(
    paths: Sequence[Path], measured: MeasuredPairs, wanted: Sequence[ScoreColumn] = (), combine: Combine = Combine.SUM
) -> PairScores:
    """Finds, for every measured pair, the rows whose gene is the same and whose element overlaps.

    Genes are the same if their identifiers are, versions aside, or else their names. Of rows with different
    transcription starts of a gene, those of the start nearest to the measured one count.

    Args:
        paths: Tables of `enhancers`, `enhancers abc`, or others with chrom, start, end, gene and scores.
        measured: The pairs.
        wanted: Which columns, and how they rank; by default all that hold numbers.
        combine: What is made of several elements that overlap a measured one.

    Raises:
        InputError: A table cannot be read, lacks a column, has a pair twice, or has no measured pair.
    """
    scores: dict[str, Floats] = {}
    outcomes = np.full(len(measured), OK, dtype=object)
    genes = frozenset(itertools.chain.from_iterable(measured.genes))
    for path in paths:
        table = _ScoreTable(path, wanted, genes)
        repeated = scores.keys() & {column.name for column in table.columns}
        if repeated:
            raise InputError(f"{path} has a score {min(repeated)}, and so has a table before it; rename one column")
        own, found = table.look_up(measured, combine)
        if (found == NOT_IN_SCORES).all():
            raise InputError(
                f"{path} has none of the {len(measured)} measured pairs; check contigs, gene names and the genome"
            )
        if not own:
            continue
        scores |= own
        lost = (found != OK) & (outcomes == OK)
        outcomes[lost] = found[lost]
    absent = [column.name for column in wanted if column.name not in scores]
    if absent:
        raise InputError(f"no score table has a column {absent[0]}; correct --score")
    return PairScores(scores, outcomes)


class _ScoreTable:
    """Rows of one table that are about some genes."""

    def __init__(self, path: Path, wanted: Sequence[ScoreColumn], genes: frozenset[str]) -> None:
        self._text = read_text_columns(path, keep=lambda table: _is_about(table, genes, path))
        self._found = find_columns(list(self._text.columns), _ROLES, source=str(path))
        for role, name in (("contig", "chrom"), ("start", "start"), ("end", "end")):
            if role not in self._found:
                raise InputError(f"{path} has no column {name}; give a table of scored pairs")
        if not self._found.keys() & {"gene", "gene_id"}:
            raise InputError(f"{path} has no column gene or gene_id; give a table of scored pairs")
        self.columns = self._choose(wanted, path)
        numbers = [self._numbers(column, path) for column in self.columns]
        self._values = np.stack(numbers, axis=1) if numbers else np.empty((len(self._text), 0))
        self._by_gene = self._index(path)

    def look_up(self, measured: MeasuredPairs, combine: Combine) -> tuple[dict[str, Floats], npt.NDArray[np.object_]]:
        values = np.full((len(measured), len(self.columns)), np.nan)
        outcomes = np.full(len(measured), NOT_IN_SCORES, dtype=object)
        places = zip(measured.elements, measured.genes, measured.tss.tolist(), strict=True)
        for pair, ((contig, start, end), genes, tss) in enumerate(places):
            rows = self._rows(contig, start, end, genes, tss)
            if rows:
                values[pair] = _combined(self._values[rows], combine)
                outcomes[pair] = OK if np.isfinite(values[pair]).all() else self._reason(rows)
        return {column.name: values[:, index] for index, column in enumerate(self.columns)}, outcomes

    def _choose(self, wanted: Sequence[ScoreColumn], path: Path) -> tuple[ScoreColumn, ...]:
        roles = set(self._found.values())
        if wanted or self._text.empty:
            return tuple(column for column in wanted if column.name in self._text.columns)
        columns = tuple(
            ScoreColumn(name)
            for name in self._text.columns
            if name not in roles and name.casefold() not in _NO_SCORES and _is_numeric(self._text[name])
        )
        if not columns:
            raise InputError(f"{path} has no column of numbers beside positions; name one with --score")
        return columns

    def _numbers(self, column: ScoreColumn, path: Path) -> Floats:
        values = read_numbers(self._text[column.name], path, column.name)
        values = np.where(np.isfinite(values), values, np.nan)
        if column.use is Use.ABSOLUTE:
            return np.abs(values)
        return -values if column.use is Use.NEGATED else values

    def _index(self, path: Path) -> dict[tuple[str, str], list[_Scored]]:
        """Rows by contig and name of the gene; those that are about no pair are passed over."""
        found = self._found
        whole = ~(_missing(self._text[found["start"]]) | _missing(self._text[found["end"]]))
        text = self._text[whole]
        start, end = (read_positions(text[found[role]], path, role) for role in ("start", "end"))
        tss = read_numbers(text[found["tss"]], path, "tss") if "tss" in found else np.full(len(text), np.nan)
        contigs = text[found["contig"]].str.strip().map(contig_key)
        rows = zip(contigs, self._names(text), start, end, tss, np.flatnonzero(whole), strict=True)
        index: dict[tuple[str, str], list[_Scored]] = defaultdict(list)
        seen = set()
        for contig, genes, *place, row in rows:
            key = (contig, genes, *("" if np.isnan(value) else value for value in place))
            if genes and key in seen:
                raise InputError(
                    f"{path}, row {self._text.index[row] + 1}: this element and gene were there before; leave one out"
                )
            seen.add(key)
            for gene in genes:
                index[contig, gene].append(_Scored(int(place[0]), int(place[1]), float(place[2]), int(row)))
        return index

    def _names(self, text: pd.DataFrame) -> Iterator[tuple[str, ...]]:
        columns = []
        for role in ("gene_id", "gene"):
            names = text[self._found[role]].str.strip() if role in self._found else pd.Series(".", index=text.index)
            columns.append(names.mask(_missing(names), "."))
        return (tuple(dict.fromkeys(gene_names(*names))) for names in zip(*columns, strict=True))

    def _rows(self, contig: str, start: int, end: int, genes: tuple[str, ...], tss: float) -> list[int]:
        for gene in genes:
            over = [one for one in self._by_gene.get((contig, gene), ()) if one.start < end and start < one.end]
            if over:
                away = [0.0 if np.isnan(one.tss - tss) else abs(one.tss - tss) for one in over]
                nearest = min(away)
                return [one.row for one, far in zip(over, away, strict=True) if far == nearest]
        return []

    def _reason(self, rows: list[int]) -> str:
        if "status" not in self._found:
            return NOT_SCORED + _NO_NUMBER
        statuses = Counter(status for status in self._text[self._found["status"]].iloc[rows] if status != OK)
        return NOT_SCORED + (statuses.most_common(1)[0][0] if statuses else _NO_NUMBER)


def _is_about(table: pd.DataFrame, genes: frozenset[str], path: Path) -> "pd.Series[bool]":
    """Rows of these genes; all where no column names genes, which is refused later."""
    found = find_columns(list(table.columns), _ROLES, source=str(path))
    about = pd.Series("gene" not in found and "gene_id" not in found, index=table.index)
    if "gene" in found:
        about |= table[found["gene"]].str.strip().isin(genes)
    if "gene_id" in found:
        about |= table[found["gene_id"]].str.strip().map(gene_without_version).isin(genes)
    return about


def _combined(values: Floats, combine: Combine) -> Floats:
    """float64 [columns] of float64 [rows, columns]; NaN where no row has a number."""
    known = np.isfinite(values).any(axis=0)
    result = np.full(values.shape[1], np.nan)
    result[known] = _MEASURES[combine](values[:, known], axis=0)
    return result


def _missing(column: pd.Series) -> "pd.Series[bool]":
    return column.str.strip().str.casefold().isin(MISSING)


def _is_numeric(column: pd.Series) -> bool:
    known = column[~_missing(column)]
    return bool(len(known)) and bool(pd.to_numeric(known, errors="coerce").notna().all())
