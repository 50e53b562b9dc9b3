"""A table whose rows come in units other than variants: windows, genes. Resumed, sharded and completed like scores."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from enformer_vep.files.sha256 import sha256_of
from enformer_vep.files.signals import StopRequest
from enformer_vep.files.writing import is_stream
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.manifest import Manifest, read_manifest
from enformer_vep.jobs.shards import Shard
from enformer_vep.resume.journal import JournalContent, differences, read_journal
from enformer_vep.resume.names import Names, was_completed
from enformer_vep.resume.resumable import open_resumable
from enformer_vep.settings import OutputSettings
from enformer_vep.tables.line_writer import MakeWriter, Row
from enformer_vep.tables.row import RunSummary
from enformer_vep.tables.writers import open_table

logger = logging.getLogger(__name__)

UNITS_PER_PIECE = 8
"""A piece is what shards are made of, and ends a block of a compressed table."""

Progress = Callable[[int], AbstractContextManager[Callable[[], object]]]
"""Given the number of units, shows a bar; what it yields is called after each."""


Unit = TypeVar("Unit")


def own_status(unit: Any) -> tuple[Status]:
    """Of a unit that has a `status`."""
    return (unit.status,)


class _Table(Protocol[Row]):  # type: ignore[misc]
    def write(self, row: Row) -> None: ...
    def end_batch(self) -> None: ...
    def end_piece(self) -> None: ...


@dataclass(frozen=True, slots=True)
class UnitTable(Generic[Unit, Row]):
    """What a table is made of.

    Attributes:
        units: All of them, those of other shards included.
        rows: Makes the rows of one.
        make: Makes the writer.
        identity: Everything that fixes the table's bytes (see `enformer_vep.jobs.identity`).
        computed: What changes last digits beside it.
        shard: Which block of the units; None for all.
        progress: Shows how far it is.
        stop: Says whether somebody asked this process to end.
        statuses: What is counted of a unit.
    """

    units: Sequence[Unit]
    rows: Callable[[Unit], Iterable[Row]]
    make: MakeWriter[Row]
    identity: Mapping[str, object]
    computed: Mapping[str, object]
    shard: Shard | None
    progress: Progress
    stop: StopRequest
    statuses: Callable[[Unit], Iterable[Status]] = own_status

    def write(self, output: OutputSettings, *, resumable: bool = True) -> RunSummary:
        """Write the table, from where an earlier process stopped unless it is a stream or not `resumable`.

        Returns:
            What was counted, by status.

        Raises:
            OutputError: The table cannot be written.
            StoppedError: Somebody asked this process to end; everything so far is kept, where it is resumable.
        """
        if is_stream(output.destination) or not resumable:
            summary = RunSummary()
            with open_table(output.destination, self.make) as table:
                self._fill(table, summary, 0, 0)
            return summary
        return self._write_file(output)

    @property
    def pieces(self) -> range:
        """Those of the shard, or all."""
        count = -(-len(self.units) // UNITS_PER_PIECE)
        return range(count) if self.shard is None else self.shard.pieces(count)

    def units_of(self, piece: int) -> Sequence[Unit]:
        """The units of one piece."""
        return self.units[piece * UNITS_PER_PIECE : (piece + 1) * UNITS_PER_PIECE]

    def _write_file(self, output: OutputSettings) -> RunSummary:
        names = Names.of(output.destination)
        content = JournalContent(self.identity, self.computed, ())
        done = None if output.overwrite else self._already_complete(names)
        if done is not None:
            return done
        first = self.pieces.start
        opened = open_resumable(names, content, self.make, self.stop, first_piece=first, overwrite=output.overwrite)
        with opened as table:
            with self.stop.patience():
                self._fill(table, table.summary, table.piece, table.batches)
            facts = table.complete()
            if self.shard:
                # Before the file has its name: a shard that is there has its manifest.
                Manifest(names.target, self.shard, self.identity, table.summary.counts, facts).write()
            table.take_name()
            return table.summary

    def _fill(self, table: _Table[Row], summary: RunSummary, first_piece: int, skipped: int) -> None:
        """Write the rows of all pieces from one on, less those of its first units."""
        pieces = range(max(first_piece, self.pieces.start), self.pieces.stop)
        with self.progress(sum(len(self.units_of(piece)) for piece in pieces)) as advance:
            for piece in pieces:
                for unit in self.units_of(piece)[skipped if piece == first_piece else 0 :]:
                    for row in self.rows(unit):
                        table.write(row)
                    summary.counts.update(self.statuses(unit))
                    table.end_batch()
                    advance()
                table.end_piece()

    def _already_complete(self, names: Names) -> RunSummary | None:
        """The counts of a file that an earlier process completed; None when there is work to do."""
        counts = None
        if was_completed(names):
            found = read_journal(names.journal)
            if found and not differences(found.identity, self.identity):
                counts = found.checkpoints[-1].counts
        elif self.shard and names.target.is_file():
            manifest = read_manifest(names.target)
            same_run = manifest and not differences(manifest.identity, self.identity)
            if manifest and same_run and manifest.facts.sha256 == sha256_of(names.target):
                counts = manifest.counts
        if counts is None:
            return None
        names.journal.unlink(missing_ok=True)
        logger.info("%s is complete already: nothing to do (--overwrite computes it again)", names.destination)
        return RunSummary(counts, counts.total())
