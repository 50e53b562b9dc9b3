"""Reads scored tables back: the layout from the header, rows as they were written, or as they stand there.

Tables are tab-separated, plain or gzip, or Parquet. They are not quoted: a `"` is a letter like others.
"""

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.files.reading import InputStream, damage_named, open_input
from enformer_vep.files.writing import is_stream
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.formats import PARQUET_SUFFIXES
from enformer_vep.tables.parquet_reader import Record, read_layout, read_parquet_records
from enformer_vep.tables.row import (
    ENGINE,
    GENE_ID,
    GENE_NAME,
    MISSING,
    N_TSS,
    TSS_DISTANCE,
    VARIANT_CLASS,
    VARIANT_COLUMNS,
    WINDOW_START,
    Layout,
    ScoredVariant,
    ValueBlock,
)

_CONTEXT = {
    column.name: column for column in (WINDOW_START, GENE_ID, GENE_NAME, TSS_DISTANCE, N_TSS, VARIANT_CLASS, ENGINE)
}
_FIRST = len(VARIANT_COLUMNS)
_PARQUET_MAGIC = b"PAR1"
_ADVICE = "give a table written by enformer-vep score"


@dataclass(frozen=True, slots=True)
class ScoredTable:
    """A table that can be gone through, once when it is a pipe.

    Attributes:
        name: What messages call it.
        layout: Of its rows.
        read: Reads records, given the positions of the wanted columns among the values in the file.
        unit: What messages count.
        again: Whether it can be read more than once.
        chosen: These positions; None for all.
        close: Lets go of a pipe.
    """

    name: str
    layout: Layout
    read: Callable[[Sequence[int] | None], Iterator[Record]]
    unit: str = "line"
    again: bool = True
    chosen: tuple[int, ...] | None = None
    close: Callable[[], None] = lambda: None

    def rows(self) -> Iterator[ScoredVariant]:
        """Reads its rows.

        Every row is a record of its own, but rows of one allele for several genes share its object.

        Raises:
            InputError: A row cannot be understood, or the file is damaged.
        """
        layout, last, record = self.layout, None, -1
        nothing = np.full(len(layout.values), MISSING, np.float32)
        for number, cells, values in self.read(self.chosen):
            try:
                contig, position, identifier, reference, alternate, word, *rest = cells
                variant = Variant(contig, int(position), identifier, reference, alternate, max(record, 0))
                status = Status(word)
                context = tuple(
                    None if cell is None else column.kind(cell)
                    for cell, column in zip(rest, layout.context, strict=True)
                )
            except (ValueError, TypeError):
                raise self._not_understood(number) from None
            if last != variant or GENE_ID not in layout.context:
                record += 1
                last = replace(variant, record=record)
            scored = (nothing if values is None else values) if status is Status.OK else None
            yield ScoredVariant(last, status, scored, context)

    def chunks(self, chosen: Sequence[int], rows: int) -> Iterator[tuple[list[list[str]], npt.NDArray[np.float32]]]:
        """Reads it as it stands there, so many rows at a time.

        Args:
            chosen: Positions of the wanted columns among the values, in the wanted order.
            rows: Of a chunk, the last excepted.

        Yields:
            The text of the variant and context columns [rows], and float32 values [rows, columns]; NaN where there is
            none.

        Raises:
            InputError: As for `rows`.
        """
        nothing = np.full(len(chosen), MISSING, np.float32)
        records = self.read(chosen)
        while chunk := list(islice(records, rows)):
            texts = [["NA" if cell is None else str(cell) for cell in cells] for _, cells, _ in chunk]
            yield texts, np.stack([nothing if values is None else values for *_, values in chunk])

    def only(self, patterns: Sequence[str]) -> "ScoredTable":
        """The table with some of its value columns; raises as `select_columns` does."""
        return self.take(select_columns(self.layout, patterns))

    def take(self, chosen: Sequence[int]) -> "ScoredTable":
        """The table with the value columns at these ascending positions of the whole table."""
        return replace(self, layout=narrowed(self.layout, chosen), chosen=tuple(chosen))

    def _not_understood(self, number: int) -> InputError:
        return InputError(f"{self.name}, {self.unit} {number}: cannot be understood; {_ADVICE}")


