"""One run of `enformer-vep attention`, from file names to finished files."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from enformer_vep import __version__
from enformer_vep.effects.devices import resolve_device
from enformer_vep.errors import UsageError
from enformer_vep.explain.attention_mapper import AttentionMapper, make_mapper
from enformer_vep.explain.attention_outputs import (
    AttentionRow,
    AttentionWriter,
    Maps,
    Take,
    check_outputs,
    opened_outputs,
    rows_of,
)
from enformer_vep.explain.attention_windows import (
    MapWindow,
    Planner,
    centres_of_genes,
    centres_of_regions,
    centres_of_variants,
    choose_genes,
    middle_of,
)
from enformer_vep.files.signals import StopRequest, stop_request
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import require_destinations
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex, read_genes
from enformer_vep.genome.regions import parse_region, read_regions_file
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from enformer_vep.jobs.shards import Shard, take_shard
from enformer_vep.jobs.unit_tables import Progress, UnitTable
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.threads import threads_of_each, use_threads
from enformer_vep.settings.explain_attention import CENTER, TSS, AttentionRequest
from enformer_vep.tables.formats import Format, FormatChoice, choose_format
from enformer_vep.tables.row import RunSummary

logger = logging.getLogger(__name__)


def map_attention(request: AttentionRequest, progress: Progress) -> RunSummary:
    """Read windows, map them, write.

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
        genes, centres = _read_input(request, genome)
        threads = use_threads(request.compute.threads)
        model = load_model(request.model, organisms=(), window=request.compute.window)
        mapper = make_mapper(model, request.settings, resolve_device(request.compute.device))
        windows = Planner(genome, genes, mapper.plan.in_use, request.settings).plan(centres)
        check_outputs(request.outputs, windows)
        began = time.perf_counter()
        if request.dry_run:
            summary = RunSummary(Counter(window.status for window in windows))
        else:
            logger.info("computing with %s", threads.describe())
            summary = _Run(request, genome, model, mapper, windows, shard, progress, stop).write()
        summary.seconds = time.perf_counter() - began
    _report(summary, request.dry_run)
    if request.output.summary:
        counts = {status.value: summary.counts[status] for status in Status if summary.counts[status]}
        notes = _notes(request, model, mapper)
        seconds = round(summary.seconds, 3)
        write_summary(str(request.output.summary), {**notes, "windows": counts, "seconds": seconds})
    return summary


def _resolve_shard(request: AttentionRequest) -> tuple[AttentionRequest, Shard | None]:
    if request.shard is None:
        return request, None
    if request.outputs.are_any or not request.table:
        raise UsageError("--shard is for the table alone: leave out --npz, --cool, --bigwig and --figure")
    shard, output = take_shard(request.shard, request.output)
    return replace(request, shard=str(shard), output=output), shard


def _check_request(request: AttentionRequest) -> None:
    outputs, output = request.outputs, request.output
    for word in request.settings.queries or ():
        if word not in (CENTER, TSS):
            middle_of(parse_region(word))
    if not (request.variants or request.regions or request.regions_file or request.genes):
        raise UsageError("nothing says where windows are: give VARIANTS, --region, --regions-file or --genes")
    if outputs.cool and not request.settings.window_grid:
        raise UsageError(f"{outputs.cool} has bins at multiples of their width: add --window-grid")
    if request.table:
        _choose_format(output.destination)
    inputs = (request.variants, request.genome, request.model, request.genes, request.regions_file)
    table = output.destination if request.table else None
    require_destinations((table, output.summary, outputs.npz, outputs.cool, outputs.bigwig, outputs.figure), inputs)


def _choose_format(destination: str) -> FormatChoice:
    choice = choose_format(destination)
    if choice.format is not Format.TSV:
        raise UsageError(f"{destination}: rows of attention maps are written as .tsv or .tsv.gz; name it so")
    return choice


