"""A run made ready, and the loop that it shares with every other kind of run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from enformer_vep import __version__
from enformer_vep.api import open_model, track_table
from enformer_vep.calibrated import with_calibration
from enformer_vep.cluster.shards import Shard
from enformer_vep.cluster.stopping import StopRequest
from enformer_vep.cluster.workers import DevicePool, resolve_devices, shared_batch_size
from enformer_vep.effects.devices import resolve_device
from enformer_vep.genome.variants import Variant
from enformer_vep.inputs import Source
from enformer_vep.pieces import Table, cut_pieces, score_pieces, write_rows
from enformer_vep.pipeline import Scorer, describe_run, make_scorer
from enformer_vep.results import RunSummary, ScoredVariant
from enformer_vep.settings import ScoreRequest

logger = logging.getLogger(__name__)

Progress = Callable[[int | None], AbstractContextManager[Callable[[ScoredVariant], None]]]
"""Given the number of records (None when unknown), shows a bar; what it yields is called with every row."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is known before the first row."""

    request: ScoreRequest
    source: Source
    scorer: Scorer
    model_sha256: str
    provenance: dict[str, object]
    shard: Shard | None
    progress: Progress
    stop: StopRequest


def prepare_run(
    request: ScoreRequest,
    source: Source,
    shard: Shard | None,
    batch_size: int | None,
    progress: Progress,
    stop: StopRequest,
) -> Run:
    """Load the model and fix everything else.

    Args:
        request: The whole run.
        source: Its input.
        shard: Its block of the input; None for all.
        batch_size: What an interrupted run found automatically: another size would change its rounding.
        progress: Shows how far it is.
        stop: Says whether somebody asked this process to end.

    Returns:
        The run.

    Raises:
        EnformerVepError: On bad options, weights or calibration.
    """
    compute = request.compute
    devices = resolve_devices(compute.devices)
    device = resolve_device(compute.device) if not devices else resolve_device("cpu")
    model = open_model(request.model, request.settings, compute)
    table = track_table(model, request.settings.organism, request.targets)
    sizes = compute.batch_size or batch_size
    if sizes is None and devices:
        sizes = shared_batch_size(model.config, devices)
    compute = replace(compute, batch_size=sizes, devices=tuple(map(str, devices)))
    scorer = make_scorer(model, table, request.settings, compute, device)
    if request.calibration:
        scorer = with_calibration(scorer, source.reference.genes, request.calibration, request.additions)
    provenance = {"version": __version__, "genome": str(request.genome), **describe_run(model, scorer)}
    provenance |= {"genes": _name(request.genes), "calibration": _name(request.calibration)}
    if devices:
        provenance["device"] = ", ".join(map(str, devices))
    logger.debug("%s", provenance)
    return Run(request, source, scorer, model.sha256, provenance, shard, progress, stop)


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)


def write_run(
    run: Run,
    variants: Iterator[Variant],
    table: Table,
    summary: RunSummary,
    total: int | None,
    skipped_batches: int,
) -> None:
    """Score variants, on one device or several, and hand their rows to a table.

    Args:
        run: The run.
        variants: Its alleles, from the first piece that is not complete.
        table: Where rows go.
        summary: Counts of what was written.
        total: Records to come, for the progress bar; None when unknown.
        skipped_batches: Batches of the first piece that are done already.
    """
    request = run.request
    pieces = cut_pieces(variants, request.compute.piece_size)
    devices = run.request.compute.devices
    pool = DevicePool(request, run.scorer.batch_size) if devices else nullcontext()
    with pool as workers, run.progress(total) as advance:
        scored = (
            workers.score(pieces, skipped_batches)
            if workers
            else score_pieces(pieces, run.source.reference, run.scorer, skipped_batches)
        )
        write_rows(scored, table, summary, advance)
