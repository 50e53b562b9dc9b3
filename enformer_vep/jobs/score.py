"""One run of `enformer-vep score`, from file names to a finished table."""

import itertools
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import replace

from enformer_vep.errors import UsageError
from enformer_vep.files.sha256 import sha256_of
from enformer_vep.files.signals import stop_request
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import is_stream, require_destinations
from enformer_vep.genome.contigs import named_alike
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.jobs.identity import run_identity
from enformer_vep.jobs.manifest import Manifest, read_manifest
from enformer_vep.jobs.run import Progress, Run, prepare_run, write_run
from enformer_vep.jobs.shards import Shard, parse_shard
from enformer_vep.resume.journal import Checkpoint, JournalContent, differences, read_journal
from enformer_vep.resume.names import Names, was_completed
from enformer_vep.resume.resumable import open_resumable
from enformer_vep.scoring.checking import check_variants
from enformer_vep.scoring.inputs import Source, open_source
from enformer_vep.scoring.refinement import agreement_in_words
from enformer_vep.settings import ScoreRequest
from enformer_vep.tables.formats import Format, choose_format, require_joinable
from enformer_vep.tables.row import RunSummary, warn_of_classes
from enformer_vep.tables.writers import WriterFactory, choose_writer, open_table

logger = logging.getLogger(__name__)


def score_file(request: ScoreRequest, progress: Progress) -> RunSummary:
    """Read, check, score, write.

    Cheap checks come first: input, genome and options fail before weights are loaded. A run that writes a
    file and was interrupted goes on where it stopped.

    Raises:
        EnformerVepError: On bad input, options, weights or an unwritable destination; `StoppedError` when a
            signal asked for the end.
    """
    with stop_request() as stop:
        request, shard = _resolve_shard(request)
        _check_destinations(request)
        source = open_source(request)
        variants = source.variants()
        names = _names(request, source)
        run = prepare_run(request, source, shard, _journalled_batch_size(names), progress, stop)
        began = time.perf_counter()
        if request.dry_run:
            summary = _count(run, variants)
        elif names is None:
            summary = _write_stream(run, variants)
        else:
            summary = _write_file(run, names, variants)
        summary.seconds = time.perf_counter() - began
    _report(summary, request.dry_run)
    if summary.screening:
        logger.info("%s", agreement_in_words(summary.screening))
    if request.output.summary:
        write_summary(str(request.output.summary), {**run.provenance, **summary.to_dict()})
    return summary


def _resolve_shard(request: ScoreRequest) -> tuple[ScoreRequest, Shard | None]:
    if request.shard is None:
        return request, None
    shard = parse_shard(request.shard, os.environ)
    destination = request.output.destination.replace("{shard}", str(shard.number))
    if request.output.tabix:
        raise UsageError("--tabix cannot index a shard: give it to enformer-vep merge")
    require_joinable(destination, request.output.format)
    return replace(request, shard=str(shard), output=replace(request.output, destination=destination)), shard


def _names(request: ScoreRequest, source: Source) -> Names | None:
    """The files of a run that can be interrupted; None for a run that passes through once."""
    streamed = is_stream(request.output.destination) or source.is_stream
    if streamed and request.shard:
        raise UsageError("--shard needs variants in a file and -o FILE")
    return None if streamed or request.dry_run else Names.of(request.output.destination)


def _journalled_batch_size(names: Names | None) -> int | None:
    """The size that an interrupted run found automatically: another one would change its rounding."""
    found = read_journal(names.journal) if names else None
    size = found.computed.get("batch-size") if found else None
    return size if isinstance(size, int) else None


def _check_destinations(request: ScoreRequest) -> None:
    """Refuse destinations that cannot be written, or that would be written over something needed."""
    output = request.output
    choose_format(output.destination, output.format)
    inputs = (request.variants, request.genome, request.model, request.genes, request.calibration)
    require_destinations((output.destination, output.summary), (*inputs, request.regions_file, request.targets))


def _count(run: Run, variants: Iterator[Variant]) -> RunSummary:
    summary = RunSummary()
    scorer = run.scorer
    checked = check_variants(variants, run.source.reference, scorer.geometry, run.request.settings, scorer.suited)
    for one in checked:
        summary.count(one.variant, one.status, run.calibrated)
    return summary


