"""Parquet: one float32 column per value column, in row groups of bounded size."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enformer_vep.errors import DependencyError
from enformer_vep.genome.variants import Status
from enformer_vep.tables.row import VARIANT_COLUMNS, Layout, ScoredVariant, context_column, is_missing
from enformer_vep.tables.rowlog import RowLog

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Least bytes of values in a row group. A writer holds one group, and of every one before it what the footer will
# say: 830 bytes for each column (pyarrow 26). So groups grow with the square root of the table.
GROUP_BYTES = 128 << 20
FOOTER_BYTES = 830
# Row groups of few columns: enough for statistics to be worth their while.
LARGEST_GROUP = 1 << 16
# Rows that are turned into columns at once: as many as caches hold.
_TURNED = 64
METADATA_KEY = b"enformer_vep"


def require_pyarrow() -> Any:
    """Imports pyarrow.

    Raises:
        DependencyError: It is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise DependencyError("Parquet needs pyarrow; pip install 'enformer-vep[formats]'") from None
    return pyarrow


def write_parquet(rows: RowLog, path: Path) -> None:
    """Makes a Parquet file of all rows.

    Columns are those of the table: `CHROM POS ID REF ALT STATUS`, context, values. POS and whole numbers are
    int64, values float32, and null where an allele was not scored or a value left out (NaN is a computed
    value). The layout's
    notes are in the file's metadata, descriptions in that of the columns.

    Raises:
        DependencyError: pyarrow is not installed.
        OSError: It cannot be written.
    """
    require_pyarrow()
    import pyarrow.parquet as pq

    layout = rows.layout
    schema = _schema(layout)
    values = list(layout.values)
    texts = [field.name for field in schema if field.name not in set(values) | {"POS"}]
    limit = group_rows(len(values), sum(1 for _ in rows.identities()))
    # All bytes of a kind side by side: the exponents compress, the rest does not pretend to.
    packing = {"compression": "zstd", "use_dictionary": texts, "use_byte_stream_split": values}
    with pq.ParquetWriter(path, schema, **packing) as writer:
        # In a function of its own, so that the group's memory is free when the footer is made.
        _write_groups(writer, rows, schema, limit)


def _write_groups(writer: "pq.ParquetWriter", rows: RowLog, schema: "pa.Schema", limit: int) -> None:
    group = _Group(rows.layout, schema, limit)
    for row in rows:
        group.add(row)
        if len(group.rows) == limit:
            writer.write_table(group.take(), row_group_size=limit)
    if group.rows:
        writer.write_table(group.take(), row_group_size=limit)


def group_rows(columns: int, rows: int = 0) -> int:
    """Rows per row group.

    As many as keep the memory of the group and that of the footer together smallest, but no fewer than fill
    `GROUP_BYTES`, as far as `LARGEST_GROUP`.
    """
    row_bytes = 4 * max(columns, 1)
    balanced = math.sqrt(FOOTER_BYTES * columns * rows / row_bytes)
    return max(1, min(LARGEST_GROUP, max(GROUP_BYTES // row_bytes, round(balanced))))


def _schema(layout: Layout) -> "pa.Schema":
    import pyarrow as pa

    kinds = {int: pa.int64(), str: pa.string()}
    names = (name.lstrip("#") for name in VARIANT_COLUMNS)
    fields = [pa.field(name, pa.int64() if name == "POS" else pa.string(), False) for name in names]
    fields += [
        pa.field(column.name, kinds[column.kind], metadata={"description": column.description})
        for column in layout.context
    ]
    for block in layout.blocks:
        titles = block.titles or ("",) * len(block.labels)
        for name, title in zip(block.columns, titles, strict=True):
            described = {"description": title} if title else None
            fields.append(pa.field(name, pa.float32(), metadata=described))
    notes = {
        "notes": dict(layout.notes),
        "scores": {block.score: block.description for block in layout.blocks},
        "labels": {block.score: len(block.labels) for block in layout.blocks},
    }
    return pa.schema(fields, metadata={METADATA_KEY: json.dumps(notes).encode()})


class _Group:
    """Gathers the rows of a row group.

    Attributes:
        rows: Without values.
    """

    def __init__(self, layout: Layout, schema: "pa.Schema", limit: int) -> None:
        self.rows: list[ScoredVariant] = []
        self._layout, self._schema = layout, schema
        columns = len(layout.values)
        # Every column in one piece of memory.
        self._columns = np.empty((columns, limit), np.float32)
        self._turning = np.zeros((_TURNED, columns), np.float32)

    def add(self, row: ScoredVariant) -> None:
        number = len(self.rows)
        self._turning[number % _TURNED] = 0 if row.values is None else row.values
        self.rows.append(replace(row, values=None))
        if number % _TURNED == _TURNED - 1:
            self._turn(number + 1 - _TURNED, number + 1)

    def take(self) -> "pa.Table":
        """The rows as a table; none are left. To be written before the next is added."""
        import pyarrow as pa

        count = len(self.rows)
        self._turn(count - count % _TURNED, count)
        missing = np.fromiter((row.status is not Status.OK for row in self.rows), bool, count)
        columns: list[Sequence[object]] = list(zip(*(row.identity for row in self.rows), strict=True))
        columns += [context_column(self.rows, number) for number in range(len(self._layout.context))]
        arrays = [pa.array(one, field.type) for one, field in zip(columns, self._schema, strict=False)]
        for column in self._columns:
            mask = missing | is_missing(column[:count])
            arrays.append(pa.array(column[:count], pa.float32(), mask=mask if mask.any() else None))
        self.rows = []
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def _turn(self, start: int, end: int) -> None:
        self._columns[:, start:end] = self._turning[: end - start].T
