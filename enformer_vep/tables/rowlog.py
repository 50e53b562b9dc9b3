"""Rows as bytes: what an unfinished file of a format that cannot be appended to is made of.

A frame is two lengths, the row without its values as JSON, and the values as little-endian float32. Frames
stand back to back, so a log of them can be cut after any frame and continued there.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import Contigs, Layout, ScoredVariant

MAGIC = b"enformer-vep rows 1\n"

_LENGTHS = struct.Struct("<II")
_VALUE = np.dtype("<f4")
_BUFFER_BYTES = 1 << 20


def check_row(row: ScoredVariant, columns: int, context: int) -> None:
    """Raises ValueError for a row that does not fit its status or the numbers of value and context columns."""
    if (row.status is Status.OK) == (row.values is None):
        raise ValueError(f"{row.variant}: values do not fit status {row.status}")
    if row.values is not None and row.values.shape != (columns,):
        raise ValueError(f"{row.variant}: {row.values.shape} values do not fit the columns")
    if row.context and len(row.context) != context:
        raise ValueError(f"{row.variant}: {len(row.context)} context cells do not fit the columns")


def pack(row: ScoredVariant) -> bytes:
    """One frame."""
    one = row.variant
    identity = json.dumps(
        (
            (one.contig, one.position, one.id, one.reference, one.alternate, one.record, one.allele),
            row.status,
            row.context,
        ),
        separators=(",", ":"),
    ).encode()
    values = b"" if row.values is None else np.ascontiguousarray(row.values, _VALUE).tobytes()
    return _LENGTHS.pack(len(identity), len(values)) + identity + values


def unpack(handle: BinaryIO, *, with_values: bool = True) -> Iterator[ScoredVariant]:
    """Reads frames to the end of a binary file, seekable unless values are read.

    Rows of one allele that follow each other share its object.

    Raises:
        ValueError: The file ends within a frame.
    """
    last: Variant | None = None
    while head := handle.read(_LENGTHS.size):
        identity_bytes, value_bytes = _LENGTHS.unpack(head)
        fields, status, context = json.loads(_exactly(handle, identity_bytes))
        variant = Variant(*fields)
        if variant == last:
            variant = last
        last = variant
        values = None
        if not with_values:
            handle.seek(value_bytes, 1)
        elif status == Status.OK:
            values = np.frombuffer(_exactly(handle, value_bytes), _VALUE)
        yield ScoredVariant(variant, Status(status), values, tuple(context))


@dataclass(frozen=True, slots=True)
class RowLog:
    """A complete log of rows, which can be gone through as often as needed.

    Attributes:
        path: The log.
        layout: What stands in its rows.
        contigs: Their contigs, as far as they are known beforehand.
    """

    path: Path
    layout: Layout
    contigs: Contigs

    def __iter__(self) -> Iterator[ScoredVariant]:
        """Its rows."""
        return self._read(with_values=True)

    def identities(self) -> Iterator[ScoredVariant]:
        """Its rows without values, which are passed over on disk."""
        return self._read(with_values=False)

    def _read(self, *, with_values: bool) -> Iterator[ScoredVariant]:
        with self.path.open("rb", buffering=_BUFFER_BYTES) as handle:
            if handle.read(len(MAGIC)) != MAGIC:
                raise ValueError(f"{self.path} is no log of rows")
            yield from unpack(handle, with_values=with_values)


def _exactly(handle: BinaryIO, size: int) -> bytes:
    data = handle.read(size)
    if len(data) != size:
        raise ValueError("a log of rows ends within a row")
    return data
