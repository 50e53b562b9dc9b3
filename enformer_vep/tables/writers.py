"""What every output format offers, and which one a destination asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from enformer_vep.errors import UsageError
from enformer_vep.files.atomic import explained, take_name
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.files.writing import is_stream, open_stream
from enformer_vep.tables.bcf import write_bcf
from enformer_vep.tables.bed import BedWriter
from enformer_vep.tables.converted import Converter, RowLogWriter
from enformer_vep.tables.formats import Format, FormatChoice, choose_format
from enformer_vep.tables.hdf5 import require_h5py, write_hdf5
from enformer_vep.tables.line_writer import LineWriter, MakeWriter, Row
from enformer_vep.tables.parquet import require_pyarrow, write_parquet
from enformer_vep.tables.row import NO_CONTIGS, Contigs, Layout
from enformer_vep.tables.score_writer import ScoreWriter
from enformer_vep.tables.tabix import TabixIndex
from enformer_vep.tables.tsv import TsvWriter
from enformer_vep.tables.vcf import VcfWriter, refuse_genes

WriterFactory = Callable[[ByteSink], ScoreWriter]
"""Makes the writer, given where its bytes go."""


@dataclass(frozen=True, slots=True)
class FormatWriter:
    """How a format is written: either row by row, or from a log of all rows.

    Attributes:
        lines: The writer, row by row.
        convert: What makes the file of a log.
        require: Imports a package that need not be installed; raises DependencyError.
        one_row_per_allele: Whether it cannot hold a row per allele and gene.
    """

    lines: type[ScoreWriter] | None = None
    convert: Converter | None = None
    require: Callable[[], object] = lambda: None
    one_row_per_allele: bool = False


WRITERS: dict[Format, FormatWriter] = {
    Format.TSV: FormatWriter(TsvWriter),
    Format.VCF: FormatWriter(VcfWriter, one_row_per_allele=True),
    Format.BED: FormatWriter(BedWriter),
    Format.BCF: FormatWriter(convert=write_bcf, one_row_per_allele=True),
    Format.PARQUET: FormatWriter(convert=write_parquet, require=require_pyarrow),
    Format.HDF5: FormatWriter(convert=write_hdf5, require=require_h5py, one_row_per_allele=True),
}
"""Where a format is plugged in, once it has a name (`Format`); one that can be indexed says how in `tabix`."""


class OpenTable(Generic[Row]):
    """A writer with the stream that its bytes go to, which is flushed after each batch."""

    def __init__(self, writer: LineWriter[Row], flush: Callable[[], None]) -> None:
        self.write, self.end_piece, self.end_batch = writer.write, writer.end_piece, flush


def choose_writer(
    destination: str,
    layout: Layout,
    *,
    tabix: bool = False,
    wanted: str | None = None,
    contigs: Contigs = NO_CONTIGS,
) -> WriterFactory:
    """Chooses the writer by the destination's name.

    Args:
        destination: "-" for standard output, else a file name; see `choose_format`.
        layout: What stands right of STATUS.
        tabix: Also write an index.
        wanted: Name of the format, which then decides instead.
        contigs: For a VCF's header, named as in the rows.

    Raises:
        UsageError: A name that promises a format that is not written, a format that cannot be streamed or
            cannot hold the layout, or `tabix` for what cannot be indexed.
        DependencyError: The format needs a package that is not installed.
    """
    choice = choose_format(destination, wanted)
    _check(choice, destination, layout, tabix)
    kind = WRITERS[choice.format]

    def make(sink: ByteSink) -> ScoreWriter:
        index = TabixIndex(destination, choice.format) if tabix else None
        if kind.lines is not None:
            return kind.lines(sink, layout, contigs, compressed=choice.compressed, index=index)
        assert kind.convert is not None
        return RowLogWriter(sink, layout, contigs, kind.convert, destination, index)

    return make


@contextmanager
def open_table(destination: str, make: MakeWriter[Row]) -> Iterator[OpenTable[Row]]:
    """Opens a file that is written in one go, its header written.

    A clean exit of the `with` block leaves the complete file under its name; any exception leaves nothing
    there (and a file that was there before untouched).

    Raises:
        OutputError: The destination cannot be opened, written or completed.
        BrokenPipeError: Nobody reads the other end any more.
    """
    writers: list[LineWriter[Row]] = []

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
        raise UsageError(f"--tabix cannot index {destination}; give -o a file name that ends in .gz, or in .bcf")
    kind = WRITERS[choice.format]
    if kind.one_row_per_allele:
        refuse_genes(layout, destination, choice.format.name)
    kind.require()
