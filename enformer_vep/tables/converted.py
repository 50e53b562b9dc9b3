"""Formats that cannot be appended to, made from a log of rows when that is complete."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from enformer_vep.files.atomic import INDEX_SUFFIXES, create, explained
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.tables.row import Contigs, Layout, ScoredVariant
from enformer_vep.tables.rowlog import MAGIC, RowLog, pack
from enformer_vep.tables.score_writer import ScoreWriter
from enformer_vep.tables.tabix import TabixIndex

Converter = Callable[[RowLog, Path], None]
"""Makes a file from all rows, in memory that does not grow with their number."""

_FINAL_SUFFIX = ".final"


class RowLogWriter(ScoreWriter):
    """Writes a log of rows, and from it the file.

    Every row is a frame of its own, so nothing is ever held back. While the file is made, log and file are
    on disk together.

    Args: as of `ScoreWriter`, and what makes the file, whose name for messages is `destination`.
    """

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        contigs: Contigs,
        convert: Converter,
        destination: str,
        index: TabixIndex | None = None,
    ) -> None:
        super().__init__(sink, layout, contigs, index=index)
        self._convert, self._destination = convert, destination

    def complete(self, path: Path) -> Path:
        """Makes the file beside its complete log, which stays, and its index; neither when that fails."""
        final = path.with_name(path.name + _FINAL_SUFFIX)
        try:
            with explained(self._destination):
                final.unlink(missing_ok=True)
                create(final, path)
                self._convert(RowLog(path, self._layout, self._contigs), final)
                _sync(final)
            return super().complete(final)
        except BaseException:
            for leftover in (final, *(final.with_name(final.name + suffix) for suffix in INDEX_SUFFIXES)):
                with suppress(OSError):
                    leftover.unlink()
            raise

    def _prepare(self) -> bytes:
        return MAGIC

    def _line(self, row: ScoredVariant) -> bytes:
        return pack(row)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
