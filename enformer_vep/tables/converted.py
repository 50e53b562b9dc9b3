"""Formats that cannot be appended to, made from a log of rows when that is complete."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from enformer_vep.files.atomic import INDEX_SUFFIXES, create, explained
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.tables.row import Layout, ScoredVariant
from enformer_vep.tables.rowlog import MAGIC, RowLog, check_row, pack
from enformer_vep.tables.tabix import TabixIndex

Converter = Callable[[RowLog, Path], None]
"""Makes a file from all rows, in memory that does not grow with their number."""

_FINAL_SUFFIX = ".final"


class RowLogWriter:
    """Writes a log of rows, and from it the file (`enformer_vep.tables.writers.ScoreWriter`).

    Every row is a frame of its own, so nothing is ever held back. While the file is made, log and file are
    on disk together.

    Args:
        sink: Takes the log's bytes.
        layout: What stands right of STATUS.
        convert: Makes the file.
        destination: The name that the user gave, for messages.
        index: The index to be made of the file, if any.
    """

    trailer_bytes = 0

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        convert: Converter,
        destination: str,
        index: TabixIndex | None = None,
    ) -> None:
        self._sink, self._layout, self._convert = sink, layout, convert
        self._destination, self._index = destination, index
        self._shape = len(layout.values), len(layout.context)

    def begin(self) -> None:
        """Writes what tells the log from other files."""
        self._sink.write(MAGIC)

    def write(self, row: ScoredVariant) -> None:
        """Writes one row; raises as `enformer_vep.tables.lines.LineWriter.write` does."""
        check_row(row, *self._shape)
        if self._index is not None:
            self._index.check(row.variant)
        self._sink.write(pack(row))

    def end_piece(self) -> None:
        """Nothing is held back."""

    def finish(self) -> None:
        """Nothing comes after the last row."""

    def complete(self, path: Path) -> Path:
        """Makes the file beside its log, and its index.

        Args:
            path: The complete log, which stays as it is.

        Returns:
            The file, on disk; gone again when it could not be made.

        Raises:
            OutputError: It cannot be written.
        """
        final = path.with_name(path.name + _FINAL_SUFFIX)
        try:
            with explained(self._destination):
                final.unlink(missing_ok=True)
                create(final, path)
                self._convert(RowLog(path, self._layout), final)
                _sync(final)
            if self._index is not None:
                self._index.build(final)
        except BaseException:
            for leftover in (final, *(final.with_name(final.name + suffix) for suffix in INDEX_SUFFIXES)):
                with suppress(OSError):
                    leftover.unlink()
            raise
        return final

    def state(self) -> dict[str, object]:
        """What the index has to remember."""
        return {} if self._index is None else {"order": self._index.state()}

    def restore(self, state: Mapping[str, object]) -> None:
        """Goes on from a state, in place of `begin`."""
        if self._index is not None:
            self._index.restore(state["order"])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
