"""One run of `enformer-vep attention`, from file names to finished files."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
from enformer_vep.explain.window_plan import MapWindow, Planner
from enformer_vep.explain.window_run import (
    check_places,
    choose_tsv,
    computed_on,
    count_windows,
    read_places,
    report,
    take_block,
    visit,
    window_identity,
)
from enformer_vep.files.signals import StopRequest, stop_request
from enformer_vep.files.summary import write_summary
from enformer_vep.files.writing import require_destinations
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.shards import Shard
from enformer_vep.jobs.unit_tables import Progress, UnitTable
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.threads import use_threads
from enformer_vep.settings.explain_attention import AttentionRequest
from enformer_vep.tables.formats import FormatChoice
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
        request, shard = take_block(request, "--npz, --cool, --bigwig and --figure", request.outputs.are_any)
        _check_request(request)
        genome = Genome(request.genome)
        _, genes, centres = read_places(request, request.settings, genome)
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
    report(summary, "mapped", request.dry_run)
    if request.output.summary:
        write_summary(str(request.output.summary), {**_notes(request, model, mapper), **count_windows(summary)})
    return summary


def _check_request(request: AttentionRequest) -> None:
    outputs, output = request.outputs, request.output
    check_places(request, request.settings)
    if outputs.cool and not request.settings.window_grid:
        raise UsageError(f"{outputs.cool} has bins at multiples of their width: add --window-grid")
    if request.table:
        _choose_format(output.destination)
    table = output.destination if request.table else None
    others = (outputs.npz, outputs.cool, outputs.bigwig, outputs.figure)
    require_destinations((table, output.summary, *others), request.inputs)


def _choose_format(destination: str) -> FormatChoice:
    return choose_tsv(destination, "rows of attention maps are written as .tsv or .tsv.gz")


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
                return visit(self.windows, partial(self._rows, takers=takers), self.progress)
            choice = _choose_format(request.output.destination)
            table = UnitTable(
                units=self.windows,
                rows=partial(self._rows, takers=takers),
                make=partial(
                    AttentionWriter, geometry=maps.geometry, lengths=maps.lengths, compressed=choice.compressed
                ),
                identity=self._identity(choice),
                computed=computed_on(self.mapper.device, self.mapper.device_name),
                shard=self.shard,
                progress=self.progress,
                stop=self.stop,
            )
            return table.write(request.output, resumable=not takers)

    def _rows(self, window: MapWindow, takers: Sequence[Take]) -> Iterator[AttentionRow]:
        if window.status is not Status.OK:
            yield AttentionRow(window)
            return
        attention = self.mapper.map(self.genome, window.contig, window.start)
        for take in takers:
            take(window, attention)
        yield from rows_of(window, attention)

    def _identity(self, choice: FormatChoice) -> dict[str, object]:
        return {
            **window_identity(self.windows, self.genome, self.model, self.mapper.plan.in_use),
            **self.mapper.settings.describe(),
            "shard": self.request.shard or "none",
            "format": str(choice),
        }


def _notes(request: AttentionRequest, model: LoadedModel, mapper: AttentionMapper) -> dict[str, object]:
    return {
        "version": __version__,
        "genome": request.genome.name,
        "model": {"name": model.name, "sha256": model.sha256, "window": mapper.plan.in_use.window},
        "settings": mapper.settings.describe(),
        "device": mapper.device_name,
    }
