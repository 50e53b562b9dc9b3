"""Parquet files of scores, of summary statistics and of annotations."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from enformer_vep.errors import InputError
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.parquet import METADATA_KEY, group_rows, require_pyarrow
from enformer_vep.tables.row import Layout, ScoredVariant

Columns = Mapping[str, Sequence[object]]


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    pyarrow = require_pyarrow()
    try:
        yield
    except (OSError, pyarrow.ArrowException, ValueError, TypeError, AttributeError) as error:
        # The last three: cells and metadata that no writer of scores makes, such as another STATUS.
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} cannot be read as Parquet of scores or statistics ({reason}); check its name"
        ) from None


def read_layout(path: Path, layout_of: Callable[[Sequence[str], str], Layout]) -> Layout:
    """Reads the layout of a table of scores.

    Args:
        path: The file.
        layout_of: Makes a layout of names.

    Returns:
        The layout, with the notes and descriptions that the file holds.

    Raises:
        InputError: It cannot be read, or is no such table.
        DependencyError: pyarrow is not installed.
    """
    with _read_errors(path):
        import pyarrow.parquet as pq

        schema = pq.read_schema(path)
    layout = layout_of(schema.names, str(path))
    with _read_errors(path):
        return _described(layout, schema)


def _described(layout: Layout, schema: Any) -> Layout:
    held = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    described = {
        field.name: field.metadata[b"description"].decode()
        for field in schema
        if field.metadata and b"description" in field.metadata
    }
    blocks = tuple(
        replace(
            block,
            description=held.get("scores", {}).get(block.score, ""),
            titles=tuple(described[name] for name in block.columns)
            if all(name in described for name in block.columns)
            else (),
        )
        for block in layout.blocks
    )
    return replace(layout, blocks=blocks, notes=tuple(held.get("notes", {}).items()))


def read_parquet_rows(path: Path, layout: Layout, chosen: tuple[int, ...] | None) -> Iterator[ScoredVariant]:
    """Reads a table of scores, a bounded number of rows at a time.

    Args:
        path: The file.
        layout: Of the whole table.
        chosen: Positions of the wanted columns among the values; None for all.

    Yields:
        Its rows.

    Raises:
        InputError: It is damaged.
    """
    with _read_errors(path):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            values = layout.values if chosen is None else [layout.values[number] for number in chosen]
            wanted = [*file.schema_arrow.names[: 6 + len(layout.context)], *values]
            for batch in file.iter_batches(group_rows(len(values)) // 4 + 1, columns=wanted):
                yield from _rows(batch, layout)


def _rows(batch: Any, layout: Layout) -> Iterator[ScoredVariant]:
    before = 6 + len(layout.context)
    texts = [batch.column(number).to_pylist() for number in range(before)]
    if any(batch.column(number).null_count for number in range(6)):
        raise ValueError("a row without CHROM, POS, ID, REF, ALT or STATUS")
    turned = [column.to_numpy(zero_copy_only=False) for column in batch.columns[before:]]
    values = np.ascontiguousarray(np.array(turned, np.float32).T)
    for number, (contig, position, identifier, reference, alternate, status, *context) in enumerate(
        zip(*texts, strict=True)
    ):
        variant = Variant(contig, position, identifier, reference, alternate)
        scored = values[number] if status == Status.OK else None
        yield ScoredVariant(variant, Status(status), scored, tuple(context))


def read_columns(path: Path) -> Columns:
    """Reads a whole small table, such as summary statistics; raises as `read_layout` does."""
    with _read_errors(path):
        import pyarrow.parquet as pq

        table: Any = pq.read_table(path)
    return {name: table.column(name).to_pylist() for name in table.column_names}


def write_columns(path: Path, columns: Columns) -> None:
    """Writes a whole table.

    Args:
        path: The file.
        columns: Lists or arrays of one length, by name.

    Raises:
        OSError: It cannot be written.
        DependencyError: pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    import pyarrow.parquet as pq

    pq.write_table(pyarrow.table(dict(columns)), path, compression="zstd")


def add_column(source: Path, path: Path, name: str, values: Sequence[float]) -> None:
    """Copies a table with one more column, or with one replaced.

    Args:
        source: The table.
        path: The copy.
        name: Of the column.
        values: Its cells.

    Raises:
        OSError: It cannot be written.
    """
    pyarrow = require_pyarrow()
    import pyarrow.parquet as pq

    table: Any = pq.read_table(source)
    if name in table.column_names:
        table = table.drop_columns([name])
    pq.write_table(
        table.append_column(name, pyarrow.array(values, pyarrow.float64())), path, compression="zstd"
    )
