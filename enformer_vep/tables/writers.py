"""What every output format offers, and which one a destination asks for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from enformer_vep.errors import UsageError
from enformer_vep.files.atomic import explained, take_name
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.files.writing import is_stream, open_stream
from enformer_vep.tables.bcf import write_bcf
from enformer_vep.tables.bed import BedWriter
from enformer_vep.tables.converted import Converter, RowLogWriter
from enformer_vep.tables.formats import Format, FormatChoice, choose_format
from enformer_vep.tables.hdf5 import require_h5py, write_hdf5
from enformer_vep.tables.parquet import require_pyarrow, write_parquet
from enformer_vep.tables.row import Layout, ScoredVariant
from enformer_vep.tables.tabix import TabixIndex
from enformer_vep.tables.tsv import TsvWriter
from enformer_vep.tables.vcf import VcfWriter, refuse_genes

NO_CONTIGS: Mapping[str, int | None] = {}


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

    def complete(self, path: Path) -> Path:
        """Called with all bytes on disk, just before the file takes its name.

        Args:
            path: Where they are.

        Returns:
            The file that takes the name, an index beside it if one is wanted: `path` itself, or another file
            made from it.
        """

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


def choose_writer(
    destination: str,
    layout: Layout,
    *,
    tabix: bool = False,
    wanted: str | None = None,
    contigs: Mapping[str, int | None] = NO_CONTIGS,
) -> WriterFactory:
    """Chooses the writer by the destination's name.

    Args:
        destination: "-" for standard output, else a file name; see `choose_format`.
        layout: What stands right of STATUS.
        tabix: Also write an index.
        wanted: Name of the format, which then decides instead.
        contigs: Contigs and lengths in bp for a VCF's header, named as in the rows; None for a length that is
            not known.

    Returns:
        A function that makes the writer, given where its bytes go.

    Raises:
        UsageError: A name that promises a format that is not written, a format that cannot be streamed or
            cannot hold the layout, or `tabix` for what cannot be indexed.
        DependencyError: The format needs a package that is not installed.
    """
    choice = choose_format(destination, wanted)
    _check(choice, destination, layout, tabix)
    converter = _converter(choice.format, contigs)

    def make(sink: ByteSink) -> ScoreWriter:
        index = TabixIndex(destination, choice.format) if tabix else None
        if converter is not None:
            return RowLogWriter(sink, layout, converter, destination, index)
        if choice.format is Format.VCF:
            return VcfWriter(sink, layout, contigs, compressed=choice.compressed, index=index)
        lines = BedWriter if choice.format is Format.BED else TsvWriter
        return lines(sink, layout, compressed=choice.compressed, index=index)

    return make


def index_table(destination: str, choice: FormatChoice) -> Callable[[Path], None]:
    """What makes the index of a file that was not written row by row, when its rows are sorted.

    Args:
        destination: The name that the user gave, for messages.
        choice: Its format.

    Returns:
        A function that takes the complete file, which may still have a temporary name.
    """
    return TabixIndex(destination, choice.format).build


@contextmanager
def open_table(destination: str, make: WriterFactory) -> Iterator[OpenTable]:
    """Opens a file that is written in one go.

    A clean exit of the `with` block leaves the complete file under its name; any exception leaves nothing
    there (and a file that was there before untouched).

    Args:
        destination: As for `choose_writer`.
        make: What `choose_writer` gave.

    Yields:
        The table, its header written.

    Raises:
        OutputError: The destination cannot be opened, written or completed.
        BrokenPipeError: Nobody reads the other end any more.
    """
    writers: list[ScoreWriter] = []

    def complete(path: Path) -> None:
        final = writers[0].complete(path)
        if final != path:
            with explained(destination):
                take_name(final, path)

    with open_stream(destination, finish=complete) as stream:
        writers.append(make(stream))
        writers[0].begin()
        yield OpenTable(writers[0], stream.flush)
        writers[0].finish()


def _check(choice: FormatChoice, destination: str, layout: Layout, tabix: bool) -> None:
    """Refuses what the format cannot do; see `choose_writer`."""
    if not choice.format.is_text and is_stream(destination):
        raise UsageError(f".{choice} cannot be streamed: give -o a file name, or stream tsv, vcf or bed")
    indexable = choice.compressed or choice.format is Format.BCF
    if tabix and (not indexable or is_stream(destination)):
        raise UsageError(
            f"--tabix cannot index {destination}; give -o a file name that ends in .gz, or in .bcf"
        )
    if choice.format in (Format.VCF, Format.BCF, Format.HDF5):
        refuse_genes(layout, destination, choice.format.name)
    if choice.format is Format.PARQUET:
        require_pyarrow()
    elif choice.format is Format.HDF5:
        require_h5py()


def _converter(format: Format, contigs: Mapping[str, int | None]) -> Converter | None:
    converters: dict[Format, Converter] = {
        Format.PARQUET: write_parquet,
        Format.HDF5: write_hdf5,
        Format.BCF: partial(write_bcf, contigs=contigs),
    }
    return converters.get(format)
