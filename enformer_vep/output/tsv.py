"""The plain table: one row per ALT allele, tab separated, BGZF when the name ends in .gz."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from enformer_vep.errors import UsageError
from enformer_vep.genome.variants import Status
from enformer_vep.output.bgzf import BgzfEncoder
from enformer_vep.output.streams import ByteStream, is_stream, open_stream
from enformer_vep.output.tabix import TabixIndex
from enformer_vep.results import ScoredVariant

VARIANT_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "STATUS")
BGZF_SUFFIXES = (".gz", ".bgz")

# Nine significant digits read back as the same float32, whatever its size.
_VALUE = b"\t%.9g"
_NOT_SCORED = b"\tNA"


class TsvWriter:
    """Writes rows as they come.

    A value that is not finite is written as `nan`, `inf` or `-inf`: it was computed. `NA` stands in rows
    whose STATUS is not `ok`, and only there.

    Args:
        sink: Takes the text, UTF-8.
        columns: Names of the value columns, in the order of `ScoredVariant.values`.
        index: The index to be made of the table, if any.
    """

    def __init__(
        self, sink: ByteStream | BgzfEncoder, columns: Sequence[str], index: TabixIndex | None = None
    ) -> None:
        self._sink = sink
        self._index = index
        # One format string for all columns is three times as fast as one call per value.
        self._scored = _VALUE * len(columns) + b"\n"
        self._not_scored = _NOT_SCORED * len(columns) + b"\n"
        sink.write("\t".join((*VARIANT_COLUMNS, *columns)).encode() + b"\n")

    def write(self, row: ScoredVariant) -> None:
        """Writes one row.

        Args:
            row: One ALT allele; its values, if any, are as many as the columns.

        Raises:
            ValueError: The row's values do not fit its status or the columns.
            OutputError: The destination cannot take it, or the row is out of order and an index is wanted.
            BrokenPipeError: Nobody reads the other end any more.
        """
        if self._index is not None:
            self._index.check(row.variant)
        self._sink.write(_identity(row).encode() + self._values(row))

    def flush(self) -> None:
        """Hands the rows written so far on to whoever reads the destination; call it after each batch."""
        self._sink.flush()

    def _values(self, row: ScoredVariant) -> bytes:
        if (row.status is Status.OK) == (row.values is None):
            raise ValueError(f"{row.variant}: values do not fit status {row.status}")
        if row.values is None:
            return self._not_scored
        try:
            return self._scored % tuple(row.values.tolist())
        except TypeError as error:
            raise ValueError(f"{row.variant}: {row.values.shape} values do not fit the columns") from error


@contextmanager
def open_tsv(destination: str, columns: Sequence[str], *, tabix: bool = False) -> Iterator[TsvWriter]:
    """Opens a table for one block of code.

    Args:
        destination: "-" for standard output, or a file name; .gz and .bgz mean BGZF.
        columns: Names of the value columns.
        tabix: Write an index beside the file. Rows must then come sorted.

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
    index = TabixIndex(destination) if tabix else None
    with open_stream(destination, finish=index.build if index else None) as stream:
        if compressed:
            encoder = BgzfEncoder(stream)
            yield TsvWriter(encoder, columns, index)
            encoder.finish()
        else:
            yield TsvWriter(stream, columns, index)


def _identity(row: ScoredVariant) -> str:
    variant = row.variant
    return "\t".join(
        (variant.contig, str(variant.position), variant.id, variant.reference, variant.alternate, row.status)
    )
