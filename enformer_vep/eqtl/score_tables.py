"""Reads tables that `enformer-vep score` wrote, a chunk of rows at a time."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.eqtl.text_tables import column_names, opened
from enformer_vep.errors import DependencyError, InputError
from enformer_vep.tables.row import GENE_ID, GENE_NAME, TSS_DISTANCE, VARIANT_COLUMNS

GENE_COLUMNS = tuple(column.name for column in (GENE_ID, GENE_NAME, TSS_DISTANCE))
OK = "ok"

_CHUNK_VALUES = 1 << 23  # 32 MB of float32
_PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class ScoreChunk:
    """Consecutive rows.

    Attributes:
        identity: Text columns as written: `VARIANT_COLUMNS`, and `GENE_COLUMNS` where the table has them.
        values: float32 [rows, features]; NaN in rows that were not scored.
    """

    identity: pd.DataFrame
    values: npt.NDArray[np.float32]

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Of every row, bool [rows]: status ok and every value finite."""
        return (self.identity["STATUS"] == OK).to_numpy() & np.isfinite(self.values).all(axis=1)


@dataclass(frozen=True, slots=True)
class ScoreTables:
    """One or more tables with the same columns of one score.

    Attributes:
        paths: The files, in the order in which they are read.
        score: Name of the score.
        tracks: Track identifiers, in feature order.
        identity: Names of the columns that say what a row is about.
    """

    paths: tuple[Path, ...]
    score: str
    tracks: tuple[str, ...]
    identity: tuple[str, ...]

    @property
    def by_gene(self) -> bool:
        """Whether rows are about a variant and a gene."""
        return "GENE_ID" in self.identity

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns."""
        return [f"{self.score}_{track}" for track in self.tracks]

    def chunks(self) -> Iterator[ScoreChunk]:
        """Reads the tables, one after the other."""
        rows = max(1, _CHUNK_VALUES // len(self.tracks))
        return chain.from_iterable(_chunks(path, self, rows) for path in self.paths)


def open_scores(paths: Sequence[Path], score: str, tracks: Sequence[str] | None = None) -> ScoreTables:
    """Looks at the headers.

    Args:
        paths: Tables, TSV (plain or gzip) or Parquet.
        score: Whose columns are wanted.
        tracks: Tracks that there must be, in this order; None for those of the first table.

    Raises:
        InputError: A table is none of `enformer-vep score`, has no such columns, or not those of the others.
    """
    headers = [_header(path) for path in paths]
    found = [_tracks_of(header, score, path) for header, path in zip(headers, paths, strict=True)]
    wanted = tuple(found[0] if tracks is None else tracks)
    for path, own in zip(paths, found, strict=True):
        _check_same(path, own, wanted, score, exactly=tracks is None)
    kinds = {
        tuple(name for name in (*VARIANT_COLUMNS, *GENE_COLUMNS) if name in header) for header in headers
    }
    if len(kinds) > 1:
        raise InputError(f"{paths[0]} and the other tables are not all by gene; give tables of one kind")
    return ScoreTables(tuple(paths), score, wanted, kinds.pop())


def _header(path: Path) -> list[str]:
    if path.suffix in _PARQUET_SUFFIXES:
        header = list(_parquet_file(path).schema_arrow.names)
    else:
        with opened(path) as (line, _):
            header = column_names(line)
    header = ["#CHROM" if name == "CHROM" else name for name in header]
    absent = [name for name in VARIANT_COLUMNS if name not in header]
    if absent:
        raise InputError(f"{path} has no column {absent[0]}; give a table written by enformer-vep score")
    return header


def _tracks_of(header: Sequence[str], score: str, path: Path) -> list[str]:
    prefix = f"{score}_"
    tracks = [name.removeprefix(prefix) for name in header if name.startswith(prefix)]
    if not tracks:
        raise InputError(
            f"{path} has no columns {prefix}...; score with -s {score}, or choose another --score"
        )
    return tracks


def _check_same(path: Path, own: Sequence[str], wanted: Sequence[str], score: str, *, exactly: bool) -> None:
    absent = [track for track in wanted if track not in set(own)]
    extra = [track for track in own if track not in set(wanted)] if exactly else []
    if absent or extra:
        names = ", ".join(f"{score}_{track}" for track in (absent or extra)[:5])
        many = len(absent or extra)
        raise InputError(
            f"{path} {'lacks' if absent else 'alone has'} {many} feature column{'s' if many > 1 else ''}: {names}"
            f"{', ...' if many > 5 else ''}; score with the same model and --tracks"
        )


def _chunks(path: Path, tables: ScoreTables, rows: int) -> Iterator[ScoreChunk]:
    read = _parquet_chunks if path.suffix in _PARQUET_SUFFIXES else _text_chunks
    for table in read(path, tables, rows):
        table = table.rename(columns={"CHROM": "#CHROM"})
        # In one block already where pandas read it so; a copy otherwise.
        values = table[tables.columns].to_numpy(dtype=np.float32)
        yield ScoreChunk(table[list(tables.identity)].reset_index(drop=True), values)


def _text_chunks(path: Path, tables: ScoreTables, rows: int) -> Iterator[pd.DataFrame]:
    types: dict[str, Any] = dict.fromkeys(tables.columns, np.float32) | dict.fromkeys(tables.identity, str)
    # "NA" means missing among values only: it is a possible allele.
    missing = {name: ["NA", "nan", "-nan"] for name in tables.columns}
    with opened(path) as (line, text):
        names = ["#CHROM" if name == "CHROM" else name for name in column_names(line)]
        try:
            # Written without quoting, so read without.
            yield from pd.read_csv(
                text, sep="\t", names=names, header=None, usecols=list(types), dtype=types, index_col=False,
                na_values=missing, keep_default_na=False, chunksize=rows, low_memory=False, quoting=csv.QUOTE_NONE,
            )  # fmt: skip
        except pd.errors.EmptyDataError:
            return  # no variant went in, so none comes out


def _parquet_chunks(path: Path, tables: ScoreTables, rows: int) -> Iterator[pd.DataFrame]:
    file = _parquet_file(path)
    plain = {"#CHROM": "CHROM"} if "CHROM" in file.schema_arrow.names else {}
    wanted = [plain.get(name, name) for name in (*tables.identity, *tables.columns)]
    for batch in file.iter_batches(batch_size=rows, columns=wanted):
        columns = {name: batch.column(name) for name in batch.schema.names}
        identity = {name: _as_text(columns[plain.get(name, name)]) for name in tables.identity}
        values = {name: columns[name].to_numpy(zero_copy_only=False) for name in tables.columns}
        yield pd.DataFrame(identity | values)


def _as_text(column: Any) -> list[str]:
    return ["NA" if value is None else str(value) for value in column.to_pylist()]


def _parquet_file(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DependencyError(
            "reading Parquet needs pyarrow; install it with: pip install 'enformer-vep[formats]'"
        ) from None
    if not path.exists():
        raise InputError(f"{path}: no such file; check the name")
    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise InputError(
            f"{path} is no Parquet file ({str(error).splitlines()[0]}); make it again"
        ) from error
