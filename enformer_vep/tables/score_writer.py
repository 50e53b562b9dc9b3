"""What the writers of all formats share: BGZF, the index, and what has to be remembered between two processes."""

import base64
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.files.bgzf import EOF_MARKER, BgzfEncoder, ByteSink
from enformer_vep.tables.row import NO_CONTIGS, Contigs, Layout, ScoredVariant
from enformer_vep.tables.rowlog import check_row
from enformer_vep.tables.tabix import TabixIndex


class ScoreWriter:
    """Turns rows, one at a time and in input order, into the bytes of one file; a subclass makes the lines.

    A file is `begin`, pieces of rows, `finish`. Its bytes depend on the rows and on where pieces end, on
    nothing else. Between two pieces nothing is held back: the bytes so far can be cut off there, and pieces
    that were written by different processes can be joined. Anywhere else, `state` says what a new writer
    needs to go on.

    Args:
        sink: Takes the file's bytes.
        layout: What stands right of STATUS.
        contigs: For a header that declares them.
        compressed: Write BGZF.
        index: The index to be made of the file, if any.
    """

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        contigs: Contigs = NO_CONTIGS,
        *,
        compressed: bool = False,
        index: TabixIndex | None = None,
    ) -> None:
        self._encoder = BgzfEncoder(sink) if compressed else None
        self._text: ByteSink = self._encoder or sink
        self._layout, self._contigs, self._index = layout, contigs, index
        self._shape = len(layout.values), len(layout.context)
        self._optional = layout.optional
        self._has_optional = bool(self._optional.any())
        self._header = self._prepare()

    @property
    def trailer_bytes(self) -> int:
        """How many bytes `finish` adds."""
        return len(EOF_MARKER) if self._encoder else 0

    def begin(self) -> None:
        """Writes what comes before the first row."""
        self._text.write(self._header)
        self.end_piece()

    def write(self, row: ScoredVariant) -> None:
        """Writes one row: an ALT allele; its values, if any, are as many as the columns.

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
        """Hands on what is held back: ends the BGZF block, so that pieces are joined by joining their bytes."""
        if self._encoder:
            self._encoder.end_piece()

    def finish(self) -> None:
        """Writes what comes after the last row."""
        if self._encoder:
            self._encoder.finish()

    def complete(self, path: Path) -> Path:
        """Makes the index, with all bytes on disk, just before the file takes its name.

        Args:
            path: Where the bytes are.

        Returns:
            The file that takes the name, its index beside it: `path` itself, or another file made from it.
        """
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
        """Goes on from a state, in place of `begin`, given the bytes handed on so far."""
        if self._encoder and "pending" in state:
            self._encoder.write(base64.b85decode(str(state["pending"])))
        if self._index is not None:
            self._index.restore(state["order"])

    def _prepare(self) -> bytes:
        """Makes ready what lines are made with; gives the header."""
        return b""

    def _take(self, row: ScoredVariant) -> None:
        self._text.write(self._line(row))

    def _line(self, row: ScoredVariant) -> bytes:
        raise NotImplementedError

    def _absent(self, row: ScoredVariant) -> npt.NDArray[np.bool_] | None:
        """Which values of a scored row are missing; None when all are there."""
        if not self._has_optional or row.values is None:
            return None
        absent: npt.NDArray[np.bool_] = np.isnan(row.values) & self._optional
        return absent if absent.any() else None
