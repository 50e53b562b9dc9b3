"""Parquet files of summary statistics and of annotations, column by column."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from enformer_vep.tables.parquet import require_pyarrow
from enformer_vep.tables.parquet_reader import explained_parquet

Columns = Mapping[str, Sequence[object]]


def read_columns(path: Path) -> Columns:
    """Reads a whole small table, such as summary statistics.

    Raises:
        InputError: It cannot be read.
        DependencyError: pyarrow is not installed.
    """
    with explained_parquet(path) as pq:
        table = pq.read_table(path)
    return {name: table.column(name).to_pylist() for name in table.column_names}


def write_columns(path: Path, columns: Columns) -> None:
    """Writes a whole table: lists or arrays of one length, by name.

    Raises:
        OSError: It cannot be written.
        DependencyError: pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.table(dict(columns)), path, compression="zstd")


def add_column(source: Path, path: Path, name: str, values: Sequence[float]) -> None:
    """Copies a table with one more column, or with one of this name replaced.

    Raises:
        OSError: It cannot be written.
    """
    pyarrow = require_pyarrow()
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    if name in table.column_names:
        table = table.drop_columns([name])
    pq.write_table(table.append_column(name, pyarrow.array(values, pyarrow.float64())), path, compression="zstd")
