"""Reads scored tables back: the layout from the header, rows as they were written."""

import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.export.columns import narrowed, select_columns
from enformer_vep.export.parquet import read_layout, read_parquet_rows
from enformer_vep.files.reading import InputStream
from enformer_vep.files.writing import is_stream
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.formats import PARQUET_SUFFIXES
from enformer_vep.tables.row import (
    GENE_ID,
    GENE_NAME,
    TSS_DISTANCE,
    VARIANT_COLUMNS,
    WINDOW_START,
    Layout,
    ScoredVariant,
    ValueBlock,
)

STANDARD_INPUT = "-"

_CONTEXT = {column.name: column for column in (WINDOW_START, GENE_ID, GENE_NAME, TSS_DISTANCE)}
_STATUSES = {status.value: status for status in Status}
_PARQUET_MAGIC = b"PAR1"
_ADVICE = "give a table written by enformer-vep score"


@dataclass(frozen=True, slots=True)
class ScoredTable:
    """A table that can be gone through, once when it is a pipe.

    Attributes:
        name: What messages call it.
        layout: Of its rows.
        read: Reads rows, given the positions of the wanted columns among the values in the file.
        again: Whether it can be read more than once.
        chosen: These positions; None for all.
        close: Lets go of a pipe.
    """

    name: str
    layout: Layout
    read: Callable[[tuple[int, ...] | None], Iterator[ScoredVariant]]
    again: bool = True
    chosen: tuple[int, ...] | None = None
    close: Callable[[], None] = lambda: None

    def rows(self) -> Iterator[ScoredVariant]:
        """Reads its rows.

        Every row is a record of its own, but rows of one allele for several genes share its object.

        Raises:
            InputError: A row cannot be understood, or the file is damaged.
        """
        return _numbered(self.read(self.chosen), self.layout)

    def only(self, patterns: Sequence[str]) -> "ScoredTable":
        """The table with some of its value columns; raises as `select_columns` does."""
        return self.take(select_columns(self.layout, patterns))

    def take(self, chosen: Sequence[int]) -> "ScoredTable":
        """The table with the value columns at these positions of the whole table."""
        chosen = tuple(chosen)
        return replace(self, layout=narrowed(self.layout, chosen), chosen=chosen)


def open_scores(path: str) -> ScoredTable:
    """Opens a table and reads its header.

    Args:
        path: TSV, plain or gzip, or Parquet, of `enformer-vep score`; "-" for a TSV on standard input. A pipe
            under a name (`/dev/stdin`, `/dev/fd/63` of a process substitution, a FIFO) is opened once, as it
            gives its bytes once.

    Returns:
        The table.

    Raises:
        InputError: It is missing, damaged or no such table; also while rows are read.
        DependencyError: It is Parquet, and pyarrow is not installed.
    """
    if is_stream(path) and path != STANDARD_INPUT:
        return _open_pipe(path)
    if path.endswith(PARQUET_SUFFIXES):
        layout = read_layout(Path(path), layout_of)
        return ScoredTable(path, layout, partial(read_parquet_rows, Path(path), layout))
    if path == STANDARD_INPUT:
        name = "table on standard input"
        if sys.stdin is None:
            raise InputError("standard input is closed; pipe a table in or name a file")
        return _piped(sys.stdin.buffer, name)
    with _opened(path) as stream:
        layout = layout_of(_header(stream.content, path), path)
    return ScoredTable(path, layout, partial(_rows, path, layout))


def _open_pipe(path: str) -> ScoredTable:
    with ExitStack() as stack:
        with _explained(path):
            raw = stack.enter_context(Path(path).open("rb", buffering=0))
        table = _piped(cast(BinaryIO, raw), path)
        return replace(table, close=stack.pop_all().close)


