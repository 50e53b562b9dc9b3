"""A file that grows over as many processes as it takes, and appears under its name when complete."""

import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Generic

from enformer_vep.files.atomic import explained, take_name
from enformer_vep.files.sha256 import sha256_of
from enformer_vep.files.signals import StoppedError, StopRequest
from enformer_vep.files.writing import OutputStream
from enformer_vep.resume.computed import Computed, gone_on_with, in_words, ways_of
from enformer_vep.resume.journal import (
    Checkpoint,
    Journal,
    JournalContent,
    read_journal,
    refuse_other_run,
    verify,
)
from enformer_vep.resume.names import Names, locked_part
from enformer_vep.tables.line_writer import MakeWriter, Row
from enformer_vep.tables.row import RunSummary

logger = logging.getLogger(__name__)

# A checkpoint within a piece may carry 64 kB of text that is not yet in a block, so not after every batch.
CHECKPOINT_SECONDS = 1.0
# A kill loses nothing that was handed to the operating system; a power cut does.
SYNC_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A complete file, as its manifest describes it.

    Attributes:
        size: Bytes.
        sha256: Of them.
        header: Bytes before the first row.
        trailer: Bytes after the last row.
        computed: How they were computed, as journalled.
    """

    size: int
    sha256: str
    header: int
    trailer: int
    computed: Computed


class _HashedStream:
    """Counts and hashes what is written."""

    def __init__(self, stream: OutputStream, running: "hashlib._Hash", size: int) -> None:
        self._stream, self.running, self.size = stream, running, size

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self.running.update(data)
        self.size += len(data)


class ResumableTable(Generic[Row]):
    """Takes rows from where the last process stopped (`enformer_vep.scoring.batches.Table`).

    Attributes:
        summary: Rows so far; whoever writes rows counts them here.
        piece: Ordinal of the piece that comes next, or that is half done.
        batches: Batches of that piece that are done.
    """

    def __init__(
        self,
        names: Names,
        handle: BinaryIO,
        content: JournalContent,
        computed: Computed,
        make: MakeWriter[Row],
        stop: StopRequest,
        first_piece: int,
    ) -> None:
        """Goes on from the last checkpoint of `content` that the unfinished file bears out; see `open_resumable`."""
        self._names, self._handle, self._stop = names, handle, stop
        points, running = _sound(names, handle, content)
        kept = bool(points and points[-1].counts)
        self._computed = _continue(names, content.computed, computed) if kept else computed
        self._stream = OutputStream(handle, names.destination)
        self._sink = _HashedStream(self._stream, running, points[-1].size if points else 0)
        with explained(names.destination):
            handle.seek(self._sink.size)
            handle.truncate()
        self._writer = make(self._sink)
        self._journal = Journal(names.journal, JournalContent(content.identity, self._computed, points))
        self.summary = RunSummary()
        self._last_checkpoint = self._last_sync = time.monotonic()
        self.piece, self.batches = first_piece, 0
        self._final = names.part
        if points:
            self._header = points[0].size
            self._go_on(points[-1])
        else:
            self._writer.begin()
            self._header = self._sink.size
            self._checkpoint()

    def write(self, row: Row) -> None:
        """Takes one row."""
        self._writer.write(row)

    def end_batch(self) -> None:
        """Makes a checkpoint when one is due.

        Raises:
            StoppedError: Somebody asked this process to end; everything so far is kept.
            OutputError: The rows cannot be written.
        """
        self.batches += 1
        if self._stop.received or time.monotonic() - self._last_checkpoint > CHECKPOINT_SECONDS:
            self._checkpoint()
        if self._stop.received:
            self._journal.sync()
            raise StoppedError(
                f"stopped by {self._stop.received} after row {self.summary.alleles}; "
                "run the same command again to go on from there"
            )

    def end_piece(self) -> None:
        """Ends a piece and makes a checkpoint."""
        self._writer.end_piece()
        self.piece, self.batches = self.piece + 1, 0
        self._checkpoint()

    def complete(self) -> FileFacts:
        """Completes the file, which is then on disk but for its name, and tells its facts, for a manifest."""
        self._writer.finish()
        self._checkpoint(finished=True)
        with explained(self._names.destination):
            os.fsync(self._handle.fileno())
        self._journal.sync()
        self._final = self._writer.complete(self._names.part)
        if self._final != self._names.part:
            self._journal_final()
        sha256 = self._sink.running.hexdigest()
        return FileFacts(self._sink.size, sha256, self._header, self._writer.trailer_bytes, self._computed)

    def take_name(self) -> None:
        """Gives the complete file its name; what led to it goes."""
        with explained(self._names.destination):
            take_name(self._final, self._names.target)
            if self._final != self._names.part:
                self._names.part.unlink()
            self._names.journal.unlink()

    def close(self) -> None:
        """Closes the journal."""
        self._journal.close()

    def _go_on(self, point: Checkpoint) -> None:
        self._writer.restore(point.state)
        self.piece, self.batches = point.piece, point.batches
        self.summary.counts = Counter(point.counts)
        self.summary.not_calibrated = Counter(point.not_calibrated)
        self.summary.resumed = point.counts.total()
        logger.info("%s: going on after row %d", self._names.destination, self.summary.resumed)

    def _journal_final(self) -> None:
        """Notes which file was made of the unfinished one, so that it is known when a kill leaves it alone."""
        size, sha256 = self._final.stat().st_size, sha256_of(self._final)
        self._journal.append(self._point(size, sha256, {}, finished=True))
        self._journal.sync()

    def _checkpoint(self, finished: bool = False) -> None:
        self._stream.flush()
        now = time.monotonic()
        if now - self._last_sync > SYNC_SECONDS:
            with explained(self._names.destination):
                os.fsync(self._handle.fileno())
            self._journal.sync()
            self._last_sync = now
        state = {} if finished else self._writer.state()
        self._journal.append(self._point(self._sink.size, self._sink.running.hexdigest(), state, finished=finished))
        self._last_checkpoint = now

    def _point(self, size: int, sha256: str, state: Mapping[str, object], *, finished: bool) -> Checkpoint:
        counts, lacking = Counter(self.summary.counts), Counter(self.summary.not_calibrated)
        return Checkpoint(self.piece, self.batches, size, sha256, counts, state, finished, lacking)


@contextmanager
def open_resumable(
    names: Names,
    content: JournalContent,
    make: MakeWriter[Row],
    stop: StopRequest,
    *,
    first_piece: int = 0,
    overwrite: bool = False,
) -> Iterator[ResumableTable[Row]]:
    """Opens a file for as many rows as this process lives to write.

    The caller writes the rows from `piece` and `batches` on, then calls `complete` and `take_name`. Whatever
    ends the block otherwise, a kill included, leaves what the same call needs to go on; nothing when there is
    no row yet.

    `overwrite` forgets what an earlier process left; else a new run begins with `first_piece`, its journal with
    `content`. A run that goes on in another way than it began (device, threads) says so and keeps both on record.

    Raises:
        OutputError: The file cannot be written, another process writes it, or it belongs to another run.
        StoppedError: Somebody asked this process to end.
    """
    with locked_part(names) as handle:
        found = None if overwrite else read_journal(names.journal)
        if found is None:
            _start_anew(names, handle, overwrite)
        else:
            refuse_other_run(found.identity, content.identity, names.part, names.journal)
        table = ResumableTable(names, handle, found or content, content.computed, make, stop, first_piece)
        try:
            yield table
        finally:
            table.close()
            if not table.summary.alleles:
                names.part.unlink(missing_ok=True)
                names.journal.unlink(missing_ok=True)


def _start_anew(names: Names, handle: BinaryIO, overwrite: bool) -> None:
    with explained(names.destination):
        if os.fstat(handle.fileno()).st_size and not overwrite:
            logger.warning("%s has no journal that can be read: starting anew", names.part)
        handle.truncate(0)


def _continue(names: Names, before: Computed, now: Computed) -> Computed:
    """How rows that are there and rows to come are computed; a warning where these differ."""
    if ways_of(now)[0] != ways_of(before)[0]:
        logger.warning(
            "%s was begun in one way (%s) and goes on in another (%s): the last digits of its rows may differ from "
            "those of one run",
            names.destination,
            in_words(ways_of(before)[0]),
            in_words(now),
        )
    return gone_on_with(before, now)


def _sound(names: Names, handle: BinaryIO, content: JournalContent) -> tuple[tuple[Checkpoint, ...], "hashlib._Hash"]:
    """The checkpoints that the unfinished file bears out, and the running hash at the last of them."""
    points = tuple(point for point in content.checkpoints if not point.finished)
    good, running = verify(handle, points)
    if good < len(points):
        last = points[good - 1].counts.total() if good else 0
        logger.warning(
            "%s was cut short or changed after it was written: going back from row %d to row %d",
            names.part,
            points[-1].counts.total(),
            last,
        )
    return points[:good], running