def open_scores(path: str | Path) -> ScoredTable:
    """Opens a table and reads its header.

    Args:
        path: TSV, plain or gzip, or Parquet, of `enformer-vep score`; "-" for a TSV on standard input. A pipe
            under a name (`/dev/stdin`, `/dev/fd/63` of a process substitution, a FIFO) is opened once, as it
            gives its bytes once.

    Raises:
        InputError: It is missing, damaged or no such table; also while rows are read.
        DependencyError: It is Parquet, and pyarrow is not installed.
    """
    name = str(path)
    if is_stream(name):
        return _open_pipe(name)
    if name.endswith(PARQUET_SUFFIXES):
        layout = read_layout(Path(name), layout_of)
        return ScoredTable(name, layout, partial(read_parquet_records, Path(name), layout), "row")
    with open_input(name, "table") as stream:
        layout, _ = _header(stream)

    def read(chosen: Sequence[int] | None) -> Iterator[Record]:
        with open_input(name, "table") as stream:
            yield from _records(stream, *_header(stream), chosen)

    return ScoredTable(name, layout, read)


def _open_pipe(name: str) -> ScoredTable:
    with ExitStack() as stack:
        stream = stack.enter_context(open_input(name, "table"))
        if stream.peek(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC:
            raise InputError(f"{stream.name} is Parquet, which cannot be read from a pipe; name the file itself")
        layout, line = _header(stream)
        close = stack.pop_all().close

    def read(chosen: Sequence[int] | None) -> Iterator[Record]:
        with damage_named(stream.name):
            yield from _records(stream, layout, line, chosen)

    return ScoredTable(stream.name, layout, read, again=False, close=close)


def _header(stream: InputStream) -> tuple[Layout, int]:
    """The layout, and the number of the header's line; `##` lines before it are passed over."""
    number, line = 1, stream.content.readline()
    while line.startswith(b"##"):
        number, line = number + 1, stream.content.readline()
    return layout_of(line.decode("utf-8-sig").rstrip("\r\n").split("\t"), stream.name), number


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
    names = (f"#{names[0].lstrip('#')}", *names[1:])
    if names[:_FIRST] != VARIANT_COLUMNS:
        missing = [name for name in VARIANT_COLUMNS if name not in names]
        found = f": no column {missing[0]}" if missing else ""
        raise InputError(f"{source} does not begin with the columns {' '.join(VARIANT_COLUMNS)}{found}; {_ADVICE}")
    context = tuple(_CONTEXT[name] for name in names[_FIRST:] if name in _CONTEXT)
    values = names[_FIRST + len(context) :]
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


def select_columns(layout: Layout, patterns: Sequence[str]) -> tuple[int, ...]:
    """Finds value columns by name.

    Returns:
        Their positions among the values, in the order of the table.

    Raises:
        UsageError: A pattern fits no column.
    """
    names = layout.values
    chosen: set[int] = set() if patterns else set(range(len(names)))
    for pattern in patterns:
        found = {number for number, name in enumerate(names) if fnmatch.fnmatchcase(name, pattern)}
        if not found:
            raise UsageError(f"no column {pattern} in the table; it has {', '.join(names[:3])}, ...")
        chosen |= found
    return tuple(sorted(chosen))


def narrowed(layout: Layout, chosen: Sequence[int]) -> Layout:
    """The layout of a table that has only the chosen value columns."""
    wanted, blocks, first = set(chosen), [], 0
    for block in layout.blocks:
        kept = [number for number in range(len(block.labels)) if first + number in wanted]
        if kept:
            labels = tuple(block.labels[number] for number in kept)
            titles = tuple(block.titles[number] for number in kept) if block.titles else ()
            blocks.append(replace(block, labels=labels, titles=titles))
        first += len(block.labels)
    return replace(layout, blocks=tuple(blocks))


def _records(stream: InputStream, layout: Layout, line: int, chosen: Sequence[int] | None) -> Iterator[Record]:
    """What follows the header, which is the line of this number."""
    before, columns = _FIRST + len(layout.context), len(layout.values)
    nothing = b"\t".join([b"NA"] * columns)
    for number, content in enumerate(stream.content, start=line + 1):
        *first, last = content.rstrip(b"\r\n").split(b"\t", before)
        try:
            if len(first) != before or last.count(b"\t") != columns - 1:
                raise ValueError("another number of columns")
            cells = [cell.decode() for cell in first]
            context = (None if cell == "NA" else cell for cell in cells[_FIRST:])
            values = None if last == nothing else _numbers(last, chosen)
        except ValueError:
            raise InputError(f"{stream.name}, line {number}: cannot be understood; {_ADVICE}") from None
        yield number, (*cells[:_FIRST], *context), values
    stream.check_complete()


def _numbers(text: bytes, chosen: Sequence[int] | None) -> npt.NDArray[np.float32]:
    cells = text.split(b"\t")
    if chosen is not None:
        cells = [cells[number] for number in chosen]
    if b"NA" not in cells:
        return np.array(list(map(float, cells)), np.float32)
    missing = np.array([cell == b"NA" for cell in cells])
    numbers = np.array([0.0 if cell == b"NA" else float(cell) for cell in cells], np.float32)
    numbers[missing] = MISSING
    return numbers
