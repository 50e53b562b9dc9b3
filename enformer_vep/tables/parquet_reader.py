"""Reads Parquet tables of scores: the layout with its descriptions, and rows."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.files.reading import damage_named
from enformer_vep.tables.parquet import METADATA_KEY, group_rows, require_pyarrow
from enformer_vep.tables.row import MISSING, VARIANT_COLUMNS, Layout

Record = tuple[int, Sequence[Any], npt.NDArray[np.float32] | None]
"""A row as it stands in a file: its number, the cells of the variant and of the context (None for nothing), and
float32 values, None where there are none."""


@contextmanager
def explained_parquet(path: Path) -> Iterator[Any]:
    """Yields `pyarrow.parquet`, and turns what goes wrong with a file while it is read into an `InputError`.

    Raises:
        DependencyError: pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    import pyarrow.parquet as pq

    if not path.exists():
        raise InputError(f"table file {path} does not exist; check the path")
    with damage_named(f"table file {path}", (OSError,)):
        try:
            yield pq
        except (pyarrow.ArrowException, ValueError, TypeError, AttributeError) as error:
            # The last three: cells and metadata that no writer of scores makes.
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} cannot be read as Parquet: it is no Parquet file of scores or statistics, or damaged "
                f"({reason}); check its name, or make it again"
            ) from None


def read_layout(path: Path, layout_of: Callable[[Sequence[str], str], Layout]) -> Layout:
    """Reads the layout of a table of scores, with the notes and descriptions that the file holds.

    Raises:
        InputError: It cannot be read, or is no such table.
        DependencyError: pyarrow is not installed.
    """
    with explained_parquet(path) as pq:
        schema = pq.read_schema(path)
        layout = layout_of(schema.names, str(path))
        held = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
        titles = {
            field.name: field.metadata[b"description"].decode()
            for field in schema
            if field.metadata and b"description" in field.metadata
        }
        blocks = tuple(
            replace(
                block,
                description=held.get("scores", {}).get(block.score, ""),
                titles=tuple(titles[name] for name in block.columns if titles.keys() >= set(block.columns)),
            )
            for block in layout.blocks
        )
        return replace(layout, blocks=blocks, notes=tuple(held.get("notes", {}).items()))


def read_parquet_records(path: Path, layout: Layout, chosen: Sequence[int] | None) -> Iterator[Record]:
    """Reads a table of scores, a bounded number of rows at a time.

    Args:
        path: The file.
        layout: Of the whole table.
        chosen: Positions of the wanted columns among the values, in the wanted order; None for all.

    Raises:
        InputError: It is damaged.
    """
    with explained_parquet(path) as pq, pq.ParquetFile(path) as file:
        values = layout.values if chosen is None else [layout.values[number] for number in chosen]
        before = file.schema_arrow.names[: len(VARIANT_COLUMNS) + len(layout.context)]
        size, begin = group_rows(len(values)) // 4 + 1, 1
        for batch in file.iter_batches(size, columns=[*before, *values]):
            texts = zip(*(batch.column(name).to_pylist() for name in before), strict=True)
            turned = [_numbers(batch.column(name)) for name in values]
            matrix = np.ascontiguousarray(np.array(turned, np.float32).T)
            for number, (cells, numbers) in enumerate(zip(texts, matrix, strict=True), begin):
                if None in cells[: len(VARIANT_COLUMNS)]:
                    raise ValueError("a row without CHROM, POS, ID, REF, ALT or STATUS")
                yield number, cells, numbers
            begin += len(matrix)


def _numbers(column: Any) -> npt.NDArray[np.float32]:
    """A column of numbers; `MISSING` where it is null."""
    numbers = np.asarray(column.to_numpy(zero_copy_only=False), np.float32)
    if not column.null_count:
        return numbers
    return np.where(column.is_null().to_numpy(zero_copy_only=False), MISSING, numbers)
