"""What writers of rows share, whatever a row is: BGZF, and what has to be remembered between two processes."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from enformer_vep.files.bgzf import EOF_MARKER, BgzfEncoder, ByteSink

Row = TypeVar("Row")


class LineWriter(Generic[Row]):
    """Turns rows, one at a time and in order, into the bytes of one file; a subclass makes the lines.

    A file is `begin`, pieces of rows, `finish`. Its bytes depend on the rows and on where pieces end, on
    nothing else. Between two pieces nothing is held back: the bytes so far can be cut off there, and pieces
    that were written by different processes can be joined. Anywhere else, `state` says what a new writer
    needs to go on.

    Args:
        sink: Takes the file's bytes.
        compressed: Write BGZF.
    """

    _header = b""

    def __init__(self, sink: ByteSink, *, compressed: bool = False) -> None:
        self._encoder = BgzfEncoder(sink) if compressed else None
        self._text: ByteSink = self._encoder or sink

    @property
    def trailer_bytes(self) -> int:
        """How many bytes `finish` adds."""
        return len(EOF_MARKER) if self._encoder else 0

    def begin(self) -> None:
        """Writes what comes before the first row."""
        self._text.write(self._header)
        self.end_piece()

    def write(self, row: Row) -> None:
        """Writes one row.

        Raises:
            OutputError: The destination cannot take it.
            BrokenPipeError: Nobody reads the other end any more.
        """
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
        """Does what is left, with all bytes on disk, just before the file takes its name.

        Args:
            path: Where the bytes are.

        Returns:
            The file that takes the name: `path` itself, or another file made from it.
        """
        return path

    def state(self) -> dict[str, object]:
        """What is held back: plain JSON values."""
        if self._encoder and self._encoder.pending:
            return {"pending": base64.b85encode(self._encoder.pending).decode()}
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state, in place of `begin`, given the bytes handed on so far."""
        if self._encoder and "pending" in state:
            self._encoder.write(base64.b85decode(str(state["pending"])))

    def _take(self, row: Row) -> None:
        self._text.write(self._line(row))

    def _line(self, row: Row) -> bytes:
        raise NotImplementedError


MakeWriter = Callable[[ByteSink], LineWriter[Row]]
"""Makes the writer, given where its bytes go."""
