"""The one assembly of a scorer: a model, its tracks, bins and engine, made ready for one run."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from enformer_vep.effects.devices import (
    automatic_batch_size,
    automatic_portions,
    resolve_device,
    resolve_devices,
)
from enformer_vep.effects.network import Network, placed_on
from enformer_vep.effects.precision import SIXTEEN_BIT
from enformer_vep.effects.predictor import Predictor
from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry, plan_bins
from enformer_vep.genome.windows import centre_index
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.calibrated import with_calibration
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.layout import make_layout, run_notes
from enformer_vep.scoring.scorer import Scorer, grid_of
from enformer_vep.scoring.screening import require_screenable
from enformer_vep.scoring.track_tables import track_table
from enformer_vep.settings import ComputeSettings, Engine, Precision, ScoreRequest, ScoreSettings
from enformer_vep.tracks.groups import TrackGroups, load_groups
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)


def scorer_of(request: ScoreRequest, reference: Reference) -> Scorer:
    """Load the model of a run and make it ready.

    Raises:
        EnformerVepError: On bad options, weights or calibration.
    """
    model = open_model(request.model, request.settings, request.compute)
    scorer = make_scorer(model, request.settings, request.compute, request.targets)
    if reference.stretches is not None:
        reference.stretches.check(scorer.geometry, reference.genome, scorer.shifts)
    if request.calibration is None:
        return scorer
    if scorer.settings.engine is Engine.ADJOINT:
        raise UsageError("--calibration ranks exact scores, not those of --engine adjoint: leave one of them out")
    return with_calibration(scorer, reference.genes, request.calibration, request.additions)


def open_model(source: str, settings: ScoreSettings, compute: ComputeSettings) -> LoadedModel:
    """Load, onto the CPU, only the head that a run needs."""
    return load_model(source, organisms=(settings.organism,), window=compute.window)


def make_scorer(
    model: LoadedModel, settings: ScoreSettings, compute: ComputeSettings, targets: Path | None = None
) -> Scorer:
    """Fix tracks, bins and engine.

    Where `compute` names several devices, the scorer is on the CPU and knows what fits on all of them.

    Args:
        model: The network and its configuration; it stays where it is.
        settings: What to score.
        compute: Where, and in what portions.
        targets: Track table that takes precedence over the model's own.

    Raises:
        UsageError: When organism, tracks, bins, engine or device do not exist.
        InputError: When the track table is not the model's.
    """
    several = resolve_devices(compute.devices)
    device = torch.device("cpu") if several else resolve_device(compute.device)
    settings = replace(settings, engine=model.family.choose_engine(settings.engine))
    table = track_table(model, settings.organism, targets)
    model.network.require_head(settings.organism, model.name)
    # Once: the predictor that repeats an overflowed batch uses the same copy.
    model = replace(model, network=_placed(model, settings.precision, device))
    tracks, groups = _select(settings, table, model.network.head(settings.organism).out_features)
    in_use, predictor = make_predictor(model, settings, tracks, table, device)
    layout = make_layout(settings, tracks, table, groups)
    if settings.engine is Engine.ADJOINT:
        require_screenable(settings, len(layout.blocks[0].labels))
    notes = run_notes(model.sha256, _foreign(table, model, settings.organism), in_use.window, settings)
    footprint = model.network.footprint
    fitting = min(automatic_batch_size(footprint, one) for one in several or (device,))
    overflows = settings.precision in SIXTEEN_BIT
    exact = replace(settings, precision=Precision.FLOAT32)
    return Scorer(
        model=model.name,
        sha256=model.sha256,
        layout=replace(layout, notes=(*notes, *layout.notes)),
        tracks=tracks,
        geometry=in_use,
        predictor=predictor,
        batch_size=compute.batch_size or fitting,
        settings=settings,
        weights=None if groups is None else torch.from_numpy(groups.weights(tracks)).to(device),
        fallback=(lambda: make_predictor(model, exact, tracks, table, device)[1]) if overflows else None,
        front=model.network.front,
        operations=model.network.operations,
    )


def make_predictor(
    model: LoadedModel,
    settings: ScoreSettings,
    tracks: Sequence[int],
    table: TrackTable | None,
    device: torch.device,
) -> tuple[Geometry, Predictor]:
    """Fix bins and engine; gives the bins in use, and what predicts them.

    Args:
        model: The network; it stays where it is.
        settings: Bins, strands, shifts, precision and engine.
        tracks: Rows of the head that are wanted.
        table: Says which tracks are of one strand; None when none is.
        device: Where to compute.
    """
    output, both_strands = model.network.output, settings.reverse_complement
    grid = grid_of(settings, output)
    shifts, slack = (settings.shifts, 0) if grid is None else (grid.views(settings.shifts), grid.slack)
    _require_variant_in_window(settings, output, slack)
    plan = plan_bins(output, settings.centre_bins, settings.share_windows, shifts, both_strands, slack)
    predicted, partners = tracks, None
    if both_strands and table is not None:
        predicted, partners = table.with_partners(tracks)
    network = _placed(model, settings.precision, device)
    portions = automatic_portions(network.footprint, device)
    engine = model.family.make_engine(
        settings.engine, network, settings.organism, predicted, plan.predicted, settings.precision, portions
    )
    return plan.in_use, Predictor(
        engine=engine,
        device=device,
        views=plan.views,
        both_strands=both_strands,
        partners=None if partners is None else torch.tensor(partners, device=device),
        tracks=None if partners is None else len(tracks),
    )


def _placed(model: LoadedModel, precision: Precision, device: torch.device) -> Network:
    return placed_on(model.network, device, torch.float64 if precision is Precision.FLOAT64 else None)


def _foreign(table: TrackTable | None, model: LoadedModel, organism: str) -> str | None:
    """Fingerprint of a table that the model does not carry itself."""
    return None if table is None or f"targets_{organism}" in model.metadata else table.fingerprint


def _select(
    settings: ScoreSettings, table: TrackTable | None, track_count: int
) -> tuple[tuple[int, ...], TrackGroups | None]:
    """What is predicted, and how it is averaged."""
    groups = load_groups(settings.groups, table) if settings.groups else None
    if settings.tracks:
        return select_tracks(settings.tracks, table, track_count), groups
    return groups.tracks if groups else tuple(range(track_count)), groups


def _require_variant_in_window(settings: ScoreSettings, output: Geometry, slack: int) -> None:
    window, centre = output.window, centre_index(output.window)
    for shift in settings.shifts:
        if not slack <= centre - shift < window - slack:
            raise UsageError(
                f"--shifts {shift} moves the variant out of the window of {window} bp: "
                f"choose from {centre - window + 1 + slack} to {centre - slack}"
            )
    if settings.share_windows + 2 * slack > output.predicted:
        raise UsageError(
            f"--share-windows {settings.share_windows}: at most {output.predicted - 2 * slack}, "
            "or variants leave the bins that are predicted"
        )
