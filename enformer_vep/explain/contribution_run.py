"""One run of `enformer-vep contributions`, from file names to finished files."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import torch

from enformer_vep import __version__
from enformer_vep.errors import UsageError
from enformer_vep.explain.attention_windows import (
    MapWindow,
    Planner,
    centres_of_genes,
    centres_of_regions,
    centres_of_variants,
    choose_genes,
    middle_of,
)
from enformer_vep.explain.contribution_outputs import (
    ContributionRow,
    ContributionWriter,
    Layout,
    Take,
    check_outputs,
    opened_outputs,
    rows_of,
)
from enformer_vep.explain.contributor import Contributor, open_contributor
from enformer_vep.files.signals import StopRequest, stop_request
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import require_destinations
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.regions import parse_region, read_regions_file
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from enformer_vep.jobs.shards import Shard, take_shard
from enformer_vep.jobs.unit_tables import Progress, UnitTable
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.threads import threads_of_each, use_threads
from enformer_vep.settings import GeneSettings
from enformer_vep.settings.contribution_settings import ContributionRequest
from enformer_vep.settings.explain_attention import CENTER, TSS
from enformer_vep.tables.formats import Format, FormatChoice, choose_format
from enformer_vep.tables.row import RunSummary

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queries:
    """Which bins are explained, as `Planner` takes it."""

    queries: tuple[str, ...] | None
    center_bins: int
    genes: GeneSettings | None
    window_grid: bool = False


def explain_windows(request: ContributionRequest, progress: Progress) -> RunSummary:
    """Read windows, explain predictions in them, write.

    Cheap checks come first. A run that writes nothing but a table to a file and was interrupted goes on where it
    stopped.

    Raises:
        EnformerVepError: On bad input, options, weights or an unwritable destination; `StoppedError` when a signal
            asked for the end.
    """
    with stop_request() as stop:
        request, shard = _resolve_shard(request)
        _check_request(request)
        genome = Genome(request.genome)
        genes, chosen, centres = _read_input(request, genome)
        threads = use_threads(request.compute.threads)
        settings = request.settings
        model = load_model(request.model, organisms=(settings.organism,), window=request.compute.window)
        contributor = open_contributor(model, settings, request.compute, request.targets)
        in_use = contributor.plan.in_use
        _check_width(settings.width, in_use.window)
        usual = (CENTER,) if settings.genes is None else (TSS,)
        # Twice as many as there are: all of them, wherever the position lies.
        queries = Queries(settings.queries or usual, settings.centre_bins or 2 * in_use.bins, settings.genes)
        windows = Planner(genome, chosen, in_use, queries).plan(centres)
        check_outputs(request.outputs, windows, contributor.tracks.labels)
        began = time.perf_counter()
        if request.dry_run:
            summary = RunSummary(Counter(window.status for window in windows))
        else:
            logger.info("computing with %s", threads.describe())
            summary = _Run(request, genome, genes, model, contributor, windows, shard, progress, stop).write()
        summary.seconds = time.perf_counter() - began
    _report(summary, request.dry_run)
    if request.output.summary:
        counts = {status.value: summary.counts[status] for status in Status if summary.counts[status]}
        notes = _notes(request, model, contributor)
        write_summary(str(request.output.summary), {**notes, "windows": counts, "seconds": round(summary.seconds, 3)})
    return summary


def _resolve_shard(request: ContributionRequest) -> tuple[ContributionRequest, Shard | None]:
    if request.shard is None:
        return request, None
    if request.outputs.are_any or not request.table:
        raise UsageError("--shard is for the table alone: leave out .npz, .bw and --figure")
    shard, output = take_shard(request.shard, request.output)
    return replace(request, shard=str(shard), output=output), shard


def _check_request(request: ContributionRequest) -> None:
    outputs, output = request.outputs, request.output
    for word in request.settings.queries or ():
        if word not in (CENTER, TSS):
            middle_of(parse_region(word))
    if not (request.variants or request.regions or request.regions_file or request.genes):
        raise UsageError("nothing says where windows are: give VARIANTS, --region, --regions-file or --genes")
    if request.table:
        _choose_format(output.destination)
    inputs = (request.variants, request.genome, request.model, request.genes, request.regions_file, request.targets)
    table = output.destination if request.table else None
    require_destinations((table, output.summary, outputs.npz, outputs.bigwig, outputs.figure), inputs)


def _check_width(width: int, window: int) -> None:
    if window % width:
        raise UsageError(f"--width {width}: the window of {window} bp does not divide into such stretches; try 128")


def _choose_format(destination: str) -> FormatChoice:
    choice = choose_format(destination)
    if choice.format is not Format.TSV:
        raise UsageError(f"{destination}: contributions are written as .tsv, .tsv.gz, .bw or .npz; name it so")
    return choice


def _read_input(
    request: ContributionRequest, genome: Genome
) -> tuple[GeneIndex | None, GeneIndex | None, list[MapWindow]]:
    """All genes, those that are asked for, and what windows are centred on."""
    regions = tuple(map(parse_region, request.regions))
    regions += read_regions_file(request.regions_file) if request.regions_file else ()
    variants = read_variants(request.variants, (), genome.contigs) if request.variants else ()
    centres = [*centres_of_variants(variants, genome), *centres_of_regions(regions, genome)]
    settings = request.settings.genes
    if request.genes is None or settings is None:
        return None, None, centres
    genes = read_genes(request.genes, genome.resolve, types=settings.types, transcripts=settings.transcripts)
    if request.on_genes:
        return genes, genes, list(centres_of_genes(genes, request.settings.only_genes))
    chosen, absent = choose_genes(genes, request.settings.only_genes)
    if absent:
        logger.warning("annotation %s has no gene %s: no rows of it", request.genes, ", ".join(absent))
    return genes, GeneIndex(chosen), centres


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything that is known before the first window is explained."""

    request: ContributionRequest
    genome: Genome
    genes: GeneIndex | None
    model: LoadedModel
    contributor: Contributor
    windows: Sequence[MapWindow]
    shard: Shard | None
    progress: Progress
    stop: StopRequest

    def write(self) -> RunSummary:
        request, layout = self.request, self._layout
        explained = [window for window in self.windows if window.status is Status.OK]
        with ExitStack() as stack:
            takers = stack.enter_context(opened_outputs(request.outputs, explained, layout, self.genes))
            if not request.table:
                return self._write_others(takers)
            choice = _choose_format(request.output.destination)
            table = UnitTable(
                units=self.windows,
                rows=partial(self._rows, takers=takers),
                make=partial(ContributionWriter, layout=layout, compressed=choice.compressed),
                identity=self._identity(choice),
                computed=self._computed,
                shard=self.shard,
                progress=self.progress,
                stop=self.stop,
            )
            return table.write(request.output, resumable=not takers)

    def _write_others(self, takers: Sequence[Take]) -> RunSummary:
        summary = RunSummary()
        with self.progress(len(self.windows)) as advance:
            for window in self.windows:
                for _ in self._rows(window, takers):
                    pass
                summary.counts[window.status] += 1
                advance()
        return summary

    def _rows(self, window: MapWindow, takers: Sequence[Take]) -> Iterator[ContributionRow]:
        if window.status is not Status.OK:
            yield ContributionRow(window)
            return
        before, behind = self.contributor.flanks
        length = self.contributor.plan.in_use.window
        stretch = encode(self.genome.fetch(window.contig, window.start - before, window.start + length + behind))
        targets = self.contributor.targets([query.bins for query in window.queries])
        explained = self.contributor.explain(torch.from_numpy(stretch), targets)
        for take in takers:
            take(window, stretch[before : before + length], explained)
        yield from rows_of(window, explained, self._layout)

    @property
    def _layout(self) -> Layout:
        settings, contributor = self.request.settings, self.contributor
        notes = _notes(self.request, self.model, contributor)
        lengths, in_use = self.genome.contigs, contributor.plan.in_use
        return Layout(contributor.tracks.labels, settings.recipe, settings.width, in_use, lengths, notes)

    def _identity(self, choice: FormatChoice) -> dict[str, object]:
        """Everything that fixes the bytes of the table, see `enformer_vep.jobs.identity`."""
        planned = (
            f"{one.name}\t{one.contig}\t{one.position}\t{one.status}\t{one.start}\t{one.queries}"
            for one in self.windows
        )
        tracks = self.contributor.tracks
        return {
            "version": __version__,
            "windows": _digest(planned),
            "genome": _digest(f"{name}\t{length}" for name, length in self.genome.contigs.items()),
            "model": self.model.sha256,
            "window": self.contributor.plan.in_use.window,
            "tracks": _digest([*tracks.labels, str(tracks.weights.nonzero().tolist())]),
            **self.request.settings.describe(),
            "shard": self.request.shard or "none",
            "format": str(choice),
        }

    @property
    def _computed(self) -> dict[str, object]:
        """What changes last digits beside what makes a run this one."""
        threads = {"threads": threads_of_each(0)} if self.contributor.device.type == "cpu" else {}
        return {"batch-size": 1, "device": self.contributor.device_name, **threads}


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _notes(request: ContributionRequest, model: LoadedModel, contributor: Contributor) -> dict[str, object]:
    return {
        "version": __version__,
        "genome": request.genome.name,
        "model": {"name": model.name, "sha256": model.sha256, "window": contributor.plan.in_use.window},
        "settings": request.settings.describe(),
        "tracks": list(contributor.tracks.labels),
        "device": contributor.device_name,
    }


def _report(summary: RunSummary, dry_run: bool) -> None:
    counts = summary.counts
    reasons = [f"{counts[one]} {one}" for one in Status if one is not Status.OK and counts[one]]
    logger.info(
        "%d of %d windows %s%s%s",
        counts[Status.OK],
        counts.total(),
        "can be explained" if dry_run else "explained",
        f" (not: {', '.join(reasons)})" if reasons else "",
        "" if dry_run else f" in {summary.seconds:.1f} s",
    )
