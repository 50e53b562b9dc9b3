"""What formats made of lines share: BGZF, the index, and what has to be remembered between two processes."""

import base64
from collections.abc import Mapping
from pathlib import Path

from enformer_vep.files.bgzf import EOF_MARKER, BgzfEncoder, ByteSink
from enformer_vep.tables.row import Layout, ScoredVariant
from enformer_vep.tables.rowlog import check_row
from enformer_vep.tables.tabix import TabixIndex


class LineWriter:
    """Writes rows as lines (`enformer_vep.tables.writers.ScoreWriter`); a subclass makes the lines.

    Args:
        sink: Takes the file's bytes.
        layout: What stands right of STATUS.
        header: The lines before the first row.
        compressed: Write BGZF.
        index: The index to be made of the file, if any.
    """

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        header: bytes,
        *,
        compressed: bool = False,
        index: TabixIndex | None = None,
    ) -> None:
        self._encoder = BgzfEncoder(sink) if compressed else None
        self._text: ByteSink = self._encoder or sink
        self._index = index
        self._header = header
        self._shape = len(layout.values), len(layout.context)

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
        check_row(row, *self._shape)
        if self._index is not None:
            self._index.check(row.variant)
        self._take(row)

    def end_piece(self) -> None:
        """Ends the BGZF block, so that pieces are joined by joining their bytes."""
        if self._encoder:
            self._encoder.end_piece()

    def finish(self) -> None:
        """Writes what ends the file."""
        if self._encoder:
            self._encoder.finish()

    def complete(self, path: Path) -> Path:
        """Makes the index of the file, which is complete and still has its temporary name."""
        if self._index is not None:
            self._index.build(path)
        return path

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

    def _take(self, row: ScoredVariant) -> None:
        self._text.write(self._line(row))

    def _line(self, row: ScoredVariant) -> bytes:
        raise NotImplementedError
