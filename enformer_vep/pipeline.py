"""A model made ready for one run: its tracks, bins and engine, and what is said about them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from enformer_vep.effects.averaging import predict_averaged
from enformer_vep.effects.base import Effect, EffectEngine, make_batch
from enformer_vep.effects.devices import automatic_batch_size, automatic_portions
from enformer_vep.effects.engines import make_engine
from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.errors import UsageError
from enformer_vep.genome.windows import AllelePair, centre_index
from enformer_vep.model.checkpoints import LoadedModel
from enformer_vep.results import WINDOW_START, Layout, ValueBlock
from enformer_vep.scores import centred_bins, compute_scores
from enformer_vep.settings import ComputeSettings, ScoreSettings
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model made ready for one run.

    Attributes:
        layout: Columns of the rows: a block of all tracks per score.
        tracks: Rows of the head, in column order.
        window: Window length in bp.
        batch_size: Alternates per batch.
        device: Where the engine computes.
        engine: Predicts effects.
        settings: What was asked for.
    """

    layout: Layout
    tracks: tuple[int, ...]
    window: int
    batch_size: int
    device: torch.device
    engine: EffectEngine
    settings: ScoreSettings

    def effect(self, views: Sequence[Sequence[AllelePair]]) -> Effect:
        """Predict, averaged over strands and shifts.

        Args:
            views: For each shift, the windows of all variants of the batch.

        Returns:
            Reference prediction and delta [B, bins, tracks], on the scorer's device.
        """
        batches = [make_batch(pairs).to(self.device) for pairs in views]
        return predict_averaged(self.engine, batches, self.settings.reverse_complement)

    def score(self, views: Sequence[Sequence[AllelePair]]) -> npt.NDArray[np.float32]:
        """Score a batch: float32 [B, columns]. See `effect` for `views`."""
        effect = self.effect(views)
        with torch.inference_mode():
            scores = compute_scores(effect.reference, effect.delta, self.settings.scores)
            return scores.flatten(1).cpu().numpy()


def make_scorer(
    model: LoadedModel,
    table: TrackTable | None,
    settings: ScoreSettings,
    compute: ComputeSettings,
    device: torch.device,
) -> Scorer:
    """Fix tracks, bins and engine.

    Args:
        model: The network and its configuration.
        table: Track table of the organism; None when there is none.
        settings: What to score.
        compute: In what portions.
        device: Where.

    Returns:
        The scorer, with the network moved to the device.

    Raises:
        UsageError: When organism, tracks or bins do not exist in this model.
    """
    organism, config = settings.organism, model.config
    if organism not in model.network.heads:
        raise UsageError(
            f"model {model.name} has no {organism} head: choose from {', '.join(model.network.heads)}"
        )
    track_count = config.output_tracks[organism]
    tracks = (
        select_tracks(settings.tracks, table, track_count) if settings.tracks else tuple(range(track_count))
    )
    try:
        bins = centred_bins(config.target_length, settings.centre_bins)
    except ValueError as error:
        raise UsageError(f"--bins center:{settings.centre_bins}: {error}") from None
    _require_variant_in_window(settings.shifts, config.window)
    predicted = config.target_length * config.bin_width
    if settings.share_windows > predicted:
        raise UsageError(
            f"--share-windows {settings.share_windows}: at most {predicted}, "
            "or variants leave the bins that are predicted"
        )
    network = model.network.to(device)
    if device.type == "cpu":
        keep_freed_memory()
    portions = automatic_portions(config, device)
    engine = make_engine(settings.engine, network, organism, tracks, bins, settings.precision, portions)
    return Scorer(
        layout=make_layout(settings, tracks, table),
        tracks=tracks,
        window=config.window,
        batch_size=compute.batch_size or automatic_batch_size(config, device),
        device=device,
        engine=engine,
        settings=settings,
    )


def _require_variant_in_window(shifts: Sequence[int], window: int) -> None:
    centre = centre_index(window)
    for shift in shifts:
        if not 0 <= centre - shift < window:
            raise UsageError(
                f"--shifts {shift} moves the variant out of the window of {window} bp: "
                f"choose from {centre - window + 1} to {centre}"
            )


def make_layout(settings: ScoreSettings, tracks: Sequence[int], table: TrackTable | None) -> Layout:
    """Columns of a run; tracks without a table are named by their index, such as "SAD_5110"."""
    labels = tuple(table[track].identifier if table is not None else str(track) for track in tracks)
    titles = tuple(table[track].description for track in tracks) if table is not None else ()
    blocks = tuple(ValueBlock(score.value, labels, score.description, titles) for score in settings.scores)
    return Layout(blocks, (WINDOW_START,) if settings.share_windows else ())


def describe_run(model: LoadedModel, scorer: Scorer) -> Mapping[str, object]:
    """The part of the provenance that the scorer knows, for the log and `--summary`."""
    settings = scorer.settings
    return {
        "model": {"name": model.name, "sha256": model.sha256, "window": scorer.window},
        "settings": {
            "scores": [score.value for score in settings.scores],
            "bins": settings.centre_bins or "all",
            "organism": settings.organism,
            "tracks": len(scorer.tracks),
            "reverse_complement": settings.reverse_complement,
            "shifts": list(settings.shifts),
            "precision": settings.precision.value,
            "engine": settings.engine.value,
            "share_windows": settings.share_windows,
            "batch_size": scorer.batch_size,
        },
        "device": _device_name(scorer.device),
    }


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
