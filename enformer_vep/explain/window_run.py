"""What runs over windows have in common, whatever is explained in them: input, checks, identity, report."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from enformer_vep import __version__
from enformer_vep.errors import UsageError
from enformer_vep.explain.window_plan import (
    MapWindow,
    centres_of_genes,
    centres_of_regions,
    centres_of_variants,
    choose_genes,
    middle_of,
)
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.regions import parse_region, read_regions_file
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from enformer_vep.jobs.identity import digest, genome_digest
from enformer_vep.jobs.shards import Shard, take_shard
from enformer_vep.jobs.unit_tables import Progress
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.scoring.threads import threads_of_each
from enformer_vep.settings.explain_attention import CENTER, TSS
from enformer_vep.settings.window_request import WindowRequest, WindowSettings
from enformer_vep.tables.formats import Format, FormatChoice, choose_format
from enformer_vep.tables.row import RunSummary

logger = logging.getLogger(__name__)

Request = TypeVar("Request", bound=WindowRequest)


def take_block(request: Request, others: str, are_wanted: bool) -> tuple[Request, Shard | None]:
    """What `--shard` asks for, and the request with the shard's number in its output's name.

    Args:
        request: As it was given.
        others: Options of files that cannot be sharded.
        are_wanted: Whether any of them is given.

    Raises:
        UsageError: There is no file to write, or one of the others is wanted.
    """
    if request.shard is None:
        return request, None
    if are_wanted or not request.table:
        raise UsageError(f"--shard is for the table alone: leave out {others}")
    shard, output = take_shard(request.shard, request.output)
    return replace(request, shard=str(shard), output=output), shard


def check_places(request: WindowRequest, settings: WindowSettings) -> None:
    """Raise UsageError where nothing says where windows are, InputError where a query is no position."""
    for word in settings.queries or ():
        if word not in (CENTER, TSS):
            middle_of(parse_region(word))
    if not (request.variants or request.regions or request.regions_file or request.genes):
        raise UsageError("nothing says where windows are: give VARIANTS, --region, --regions-file or --genes")


def choose_tsv(destination: str, what: str) -> FormatChoice:
    """The table's format; UsageError, with `what` is written and how, where the name asks for another than TSV."""
    choice = choose_format(destination)
    if choice.format is not Format.TSV:
        raise UsageError(f"{destination}: {what}; name it so")
    return choice


def read_places(
    request: WindowRequest, settings: WindowSettings, genome: Genome
) -> tuple[GeneIndex | None, GeneIndex | None, list[MapWindow]]:
    """Read where windows lie.

    Returns:
        All genes, those that are asked for, and what windows are centred on.

    Raises:
        InputError: A file cannot be read, or is not what it should be.
    """
    regions = tuple(map(parse_region, request.regions))
    regions += read_regions_file(request.regions_file) if request.regions_file else ()
    variants = read_variants(request.variants, (), genome.contigs) if request.variants else ()
    centres = [*centres_of_variants(variants, genome), *centres_of_regions(regions, genome)]
    if request.genes is None or settings.genes is None:
        return None, None, centres
    of_genes = settings.genes
    genes = read_genes(request.genes, genome.resolve, types=of_genes.types, transcripts=of_genes.transcripts)
    if request.on_genes:
        return genes, genes, list(centres_of_genes(genes, settings.only_genes))
    chosen, absent = choose_genes(genes, settings.only_genes)
    if absent:
        logger.warning("annotation %s has no gene %s: no rows of it", request.genes, ", ".join(absent))
    return genes, GeneIndex(chosen), centres


def visit(
    windows: Sequence[MapWindow], rows: Callable[[MapWindow], Iterable[object]], progress: Progress
) -> RunSummary:
    """Go through windows for the sake of other files than the table; counts them by status."""
    summary = RunSummary()
    with progress(len(windows)) as advance:
        for window in windows:
            for _ in rows(window):
                pass
            summary.counts[window.status] += 1
            advance()
    return summary


def window_identity(
    windows: Sequence[MapWindow], genome: Genome, model: LoadedModel, in_use: Geometry
) -> dict[str, object]:
    """What fixes the bytes of a table of windows, beside its settings (see `enformer_vep.jobs.identity`)."""
    planned = (f"{one.name}\t{one.contig}\t{one.position}\t{one.status}\t{one.start}\t{one.queries}" for one in windows)
    return {
        "version": __version__,
        "windows": digest(planned),
        "genome": genome_digest(genome),
        "model": model.sha256,
        "window": in_use.window,
        # Models of the same weights may be cropped differently.
        "predicted": f"{in_use.bins} bins from {in_use.first}",
    }


def computed_on(device: torch.device, name: str) -> dict[str, object]:
    """What changes last digits beside what makes a run this one."""
    threads = {"threads": threads_of_each(0)} if device.type == "cpu" else {}
    return {"batch-size": 1, "device": name, **threads}


def count_windows(summary: RunSummary) -> dict[str, object]:
    """Windows by status, and seconds, for `--summary`."""
    counts = {status.value: summary.counts[status] for status in Status if summary.counts[status]}
    return {"windows": counts, "seconds": round(summary.seconds, 3)}


def report(summary: RunSummary, done: str, dry_run: bool) -> None:
    """Say in the log how many windows were `done` ("mapped"), or can be, and why others were not."""
    counts = summary.counts
    reasons = [f"{counts[one]} {one}" for one in Status if one is not Status.OK and counts[one]]
    logger.info(
        "%d of %d windows %s%s%s",
        counts[Status.OK],
        counts.total(),
        f"can be {done}" if dry_run else done,
        f" (not: {', '.join(reasons)})" if reasons else "",
        "" if dry_run else f" in {summary.seconds:.1f} s",
    )
