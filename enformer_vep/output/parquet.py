"""Parquet: one float32 column per value column, in row groups of bounded size."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import DependencyError
from enformer_vep.output.rowlog import RowLog
from enformer_vep.results import Layout, ScoredVariant

if TYPE_CHECKING:
    import pyarrow as pa

# Values of one row group; a writer holds them about four times over (gathered, turned, encoded, compressed).
GROUP_BYTES = 64 << 20
# Row groups of few columns: enough for statistics to be worth their while.
LARGEST_GROUP = 1 << 16
VARIANT_FIELDS = ("CHROM", "POS", "ID", "REF", "ALT", "STATUS")
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
    int64, values float32, and null where an allele was not scored (NaN is a computed value). The layout's
    notes are in the file's metadata, descriptions in that of the columns.

    Args:
        rows: The rows.
        path: The file.

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
    limit = group_rows(len(values))
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=texts,
        # All bytes of a kind side by side: the exponents compress, the rest does not pretend to.
        use_byte_stream_split=values,
        column_encoding=None,
    ) as writer:
        group: list[ScoredVariant] = []
        for row in rows:
            group.append(row)
            if len(group) == limit:
                writer.write_batch(_batch(group, schema, layout), row_group_size=limit)
                group = []
        if group:
            writer.write_batch(_batch(group, schema, layout), row_group_size=limit)


def group_rows(columns: int) -> int:
    """Rows per row group."""
    return max(1, min(LARGEST_GROUP, GROUP_BYTES // (4 * max(columns, 1))))


def _schema(layout: Layout) -> "pa.Schema":
    import pyarrow as pa

    kinds = {int: pa.int64(), str: pa.string()}
    fields = [pa.field(name, pa.int64() if name == "POS" else pa.string(), False) for name in VARIANT_FIELDS]
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


def _batch(rows: Sequence[ScoredVariant], schema: "pa.Schema", layout: Layout) -> "pa.RecordBatch":
    import pyarrow as pa

    variants = [row.variant for row in rows]
    columns: list[Sequence[object]] = [
        [one.contig for one in variants],
        [one.position for one in variants],
        [one.id for one in variants],
        [one.reference for one in variants],
        [one.alternate for one in variants],
        [row.status.value for row in rows],
        *(
            [row.context[number] if row.context else None for row in rows]
            for number in range(len(layout.context))
        ),
    ]
    arrays = [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=False)]
    missing = np.fromiter((row.values is None for row in rows), bool, len(rows))
    mask = missing if missing.any() else None
    arrays += [pa.array(column, pa.float32(), mask=mask) for column in _turned(rows, len(layout.values))]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _turned(rows: Sequence[ScoredVariant], columns: int) -> npt.NDArray[np.float32]:
    """Values [columns, rows], each column in one piece of memory."""
    gathered = np.zeros((len(rows), columns), np.float32)
    for number, row in enumerate(rows):
        if row.values is not None:
            gathered[number] = row.values
    return np.ascontiguousarray(gathered.T)
