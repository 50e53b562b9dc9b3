"""A run made ready, and the loop that every kind of run shares."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from enformer_vep import __version__
from enformer_vep.files.signals import StopRequest
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.genome.variants import Variant
from enformer_vep.jobs.shards import Shard
from enformer_vep.scoring.advice import with_advice
from enformer_vep.scoring.assembly import scorer_of
from enformer_vep.scoring.batches import Table, score_variants, write_rows
from enformer_vep.scoring.inputs import Source
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.scoring.threads import threads_of_each, use_threads
from enformer_vep.scoring.workers import DevicePool, device_names
from enformer_vep.settings import ScoreRequest
from enformer_vep.tables.row import RunSummary, ScoredVariant

logger = logging.getLogger(__name__)

Progress = Callable[[int | None], AbstractContextManager[Callable[[ScoredVariant], None]]]
"""Given the number of records (None when unknown), shows a bar; what it yields is called with every row."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is known before the first row.

    Attributes:
        request: The run, with nothing left to choose.
        source: Its input.
        scorer: Its model, made ready.
        shard: Its block of the input; None for all.
        progress: Shows how far it is.
        stop: Says whether somebody asked this process to end.
    """

    request: ScoreRequest
    source: Source
    scorer: Scorer
    shard: Shard | None
    progress: Progress
    stop: StopRequest

    @property
    def provenance(self) -> dict[str, object]:
        """What the run is made with, for the log and `--summary`."""
        request, scorer = self.request, self.scorer
        return {
            "version": __version__,
            "genome": str(request.genome),
            "model": {"name": scorer.model, "sha256": scorer.sha256, "window": scorer.geometry.window},
            "settings": {
                **scorer.settings.to_dict(),
                "tracks": len(scorer.tracks),
                "columns": [block.score for block in scorer.layout.blocks],
                "batch_size": scorer.batch_size,
            },
            "device": self.device,
            **({} if self.threads is None else {"threads": self.threads}),
            "genes": str(request.genes) if request.genes else None,
            "calibration": str(request.calibration) if request.calibration else None,
        }

    @property
    def calibrated(self) -> frozenset[VariantClass] | None:
        """Classes of variants that the calibration has; None without one."""
        extension = self.scorer.extension
        return None if extension is None else extension.classes

    @property
    def device(self) -> str:
        """Where it computes, in words."""
        return ", ".join(self.request.compute.devices) or self.scorer.predictor.device_name

    @property
    def threads(self) -> int | None:
        """Threads of each process that computes on a CPU; None where none does: a GPU has its own."""
        devices = self.request.compute.devices
        on_cpu = "cpu" in (devices or (self.device,))
        return threads_of_each(len(devices)) if on_cpu else None

    @property
    def computed(self) -> dict[str, object]:
        """What changes last digits beside what makes a run this one, for journals and manifests."""
        threads = {} if self.threads is None else {"threads": self.threads}
        return {"batch-size": self.scorer.batch_size, "device": self.device, **threads}


def prepare_run(
    request: ScoreRequest,
    source: Source,
    shard: Shard | None,
    batch_size: int | None,
    progress: Progress,
    stop: StopRequest,
) -> Run:
    """Load the model and fix everything else of a run.

    An interrupted run goes on with the `batch_size` that it found automatically: another would change its rounding.

    Raises:
        EnformerVepError: On bad options, weights or calibration.
    """
    compute = request.compute
    sized = replace(compute, batch_size=compute.batch_size or batch_size)
    threads = use_threads(compute.threads)
    scorer = scorer_of(replace(request, compute=sized), source.reference)
    devices = device_names(request)
    known = replace(request, settings=scorer.settings, compute=replace(compute, devices=devices))
    run = Run(known, source, scorer, shard, progress, stop)
    if run.threads is not None and not request.dry_run:
        logger.info("computing with %s", threads.describe(len(devices)))
    logger.debug("%s", run.provenance)
    return run


def write_run(
    run: Run,
    variants: Iterator[Variant],
    table: Table,
    summary: RunSummary,
    total: int | None,
    skipped_batches: int,
) -> None:
    """Score variants, on one device or several, and hand their rows to a table; counts go into `summary`.

    Args:
        run: The run.
        variants: Its alleles, from the first piece that is not complete.
        table: Where rows go.
        summary: Counts of what was written.
        total: Records to come, for the progress bar; None when unknown.
        skipped_batches: Batches of the first piece that are done already.
    """
    size, reference = run.request.compute.piece_size, run.source.reference
    calibrated = run.calibrated
    variants = with_advice(variants, run.scorer)
    with run.progress(total) as advance:
        if run.request.compute.devices:
            with DevicePool(run.request, run.scorer.batch_size) as workers:
                rows = workers.score(variants, size, skipped_batches)
                write_rows(rows, table, summary, advance, calibrated)
        else:
            rows = score_variants(variants, reference, run.scorer, size, skipped_batches)
            write_rows(rows, table, summary, advance, calibrated)