def _piped(raw: BinaryIO, name: str) -> ScoredTable:
    with _explained(name):
        stream = InputStream(raw, name)
        if stream.peek(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC:
            raise InputError(f"{name} is Parquet, which cannot be read from a pipe; name the file itself")
        layout = layout_of(_header(stream.content, name), name)
    return ScoredTable(name, layout, partial(_pipe_rows, stream, layout, name), again=False)


def _pipe_rows(
    stream: InputStream, layout: Layout, name: str, chosen: tuple[int, ...] | None
) -> Iterator[ScoredVariant]:
    with _explained(name):
        yield from _parsed(stream, layout, name, chosen)


def layout_of(names: Sequence[str], source: str) -> Layout:
    """Makes the layout of a table from the names of its columns.

    Args:
        names: All of them, the first "#CHROM" or "CHROM".
        source: What messages call the table.

    Returns:
        The layout, without descriptions. Columns whose names agree up to the first "_" are one score's.

    Raises:
        InputError: They are no columns of such a table.
    """
    if (f"#{names[0].lstrip('#')}", *names[1:6]) != VARIANT_COLUMNS:
        raise InputError(f"{source} does not begin with the columns {' '.join(VARIANT_COLUMNS)}; {_ADVICE}")
    rest = names[6:]
    context = tuple(_CONTEXT[name] for name in rest if name in _CONTEXT)
    values = rest[len(context) :]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{source} has two columns {twice[0]}; {_ADVICE}")
    strange = [name for name in values if "_" not in name.strip("_") or name in _CONTEXT]
    if strange or not values:
        raise InputError(f"{source} has {strange[0] if strange else 'no column of values'}; {_ADVICE}")
    blocks = [
        ValueBlock(score, tuple(name.partition("_")[2] for name in group))
        for score, group in groupby(values, lambda name: name.partition("_")[0])
    ]
    if len({block.score for block in blocks}) < len(blocks):
        raise InputError(f"{source} has columns of one score apart from each other; {_ADVICE}")
    return Layout(tuple(blocks), context)


def _numbered(rows: Iterator[ScoredVariant], layout: Layout) -> Iterator[ScoredVariant]:
    by_gene = GENE_ID in layout.context
    last: Variant | None = None
    record = -1
    for row in rows:
        if last is None or not by_gene or replace(row.variant, record=record) != last:
            record += 1
            last = replace(row.variant, record=record)
        yield replace(row, variant=last)


@contextmanager
def _opened(path: str) -> Iterator[InputStream]:
    with _explained(path), Path(path).open("rb") as raw:
        yield InputStream(cast(BinaryIO, raw), path)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path} cannot be read ({reason}); check its name and whether it is whole"
        ) from None


def _header(lines: BinaryIO, name: str) -> list[str]:
    try:
        return lines.readline().decode().rstrip("\r\n").split("\t")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not text; {_ADVICE}") from None


def _rows(path: str, layout: Layout, chosen: tuple[int, ...] | None) -> Iterator[ScoredVariant]:
    with _opened(path) as stream:
        stream.content.readline()
        yield from _parsed(stream, layout, path, chosen)


def _parsed(
    stream: InputStream, layout: Layout, name: str, chosen: tuple[int, ...] | None
) -> Iterator[ScoredVariant]:
    columns, before = len(layout.values), 6 + len(layout.context)
    for number, line in enumerate(stream.content, start=2):
        fields = line.rstrip(b"\r\n").split(b"\t", before)
        try:
            row = _row(fields, layout, columns, chosen)
        except (ValueError, KeyError, IndexError):
            raise InputError(f"{name}, line {number}: cannot be understood; {_ADVICE}") from None
        yield row
    stream.check_complete()


def _row(fields: list[bytes], layout: Layout, columns: int, chosen: tuple[int, ...] | None) -> ScoredVariant:
    contig, position, identifier, reference, alternate, status, *cells = (
        field.decode() for field in fields[: 6 + len(layout.context)]
    )
    context = tuple(
        None if cell == "NA" else column.kind(cell)
        for cell, column in zip(cells, layout.context, strict=True)
    )
    if len(fields) != 7 + len(layout.context) or fields[-1].count(b"\t") != columns - 1:
        raise ValueError("another number of columns")
    values = _numbers(fields[-1], chosen) if _STATUSES[status] is Status.OK else None
    variant = Variant(contig, int(position), identifier, reference, alternate)
    return ScoredVariant(variant, _STATUSES[status], values, context)


def _numbers(text: bytes, chosen: tuple[int, ...] | None) -> npt.NDArray[np.float32]:
    cells = text.split(b"\t")
    if chosen is not None:
        cells = [cells[number] for number in chosen]
    if b"NA" in cells:  # in tables of probabilities
        cells = [b"nan" if cell == b"NA" else cell for cell in cells]
    return np.array(list(map(float, cells)), np.float32)