def _read_input(request: AttentionRequest, genome: Genome) -> tuple[GeneIndex | None, list[MapWindow]]:
    """The genes whose starts are asked for, and what windows are centred on."""
    regions = tuple(map(parse_region, request.regions))
    regions += read_regions_file(request.regions_file) if request.regions_file else ()
    variants = read_variants(request.variants, (), genome.contigs) if request.variants else ()
    centres = [*centres_of_variants(variants, genome), *centres_of_regions(regions, genome)]
    settings = request.settings.genes
    if request.genes is None or settings is None:
        return None, centres
    genes = read_genes(request.genes, genome.resolve, types=settings.types, transcripts=settings.transcripts)
    if request.on_genes:
        return genes, list(centres_of_genes(genes, request.settings.only_genes))
    chosen, absent = choose_genes(genes, request.settings.only_genes)
    if absent:
        logger.warning("annotation %s has no gene %s: no rows of it", request.genes, ", ".join(absent))
    return GeneIndex(chosen), centres


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything that is known before the first map."""

    request: AttentionRequest
    genome: Genome
    model: LoadedModel
    mapper: AttentionMapper
    windows: Sequence[MapWindow]
    shard: Shard | None
    progress: Progress
    stop: StopRequest

    def write(self) -> RunSummary:
        request, mapped = self.request, [window for window in self.windows if window.status is Status.OK]
        notes = _notes(request, self.model, self.mapper)
        maps = Maps(mapped, self.mapper.plan.in_use, self.genome.contigs, notes)
        with ExitStack() as stack:
            takers = stack.enter_context(opened_outputs(request.outputs, maps))
            if not request.table:
                return self._write_others(takers)
            choice = _choose_format(request.output.destination)
            table = UnitTable(
                units=self.windows,
                rows=partial(self._rows, takers=takers),
                make=partial(
                    AttentionWriter, geometry=maps.geometry, lengths=maps.lengths, compressed=choice.compressed
                ),
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

    def _rows(self, window: MapWindow, takers: Sequence[Take]) -> Iterator[AttentionRow]:
        if window.status is not Status.OK:
            yield AttentionRow(window)
            return
        attention = self.mapper.map(self.genome, window.contig, window.start)
        for take in takers:
            take(window, attention)
        yield from rows_of(window, attention)

    def _identity(self, choice: FormatChoice) -> dict[str, object]:
        """Everything that fixes the bytes of the table, see `enformer_vep.jobs.identity`."""
        planned = (
            f"{one.name}\t{one.contig}\t{one.position}\t{one.status}\t{one.start}\t{one.queries}"
            for one in self.windows
        )
        return {
            "version": __version__,
            "windows": _digest(planned),
            "genome": _digest(f"{name}\t{length}" for name, length in self.genome.contigs.items()),
            "model": self.model.sha256,
            "window": self.mapper.plan.in_use.window,
            **self.mapper.settings.describe(),
            "shard": self.request.shard or "none",
            "format": str(choice),
        }

    @property
    def _computed(self) -> dict[str, object]:
        """What changes last digits beside what makes a run this one."""
        threads = {"threads": threads_of_each(0)} if self.mapper.device.type == "cpu" else {}
        return {"batch-size": 1, "device": self.mapper.device_name, **threads}


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _notes(request: AttentionRequest, model: LoadedModel, mapper: AttentionMapper) -> dict[str, object]:
    return {
        "version": __version__,
        "genome": request.genome.name,
        "model": {"name": model.name, "sha256": model.sha256, "window": mapper.plan.in_use.window},
        "settings": mapper.settings.describe(),
        "device": mapper.device_name,
    }


def _report(summary: RunSummary, dry_run: bool) -> None:
    counts = summary.counts
    reasons = [f"{counts[one]} {one}" for one in Status if one is not Status.OK and counts[one]]
    logger.info(
        "%d of %d windows %s%s%s",
        counts[Status.OK],
        counts.total(),
        "can be mapped" if dry_run else "mapped",
        f" (not: {', '.join(reasons)})" if reasons else "",
        "" if dry_run else f" in {summary.seconds:.1f} s",
    )
