"""The plain table: one row per ALT allele, tab separated, BGZF when the name ends in .gz."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from enformer_vep.errors import OutputError, UsageError
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.output.atomic import explained
from enformer_vep.output.bgzf import BgzfEncoder
from enformer_vep.output.streams import ByteStream, is_stream, open_stream
from enformer_vep.results import ScoredVariant

VARIANT_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "STATUS")
BGZF_SUFFIXES = (".gz", ".bgz")

# Nine significant digits read back as the same float32, whatever its size.
_VALUE_FORMAT = b"%.9g"
_NOT_SCORED = b"NA"
# The largest position that a .tbi index can hold; beyond it htslib needs .csi.
_LARGEST_TBI_POSITION = 1 << 29


class _Sink(Protocol):
    def write(self, data: bytes, /) -> None: ...


class TsvWriter:
    """Writes rows as they come.

    A value that is not finite is written as `nan`, `inf` or `-inf`: it was computed. `NA` stands in rows whose STATUS
    is not `ok`, and only there.

    Args:
        sink: Takes the text, UTF-8.
        columns: Names of the value columns, in the order of `ScoredVariant.values`.
        flush: Hands what was written on to the reader.
    """

    def __init__(self, sink: _Sink, columns: Sequence[str], flush: Callable[[], None]) -> None:
        self._sink = sink
        self._flush = flush
        self._values = (b"\t" + _VALUE_FORMAT) * len(columns) + b"\n"
        self._no_values = (b"\t" + _NOT_SCORED) * len(columns) + b"\n"
        sink.write("\t".join((*VARIANT_COLUMNS, *columns)).encode() + b"\n")

    def write(self, row: ScoredVariant) -> None:
        """Writes one row.

        Args:
            row: One ALT allele; its values, if any, are as many as the columns.

        Raises:
            ValueError: A row that is `ok` has no values, or another has some, or their number is not the columns'.
            OutputError: The destination cannot take it.
            BrokenPipeError: Nobody reads the other end any more.
        """
        self._sink.write(_identity(row).encode() + self._format_values(row))

    def flush(self) -> None:
        """Hands the rows written so far on to whoever reads the destination; call it after each batch."""
        self._flush()

    def _format_values(self, row: ScoredVariant) -> bytes:
        if (row.status is Status.OK) == (row.values is None):
            raise ValueError(f"row {row.variant} has status {row.status} and values {row.values}")
        if row.values is None:
            return self._no_values
        try:
            return self._values % tuple(row.values.tolist())
        except TypeError as error:
            raise ValueError(f"row {row.variant} has {len(row.values)} values for other columns") from error


class _SortedRows:
    """Refuses the first row that tabix could not index, rather than all of them at the end."""

    def __init__(self, writer: TsvWriter, destination: str) -> None:
        self._writer = writer
        self._destination = destination
        self._contigs: set[str] = set()
        self._contig = ""
        self._position = 0
        self.largest_position = 0

    def write(self, row: ScoredVariant) -> None:
        self._check(row.variant)
        self._writer.write(row)

    def flush(self) -> None:
        self._writer.flush()

    def _check(self, variant: Variant) -> None:
        if variant.contig != self._contig:
            in_order = variant.contig not in self._contigs
            self._contigs.add(variant.contig)
            self._contig = variant.contig
        else:
            in_order = variant.position >= self._position
        if not in_order:
            raise OutputError(
                f"{self._destination}: {variant.contig}:{variant.position} is out of order and tabix needs sorted "
                "rows; sort the VCF first (bcftools sort) or leave out --tabix"
            )
        self._position = variant.position
        self.largest_position = max(self.largest_position, variant.position)


@contextmanager
def open_tsv(
    destination: str, columns: Sequence[str], *, tabix: bool = False
) -> Iterator[TsvWriter | _SortedRows]:
    """Opens a table for one block of code.

    Args:
        destination: "-" for standard output, or a file name; .gz and .bgz mean BGZF.
        columns: Names of the value columns.
        tabix: Write an index beside the file (.tbi, or .csi for positions beyond 2^29). Rows must then come sorted.

    Yields:
        The writer. The file appears when the block succeeds and is absent otherwise.

    Raises:
        UsageError: `tabix` for a destination that is not a BGZF file.
        OutputError: The destination cannot be written, or rows are not sorted and `tabix` is set.
        BrokenPipeError: Nobody reads the other end any more.
    """
    compressed = destination.endswith(BGZF_SUFFIXES)
    if tabix and (not compressed or is_stream(destination)):
        raise UsageError(f"--tabix cannot index {destination}; give -o a file name that ends in .gz")
    if not tabix:
        with open_stream(destination) as stream, _table(stream, columns, compressed=compressed) as writer:
            yield writer
        return

    def index(path: Path) -> None:
        with explained(destination):
            _index(path, rows.largest_position)

    with open_stream(destination, finish=index) as stream, _table(stream, columns, compressed=True) as writer:
        rows = _SortedRows(writer, destination)
        yield rows


@contextmanager
def _table(stream: ByteStream, columns: Sequence[str], *, compressed: bool) -> Iterator[TsvWriter]:
    if not compressed:
        yield TsvWriter(stream, columns, stream.flush)
        return
    encoder = BgzfEncoder(stream)
    # An early flush would end a block early and make the bytes depend on the batch size.
    yield TsvWriter(encoder, columns, lambda: None)
    encoder.finish()


def _identity(row: ScoredVariant) -> str:
    variant = row.variant
    return "\t".join(
        (variant.contig, str(variant.position), variant.id, variant.reference, variant.alternate, row.status)
    )


def _index(path: Path, largest_position: int) -> None:
    import pysam

    pysam.tabix_index(
        str(path),
        seq_col=0,
        start_col=1,
        end_col=1,
        meta_char="#",
        csi=largest_position > _LARGEST_TBI_POSITION,
        force=True,
        keep_original=True,
    )
