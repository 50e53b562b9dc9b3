"""One run of `enformer-vep contributions`, from file names to finished files."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch

from enformer_vep import __version__
from enformer_vep.errors import UsageError
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
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.identity import digest
from enformer_vep.jobs.shards import Shard
from enformer_vep.jobs.unit_tables import Progress, UnitTable
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.threads import use_threads
from enformer_vep.settings import GeneSettings
from enformer_vep.settings.contribution_settings import ContributionRequest
from enformer_vep.settings.explain_attention import CENTER, TSS
from enformer_vep.tables.formats import FormatChoice
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
        request, shard = take_block(request, ".npz, .bw and --figure", request.outputs.are_any)
        _check_request(request)
        genome = Genome(request.genome)
        genes, chosen, centres = read_places(request, request.settings, genome)
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
    report(summary, "explained", request.dry_run)
    if request.output.summary:
        write_summary(str(request.output.summary), {**_notes(request, model, contributor), **count_windows(summary)})
    return summary


def _check_request(request: ContributionRequest) -> None:
    outputs, output = request.outputs, request.output
    check_places(request, request.settings)
    if request.table:
        _choose_format(output.destination)
    table = output.destination if request.table else None
    others = (outputs.npz, outputs.bigwig, outputs.figure)
    require_destinations((table, output.summary, *others), (*request.inputs, request.targets))


def _check_width(width: int, window: int) -> None:
    if window % width:
        raise UsageError(f"--width {width}: the window of {window} bp does not divide into such stretches; try 128")


def _choose_format(destination: str) -> FormatChoice:
    return choose_tsv(destination, "contributions are written as .tsv, .tsv.gz, .bw or .npz")


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
                return visit(self.windows, partial(self._rows, takers=takers), self.progress)
            choice = _choose_format(request.output.destination)
            table = UnitTable(
                units=self.windows,
                rows=partial(self._rows, takers=takers),
                make=partial(ContributionWriter, layout=layout, compressed=choice.compressed),
                identity=self._identity(choice),
                computed=computed_on(self.contributor.device, self.contributor.device_name),
                shard=self.shard,
                progress=self.progress,
                stop=self.stop,
            )
            return table.write(request.output, resumable=not takers)

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
        tracks = self.contributor.tracks
        return {
            **window_identity(self.windows, self.genome, self.model, self.contributor.plan.in_use),
            "tracks": digest([*tracks.labels, str(tracks.weights.nonzero().tolist())]),
            **self.request.settings.describe(),
            "shard": self.request.shard or "none",
            "format": str(choice),
        }


def _notes(request: ContributionRequest, model: LoadedModel, contributor: Contributor) -> dict[str, object]:
    return {
        "version": __version__,
        "genome": request.genome.name,
        "model": {"name": model.name, "sha256": model.sha256, "window": contributor.plan.in_use.window},
        "settings": request.settings.describe(),
        "tracks": list(contributor.tracks.labels),
        "device": contributor.device_name,
    }
