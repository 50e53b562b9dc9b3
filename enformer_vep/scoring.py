"""One run of `enformer-vep score`, from file names to a finished table."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from enformer_vep import __version__
from enformer_vep.api import open_model, track_table
from enformer_vep.effects.devices import resolve_device
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region, parse_region, read_regions_file
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.vcf import count_records, read_variants
from enformer_vep.output.base import open_writer
from enformer_vep.output.summary import write_summary
from enformer_vep.pipeline import RunSummary, check_variants, describe_run, make_scorer, run, score_variants
from enformer_vep.results import ScoredVariant
from enformer_vep.settings import ScoreRequest

logger = logging.getLogger(__name__)

Progress = Callable[[int | None], AbstractContextManager[Callable[[ScoredVariant], None]]]
"""Given the number of records (None when unknown), shows a bar; what it yields is called with every row."""


def score_file(request: ScoreRequest, progress: Progress) -> RunSummary:
    """Read, check, score, write.

    Cheap checks come first: input, genome and options fail before weights are loaded.

    Args:
        request: The whole run.
        progress: Shows how far it is.

    Returns:
        Counts and speed.

    Raises:
        EnformerVepError: On bad input, options, weights or an unwritable destination.
    """
    regions = _regions(request)
    genome = Genome(request.genome)
    variants = read_variants(request.variants, regions, genome.contigs)
    device = resolve_device(request.compute.device)
    model = open_model(request.model, request.settings, request.compute)
    table = track_table(model, request.settings.organism, request.targets)
    scorer = make_scorer(model, table, request.settings, request.compute, device)
    provenance = {"version": __version__, "genome": str(request.genome), **describe_run(model, scorer)}
    logger.debug("%s", provenance)
    checked = check_variants(variants, genome, scorer.window, request.settings.strict)
    total = count_records(request.variants, regions)
    if request.dry_run:
        summary = _count(checked)
    else:
        with (
            open_writer(request.output.destination, scorer.columns, tabix=request.output.tabix) as writer,
            progress(total) as advance,
        ):
            summary = run(score_variants(checked, genome, scorer), writer, advance)
    _report(summary, request.dry_run)
    if request.output.summary:
        write_summary(str(request.output.summary), {**provenance, **summary.to_dict()})
    return summary


def _regions(request: ScoreRequest) -> tuple[Region, ...]:
    given = tuple(parse_region(text) for text in request.regions)
    return given + (tuple(read_regions_file(request.regions_file)) if request.regions_file else ())


def _count(checked: Iterator[tuple[Variant, Status]]) -> RunSummary:
    summary = RunSummary()
    summary.counts.update(status for _, status in checked)
    return summary


def _report(summary: RunSummary, dry_run: bool) -> None:
    scored, alleles = summary.counts[Status.OK], summary.alleles
    reasons = [
        f"{summary.counts[status]} {status}"
        for status in Status
        if status is not Status.OK and summary.counts[status]
    ]
    logger.info(
        "%d of %d alleles %s%s%s",
        scored,
        alleles,
        "can be scored" if dry_run else "scored",
        f" (not: {', '.join(reasons)})" if reasons else "",
        "" if dry_run else f" in {summary.seconds:.1f} s, {summary.rate:.3g} per second",
    )
