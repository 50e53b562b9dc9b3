"""One run of `enformer-vep enhancers`, from file names to a finished table."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from enformer_vep import __version__
from enformer_vep.errors import UsageError
from enformer_vep.explain.elements import GenePairs, plan_pairs, read_wanted_pairs
from enformer_vep.explain.pair_scores import PairScorer, make_pair_scorer
from enformer_vep.explain.pair_table import PairRow, PairWriter, choose_table_format
from enformer_vep.files.sha256 import sha256_of
from enformer_vep.files.signals import StopRequest, stop_request
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import STANDARD_OUTPUT, is_stream, require_writable
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.identity import fingerprint
from enformer_vep.jobs.manifest import Manifest, read_manifest
from enformer_vep.jobs.shards import Shard, parse_shard
from enformer_vep.resume.journal import JournalContent, differences, read_journal
from enformer_vep.resume.names import Names, was_completed
from enformer_vep.resume.resumable import open_resumable
from enformer_vep.scoring.assembly import open_model
from enformer_vep.scoring.threads import threads_of_each, use_threads
from enformer_vep.settings.explain_enhancers import EnhancerRequest
from enformer_vep.tables.line_writer import MakeWriter
from enformer_vep.tables.row import RunSummary
from enformer_vep.tables.writers import open_table

logger = logging.getLogger(__name__)

GENES_PER_PIECE = 8
"""A piece is what shards are made of, and ends a block of a compressed table."""

Progress = Callable[[int], AbstractContextManager[Callable[[], object]]]
"""Given the number of genes, shows a bar; what it yields is called after each."""


class _Table(Protocol):
    """Where rows go."""

    def write(self, row: PairRow) -> None:
        """Takes one row."""

    def end_batch(self) -> None:
        """All rows of a gene were taken."""

    def end_piece(self) -> None:
        """All rows of a piece were taken."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything that is known before the first row."""

    request: EnhancerRequest
    groups: Sequence[GenePairs]
    scorer: PairScorer
    identity: dict[str, object]
    computed: dict[str, object]
    shard: Shard | None
    progress: Progress
    stop: StopRequest

    @property
    def pieces(self) -> range:
        """Those of the shard, or all."""
        count = -(-len(self.groups) // GENES_PER_PIECE)
        return range(count) if self.shard is None else self.shard.pieces(count)

    def groups_of(self, piece: int) -> Sequence[GenePairs]:
        """The genes of one piece."""
        return self.groups[piece * GENES_PER_PIECE : (piece + 1) * GENES_PER_PIECE]


def score_elements(request: EnhancerRequest, progress: Progress) -> RunSummary:
    """Read elements and genes, pair them, score, write.

    Cheap checks come first: elements, genome and options fail before weights are loaded. A run that writes a file and
    was interrupted goes on where it stopped.

    Raises:
        EnformerVepError: On bad input, options, weights or an unwritable destination; `StoppedError` when a signal
            asked for the end.
    """
    with stop_request() as stop:
        request, shard = _resolve_shard(request)
        _check_destinations(request)
        wanted = read_wanted_pairs(request.elements)
        genome, settings = Genome(request.genome), request.settings
        genes = read_genes(
            request.genes, genome.resolve, types=settings.genes.types, transcripts=settings.genes.transcripts
        )
        threads = use_threads(request.compute.threads)
        model = open_model(request.model, settings.score, request.compute)
        scorer = make_pair_scorer(model, genome, settings, request.compute, request.targets)
        groups = plan_pairs(wanted, genome, genes, scorer.reach)
        began = time.perf_counter()
        if request.dry_run:
            summary = _count(groups)
        else:
            logger.info("computing with %s", threads.describe())
            run = _Run(
                request, groups, scorer, _identity(request, genome, genes, scorer), _computed(scorer), shard,
                progress, stop,
            )  # fmt: skip
            summary = _write(run)
        summary.seconds = time.perf_counter() - began
    _report(summary, groups, request.dry_run)
    if request.output.summary:
        write_summary(str(request.output.summary), {**_provenance(request, scorer), **_account(summary)})
    return summary


def _resolve_shard(request: EnhancerRequest) -> tuple[EnhancerRequest, Shard | None]:
    choose_table_format(request.output.destination, request.output.format)
    if request.shard is None:
        return request, None
    shard = parse_shard(request.shard, os.environ)
    destination = request.output.destination.replace("{shard}", str(shard.number))
    if is_stream(destination):
        raise UsageError("--shard needs -o FILE")
    return replace(request, shard=str(shard), output=replace(request.output, destination=destination)), shard


def _check_destinations(request: EnhancerRequest) -> None:
    output = request.output
    destinations = [output.destination, *([str(output.summary)] if output.summary else [])]
    inputs = {Path(name).resolve() for name in (request.elements, request.genome, request.model, request.genes)}
    for destination in destinations:
        require_writable(destination)
        if destination != STANDARD_OUTPUT and Path(destination).resolve() in inputs:
            raise UsageError(f"{destination} is an input of this run: choose another name for the output")
    if len(set(destinations)) < len(destinations):
        raise UsageError(f"-o and --summary both write to {output.destination}: choose two names")


def _count(groups: Sequence[GenePairs]) -> RunSummary:
    summary = RunSummary()
    for group in groups:
        summary.counts.update(pair.status for pair in group.pairs)
    return summary


def _write(run: _Run) -> RunSummary:
    output = run.request.output
    choice = choose_table_format(output.destination, output.format)
    make = partial(PairWriter, columns=run.scorer.columns, compressed=choice.compressed)
    return _write_stream(run, make) if is_stream(output.destination) else _write_file(run, make)


def _write_stream(run: _Run, make: MakeWriter[PairRow]) -> RunSummary:
    summary = RunSummary()
    with open_table(run.request.output.destination, make) as table:
        _fill(run, table, summary, 0, 0)
    return summary


def _write_file(run: _Run, make: MakeWriter[PairRow]) -> RunSummary:
    output = run.request.output
    names = Names.of(output.destination)
    content = JournalContent(run.identity, run.computed, ())
    done = None if output.overwrite else _already_complete(run, names)
    if done is not None:
        return done
    first = run.pieces.start
    with open_resumable(names, content, make, run.stop, first_piece=first, overwrite=output.overwrite) as table:
        with run.stop.patience():
            _fill(run, table, table.summary, table.piece, table.batches)
        facts = table.complete()
        if run.shard:
            # Before the file has its name: a shard that is there has its manifest.
            Manifest(names.target, run.shard, run.identity, table.summary.counts, facts).write()
        table.take_name()
        return table.summary


def _fill(run: _Run, table: _Table, summary: RunSummary, first_piece: int, skipped: int) -> None:
    """Write the rows of a run from a piece on, less those of its first genes."""
    pieces = range(max(first_piece, run.pieces.start), run.pieces.stop)
    with run.progress(sum(len(run.groups_of(piece)) for piece in pieces)) as advance:
        for piece in pieces:
            for number, group in enumerate(run.groups_of(piece)):
                if piece == first_piece and number < skipped:
                    continue
                for row in run.scorer.rows(group):
                    table.write(row)
                    summary.counts[row.pair.status] += 1
                table.end_batch()
                advance()
            table.end_piece()


def _already_complete(run: _Run, names: Names) -> RunSummary | None:
    """The counts of a file that an earlier process completed; None when there is work to do."""
    counts = None
    if was_completed(names):
        found = read_journal(names.journal)
        if found and not differences(found.identity, run.identity):
            counts = found.checkpoints[-1].counts
    elif run.shard and names.target.is_file():
        manifest = read_manifest(names.target)
        same_run = manifest and not differences(manifest.identity, run.identity)
        if manifest and same_run and manifest.facts.sha256 == sha256_of(names.target):
            counts = manifest.counts
    if counts is None:
        return None
    names.journal.unlink(missing_ok=True)
    logger.info("%s is complete already: nothing to do (--overwrite scores it again)", names.destination)
    return RunSummary(counts, counts.total())


def _identity(request: EnhancerRequest, genome: Genome, genes: GeneIndex, scorer: PairScorer) -> dict[str, object]:
    """Everything that fixes the bytes of the table, see `enformer_vep.jobs.identity`."""
    return {
        "version": __version__,
        "input": fingerprint(request.elements),
        "genome": _digest(f"{name}\t{length}" for name, length in genome.contigs.items()),
        "genes": genes.fingerprint,
        "model": scorer.scorer.sha256,
        "window": scorer.window,
        **scorer.settings.describe(),
        "columns": _digest((*scorer.columns, *map(":".join, scorer.scorer.layout.notes))),
        "shard": request.shard or "none",
        "format": str(choose_table_format(request.output.destination, request.output.format)),
    }


def _digest(lines: Iterator[str] | Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _computed(scorer: PairScorer) -> dict[str, object]:
    """What changes last digits beside what makes a run this one."""
    on_cpu = scorer.device.type == "cpu"
    threads = {"threads": threads_of_each(0)} if on_cpu else {}
    return {"batch-size": 1, "device": scorer.scorer.predictor.device_name, **threads}


def _provenance(request: EnhancerRequest, scorer: PairScorer) -> dict[str, object]:
    model = {"name": scorer.scorer.model, "sha256": scorer.scorer.sha256, "window": scorer.window}
    return {
        "version": __version__,
        "genome": str(request.genome),
        "genes": str(request.genes),
        "elements": str(request.elements),
        "model": model,
        "settings": {**scorer.settings.describe(), "tracks": len(scorer.scorer.tracks)},
        "columns": list(scorer.columns),
        "device": scorer.scorer.predictor.device_name,
    }


def _account(summary: RunSummary) -> dict[str, object]:
    by_status = {status.value: summary.counts[status] for status in Status if summary.counts[status]}
    return {
        "pairs": summary.counts.total(),
        "scored": summary.counts[Status.OK],
        "by_status": by_status,
        "seconds": round(summary.seconds, 3),
    }


def _report(summary: RunSummary, groups: Sequence[GenePairs], dry_run: bool) -> None:
    counts = summary.counts
    reasons = [f"{counts[one]} {one}" for one in Status if one is not Status.OK and counts[one]]
    genes = sum(any(pair.status is Status.OK for pair in group.pairs) for group in groups)
    logger.info(
        "%d of %d pairs %s%s%s",
        counts[Status.OK],
        counts.total(),
        "can be scored" if dry_run else "scored",
        f" (not: {', '.join(reasons)})" if reasons else "",
        f", in windows of {genes} genes" if dry_run else f" in {summary.seconds:.1f} s",
    )
