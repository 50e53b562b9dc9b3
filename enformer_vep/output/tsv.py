"""The plain table: one row per ALT allele, tab separated, BGZF when the name ends in .gz."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path

from enformer_vep.errors import UsageError
from enformer_vep.genome.variants import Status
from enformer_vep.output.bgzf import EOF_MARKER, BgzfEncoder, ByteSink
from enformer_vep.output.streams import is_stream
from enformer_vep.output.tabix import TabixIndex
from enformer_vep.results import Layout, ScoredVariant

VARIANT_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "STATUS")
BGZF_SUFFIXES = (".gz", ".bgz")

# Nine significant digits read back as the same float32, whatever its size.
_VALUE = b"\t%.9g"
_NOT_SCORED = b"\tNA"


class TsvWriter:
    """Writes rows as they come (`enformer_vep.output.base.ScoreWriter`).

    A value that is not finite is written as `nan`, `inf` or `-inf`: it was computed. `NA` stands in rows
    whose STATUS is not `ok`, and only there.

    Args:
        sink: Takes the file's bytes.
        layout: What stands right of STATUS.
        compressed: Write BGZF.
        index: The index to be made of the table, if any.
    """

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        *,
        compressed: bool = False,
        index: TabixIndex | None = None,
    ) -> None:
        self._encoder = BgzfEncoder(sink) if compressed else None
        self._text: ByteSink = self._encoder or sink
        self._index = index
        self._header = "\t".join((*VARIANT_COLUMNS, *layout.columns)).encode() + b"\n"
        # One format string for all columns is three times as fast as one call per value.
        self._scored = _VALUE * len(layout.values) + b"\n"
        self._not_scored = _NOT_SCORED * len(layout.values) + b"\n"
        self._no_context = (None,) * len(layout.context)

    @property
    def trailer_bytes(self) -> int:
        """How many bytes `finish` adds."""
        return len(EOF_MARKER) if self._encoder else 0

    def begin(self) -> None:
        """Writes the header."""
        self._text.write(self._header)
        self.end_piece()

    def write(self, row: ScoredVariant) -> None:
        """Writes one row.

        Args:
            row: One ALT allele; its values, if any, are as many as the columns.

        Raises:
            ValueError: The row's cells do not fit its status or the layout.
            OutputError: The destination cannot take it, or the row is out of order and an index is wanted.
            BrokenPipeError: Nobody reads the other end any more.
        """
        if self._index is not None:
            self._index.check(row.variant)
        self._text.write(_identity(row).encode() + self._values(row))

    def end_piece(self) -> None:
        """Ends the BGZF block, so that pieces are joined by joining their bytes."""
        if self._encoder:
            self._encoder.end_piece()

    def finish(self) -> None:
        """Writes what ends the file."""
        if self._encoder:
            self._encoder.finish()

    def complete(self, path: Path) -> None:
        """Makes the index of the file, which is complete and still has its temporary name."""
        if self._index is not None:
            self._index.build(path)

    def state(self) -> dict[str, object]:
        """What is held back, and what the index has to remember: plain JSON values."""
        state: dict[str, object] = {}
        if self._encoder and self._encoder.pending:
            state["pending"] = base64.b85encode(self._encoder.pending).decode()
        if self._index is not None:
            state["order"] = self._index.state()
        return state

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state, in place of `begin`."""
        if self._encoder and "pending" in state:
            self._encoder.write(base64.b85decode(str(state["pending"])))
        if self._index is not None:
            self._index.restore(state["order"])

    def _values(self, row: ScoredVariant) -> bytes:
        if (row.status is Status.OK) == (row.values is None):
            raise ValueError(f"{row.variant}: values do not fit status {row.status}")
        context = self._context(row)
        if row.values is None:
            return context + self._not_scored
        try:
            return context + self._scored % tuple(row.values.tolist())
        except TypeError as error:
            raise ValueError(f"{row.variant}: {row.values.shape} values do not fit the columns") from error

    def _context(self, row: ScoredVariant) -> bytes:
        cells = row.context or self._no_context
        if len(cells) != len(self._no_context):
            raise ValueError(f"{row.variant}: {len(cells)} context cells do not fit the columns")
        return b"".join(_NOT_SCORED if cell is None else f"\t{cell}".encode() for cell in cells)


def tsv_writer(destination: str, layout: Layout, *, tabix: bool = False) -> Callable[[ByteSink], TsvWriter]:
    """Prepares a table.

    Args:
        destination: "-" for standard output, or a file name; .gz and .bgz mean BGZF.
        layout: What stands right of STATUS.
        tabix: Make an index beside the file. Rows must then come sorted.

    Returns:
        A function that makes the writer, given where its bytes go.

    Raises:
        UsageError: `tabix` for a destination that is not a BGZF file.
    """
    compressed = destination.endswith(BGZF_SUFFIXES)
    if tabix and (not compressed or is_stream(destination)):
        raise UsageError(f"--tabix cannot index {destination}; give -o a file name that ends in .gz")

    def make(sink: ByteSink) -> TsvWriter:
        index = TabixIndex(destination) if tabix else None
        return TsvWriter(sink, layout, compressed=compressed, index=index)

    return make


def _identity(row: ScoredVariant) -> str:
    variant = row.variant
    return "\t".join(
        (variant.contig, str(variant.position), variant.id, variant.reference, variant.alternate, row.status)
    )