def _write_stream(run: Run, variants: Iterator[Variant]) -> RunSummary:
    output, summary = run.request.output, RunSummary()
    make, variants = _writer(run, variants)
    with open_table(output.destination, make) as table:
        write_run(run, variants, table, summary, run.source.count(), 0)
    return summary


def _write_file(run: Run, names: Names, variants: Iterator[Variant]) -> RunSummary:
    output, size = run.request.output, run.request.compute.piece_size
    make, variants = _writer(run, variants)
    identity = run_identity(run.request, run.source.regions, run.source.reference, run.scorer)
    content = JournalContent(identity, run.computed, ())
    done = None if output.overwrite else _already_complete(run, names, content)
    if done is not None:
        return done
    pieces, total = _pieces(run)
    begin = 0 if pieces is None else pieces.start
    with open_resumable(names, content, make, run.stop, first_piece=begin, overwrite=output.overwrite) as table:
        first = table.piece * size
        if pieces is not None or first:
            variants = run.source.variants(first, None if pieces is None else pieces.stop * size)
        with run.stop.patience():
            left = None if total is None else max(total - first, 0)
            write_run(run, variants, table, table.summary, left, table.batches)
        facts, counted = table.complete(), table.summary
        if run.shard:
            # Before the file has its name: a shard that is there has its manifest.
            Manifest(names.target, run.shard, content.identity, counted.counts, facts, counted.not_calibrated).write()
        table.take_name()
        return table.summary


def _writer(run: Run, variants: Iterator[Variant]) -> tuple[WriterFactory, Iterator[Variant]]:
    """What makes the writer; looks at the first allele, to name contigs in a header as the input does."""
    output, contigs = run.request.output, run.source.genome.contigs
    if choose_format(output.destination, output.format).format in (Format.VCF, Format.BCF):
        first = list(itertools.islice(variants, 1))
        variants = itertools.chain(first, variants)
        contigs = named_alike(contigs, first[0].contig) if first else contigs
    make = choose_writer(
        output.destination, run.scorer.layout, tabix=output.tabix, wanted=output.format, contigs=contigs
    )
    return make, variants


def _pieces(run: Run) -> tuple[range | None, int | None]:
    """The pieces of a shard, None for all, and the ordinal of the record after its last, if that is known."""
    if run.shard is None:
        return None, run.source.count()
    size, records = run.request.compute.piece_size, run.source.count_exactly()
    pieces = run.shard.pieces(-(-records // size))
    return pieces, min(pieces.stop * size, records)


def _already_complete(run: Run, names: Names, content: JournalContent) -> RunSummary | None:
    """The counts of a file that an earlier process completed; None when there is work to do."""
    done: Checkpoint | Manifest | None = None
    if was_completed(names):
        found = read_journal(names.journal)
        if found and not differences(found.identity, content.identity):
            done = found.checkpoints[-1]
    elif run.shard and names.target.is_file():
        manifest = read_manifest(names.target)
        same_run = manifest and not differences(manifest.identity, content.identity)
        if manifest and same_run and manifest.facts.sha256 == sha256_of(names.target):
            done = manifest
    if done is None:
        return None
    names.journal.unlink(missing_ok=True)
    logger.info("%s is complete already: nothing to do (--overwrite scores it again)", names.destination)
    return RunSummary(done.counts, done.counts.total(), not_calibrated=done.not_calibrated)


def _report(summary: RunSummary, dry_run: bool) -> None:
    scored, alleles = summary.counts[Status.OK], summary.alleles
    reasons = [
        f"{summary.counts[status]} {status}" for status in Status if status is not Status.OK and summary.counts[status]
    ]
    logger.info(
        "%d of %d alleles %s%s%s",
        scored,
        alleles,
        "can be scored" if dry_run else "scored",
        f" (not: {', '.join(reasons)})" if reasons else "",
        "" if dry_run else f" in {summary.seconds:.1f} s, {summary.rate:.3g} per second",
    )
    warn_of_classes(summary.not_calibrated)
