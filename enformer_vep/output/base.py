"""What every output format offers, and which one a file name asks for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Protocol

from enformer_vep.errors import UsageError
from enformer_vep.output.bgzf import ByteSink
from enformer_vep.output.streams import open_stream
from enformer_vep.output.tabix import TabixIndex
from enformer_vep.output.tsv import BGZF_SUFFIXES, tsv_writer
from enformer_vep.results import Layout, ScoredVariant

# Names that promise another format than the one that would be in the file.
_OTHER_FORMATS = frozenset(
    {".parquet", ".vcf", ".bcf", ".h5", ".hdf5", ".csv", ".json", ".bw", ".xlsx", ".zarr"}
)


class ScoreWriter(Protocol):
    """Turns rows, one at a time and in input order, into the bytes of one file.

    A file is `begin`, pieces of rows, `finish`. Its bytes depend on the rows and on where pieces end, on
    nothing else. Between two pieces nothing is held back: the bytes so far can be cut off there, and pieces
    that were written by different processes can be joined. Anywhere else, `state` says what a new writer
    needs to go on.
    """

    @property
    def trailer_bytes(self) -> int:
        """How many bytes `finish` adds."""

    def begin(self) -> None:
        """Writes what comes before the first row."""

    def write(self, row: ScoredVariant) -> None:
        """Writes one row.

        Args:
            row: One ALT allele; its values, if any, are as many as the columns.

        Raises:
            OutputError: The destination cannot take it.
            BrokenPipeError: Nobody reads the other end any more.
        """

    def end_piece(self) -> None:
        """Hands on whatever is held back."""

    def finish(self) -> None:
        """Writes what comes after the last row."""

    def complete(self, path: Path) -> None:
        """Called with the complete file just before it takes its name, to make an index of it."""

    def state(self) -> Mapping[str, object]:
        """Plain JSON values from which `restore` goes on, given the bytes handed on so far."""

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state; called in place of `begin`."""


WriterFactory = Callable[[ByteSink], ScoreWriter]
"""Makes the writer, given where its bytes go."""


class OpenTable:
    """A writer with the stream that its bytes go to, which is flushed after each batch."""

    def __init__(self, writer: ScoreWriter, flush: Callable[[], None]) -> None:
        self._writer, self._flush = writer, flush

    def write(self, row: ScoredVariant) -> None:
        """Writes one row."""
        self._writer.write(row)

    def end_batch(self) -> None:
        """Hands the rows written so far on to whoever reads the destination."""
        self._flush()

    def end_piece(self) -> None:
        """Ends a piece of rows."""
        self._writer.end_piece()


def choose_writer(destination: str, layout: Layout, *, tabix: bool = False) -> WriterFactory:
    """Chooses the writer by the destination's name.

    Args:
        destination: "-" for a table on standard output, else a file name: .gz and .bgz are BGZF, any other
            name is plain text, and names that promise another format are refused.
        layout: What stands right of STATUS.
        tabix: Also write an index for the table.

    Returns:
        A function that makes the writer, given where its bytes go.

    Raises:
        UsageError: A name that promises a format that is not written, or `tabix` for what cannot be indexed.
    """
    suffixes = [suffix for suffix in PurePath(destination).suffixes if suffix not in BGZF_SUFFIXES]
    if suffixes and suffixes[-1].lower() in _OTHER_FORMATS:
        raise UsageError(f"{destination}: cannot write {suffixes[-1]} files; name the table .tsv or .tsv.gz")
    return tsv_writer(destination, layout, tabix=tabix)


def index_table(destination: str) -> Callable[[Path], None]:
    """What makes the index of a table that was not written row by row, when its rows are sorted.

    Args:
        destination: The name that the user gave, for messages.

    Returns:
        A function that takes the complete file, which may still have a temporary name.
    """
    return TabixIndex(destination).build


@contextmanager
def open_writer(destination: str, layout: Layout, *, tabix: bool = False) -> Iterator[OpenTable]:
    """Opens a table that is written in one go.

    A clean exit of the `with` block leaves the complete file under its name; any exception leaves nothing
    there (and a file that was there before untouched).

    Args:
        destination: As for `choose_writer`.
        layout: As for `choose_writer`.
        tabix: As for `choose_writer`.

    Yields:
        The table, its header written.

    Raises:
        UsageError: As for `choose_writer`.
        OutputError: The destination cannot be opened, written or completed.
        BrokenPipeError: Nobody reads the other end any more.
    """
    make = choose_writer(destination, layout, tabix=tabix)
    writers: list[ScoreWriter] = []
    with open_stream(destination, finish=lambda path: writers[0].complete(path)) as stream:
        writers.append(make(stream))
        writers[0].begin()
        yield OpenTable(writers[0], stream.flush)
        writers[0].finish()
