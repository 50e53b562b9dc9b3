"""One run of `enformer-vep enhancers`, from file names to a finished table."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from enformer_vep import __version__
from enformer_vep.explain.element_files import read_wanted_pairs
from enformer_vep.explain.elements import GenePairs, plan_pairs
from enformer_vep.explain.pair_scores import PairScorer, make_pair_scorer
from enformer_vep.explain.pair_table import PairWriter, choose_table_format
from enformer_vep.explain.window_run import computed_on
from enformer_vep.files.signals import stop_request
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import require_destinations
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.identity import digest, fingerprint, genome_digest
from enformer_vep.jobs.shards import Shard, take_shard
from enformer_vep.jobs.unit_tables import Progress, UnitTable
from enformer_vep.scoring.assembly import open_model
from enformer_vep.scoring.threads import use_threads
from enformer_vep.settings.explain_enhancers import EnhancerRequest
from enformer_vep.tables.row import RunSummary

logger = logging.getLogger(__name__)


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
            summary = RunSummary(Counter(status for group in groups for status in group.statuses))
        else:
            logger.info("computing with %s", threads.describe())
            choice = choose_table_format(request.output.destination, request.output.format)
            table = UnitTable(
                units=groups,
                rows=scorer.rows,
                make=partial(PairWriter, columns=scorer.columns, compressed=choice.compressed),
                identity=_identity(request, genome, genes, scorer),
                computed=computed_on(scorer.device, scorer.scorer.predictor.device_name),
                shard=shard,
                progress=progress,
                stop=stop,
                statuses=lambda group: group.statuses,
            )
            summary = table.write(request.output)
        summary.seconds = time.perf_counter() - began
    _report(summary, groups, request.dry_run)
    if request.output.summary:
        write_summary(str(request.output.summary), {**_provenance(request, scorer), **_account(summary)})
    return summary


def _resolve_shard(request: EnhancerRequest) -> tuple[EnhancerRequest, Shard | None]:
    choose_table_format(request.output.destination, request.output.format)
    if request.shard is None:
        return request, None
    shard, output = take_shard(request.shard, request.output)
    return replace(request, shard=str(shard), output=output), shard


def _check_destinations(request: EnhancerRequest) -> None:
    inputs = (request.elements, request.genome, request.model, request.genes, request.targets)
    require_destinations((request.output.destination, request.output.summary), inputs)


def _identity(request: EnhancerRequest, genome: Genome, genes: GeneIndex, scorer: PairScorer) -> dict[str, object]:
    """Everything that fixes the bytes of the table, see `enformer_vep.jobs.identity`."""
    return {
        "version": __version__,
        "input": fingerprint(request.elements),
        "genome": genome_digest(genome),
        "genes": genes.fingerprint,
        "model": scorer.scorer.sha256,
        "window": scorer.window,
        "predicted": f"{scorer.scorer.geometry.bins} bins from {scorer.scorer.geometry.first}",
        **scorer.settings.describe(),
        "columns": digest((*scorer.columns, *map(":".join, scorer.scorer.layout.notes))),
        "shard": request.shard or "none",
        "format": str(choose_table_format(request.output.destination, request.output.format)),
    }


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
