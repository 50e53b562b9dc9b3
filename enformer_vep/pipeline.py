"""A model made ready for one run: its tracks, bins and engine, and what is said about them."""

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enformer_vep.calibration import Extension
from enformer_vep.columns import make_layout, run_notes
from enformer_vep.effects.averaging import mean_effect, predict_averaged
from enformer_vep.effects.base import Effect, EffectBatch, EffectEngine, make_batch
from enformer_vep.effects.devices import automatic_batch_size, automatic_portions
from enformer_vep.effects.engines import make_engine
from enformer_vep.effects.memory import keep_freed_memory
from enformer_vep.effects.stitching import Stitches, plan_stitches, stitch
from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry, plan_bins, whole_bins
from enformer_vep.genome.placing import Placed, Readout
from enformer_vep.genome.windows import centre_index
from enformer_vep.model.checkpoints import LoadedModel
from enformer_vep.readout import read_out
from enformer_vep.results import Layout
from enformer_vep.rows import View
from enformer_vep.settings import ComputeSettings, Indels, Precision, ScoreSettings
from enformer_vep.tracks.groups import TrackGroups, load_groups
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """Windows of a batch, ready for the device.

    Attributes:
        batches: For each shift, the windows of all alternates.
        stitches: For each shift, how alternates go together; None when there is one for each variant.
        readouts: For each variant, its rows.
    """

    batches: Sequence[EffectBatch]
    stitches: Sequence[Stitches] | None
    readouts: Sequence[Sequence[Readout]]


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model made ready for one run.

    Attributes:
        layout: Columns of the rows: a block of all tracks per score.
        tracks: Rows of the head that are predicted, in the order of the engine's output.
        geometry: Window, and the bins in use.
        views: For each shift, where the bins in use stand among those that the engine predicts.
        batch_size: Windows per batch.
        device: Where the engine computes.
        engine: Predicts effects.
        settings: What was asked for.
        weights: float64 [tracks, groups], on the device, to average predictions over groups of tracks; None
            for single tracks.
        extension: Computes further columns from the scores; None for none.
    """

    layout: Layout
    tracks: tuple[int, ...]
    geometry: Geometry
    views: tuple[slice, ...]
    batch_size: int
    device: torch.device
    engine: EffectEngine
    settings: ScoreSettings
    weights: Tensor | None = None
    extension: Extension | None = None

    def prepare(self, placed: Sequence[Placed], views: Sequence[View]) -> Work:
        """Put windows together for the device.

        Args:
            placed: Variants.
            views: For each shift, their windows.

        Returns:
            What `effect` and `score` take.
        """
        batches = [make_batch([pair for pairs in view for pair in pairs]) for view in views]
        stitched = self.settings.indels is Indels.STITCH
        shifts = self.settings.shifts
        stitches = (
            [self._stitches(view, shift) for view, shift in zip(views, shifts, strict=True)]
            if stitched
            else None
        )
        return Work(batches, stitches, [one.readouts for one in placed])

    def effect(self, work: Work) -> Effect:
        """Predict, averaged over strands and shifts.

        Args:
            work: From `prepare`.

        Returns:
            Reference prediction and delta [B, bins, tracks or groups], on the scorer's device.
        """
        batches, both = [batch.to(self.device) for batch in work.batches], self.settings.reverse_complement
        if work.stitches is None:
            effect = predict_averaged(self.engine, batches, self.views, both)
        else:
            views = zip(batches, self.views, work.stitches, strict=True)
            effect = mean_effect(
                stitch(predict_averaged(self.engine, [batch], [bins], both), stitches)
                for batch, bins, stitches in views
            )
        if self.weights is None:
            return effect
        weights = self.weights.to(effect.delta.dtype)
        return Effect(effect.reference @ weights, effect.delta @ weights)

    def score(self, work: Work) -> npt.NDArray[np.float32]:
        """Score a batch.

        Args:
            work: From `prepare`.

        Returns:
            float32 [rows, value columns], a row per readout.
        """
        effect = self.effect(work)
        with torch.inference_mode():
            scores = read_out(effect, work.readouts, self.settings.scores)
            values: npt.NDArray[np.float32] = scores.flatten(1).cpu().numpy()
        return values if self.extension is None else np.hstack([values, self.extension(values)])

    def _stitches(self, view: View, shift: int) -> Stitches:
        """Seams lie where REF ends in this view."""
        last_bases = [pairs[0].edit_start + pairs[0].reference_length - 1 for pairs in view]
        move = whole_bins(shift, self.geometry.width)
        seams = [self.geometry.bin_of(index) + move for index in last_bases]
        return plan_stitches([len(pairs) for pairs in view], seams)


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
    tracks, groups = _select(settings, table, track_count)
    _require_variant_in_window(settings.shifts, config.window)
    output = Geometry(config.window, config.crop * config.bin_width, config.bin_width, config.target_length)
    if settings.share_windows > output.predicted:
        raise UsageError(
            f"--share-windows {settings.share_windows}: at most {output.predicted}, "
            "or variants leave the bins that are predicted"
        )
    plan = plan_bins(
        output, settings.centre_bins, settings.share_windows, settings.shifts, settings.reverse_complement
    )
    # A copy: others may hold the model, and expect float32.
    exact = settings.precision is Precision.FLOAT64
    network = (copy.deepcopy(model.network).double() if exact else model.network).to(device)
    if device.type == "cpu":
        keep_freed_memory()
    portions = automatic_portions(config, device)
    engine = make_engine(
        settings.engine, network, organism, tracks, plan.predicted, settings.precision, portions
    )
    layout = make_layout(settings, tracks, table, groups)
    return Scorer(
        layout=replace(layout, notes=(*run_notes(model, settings, table), *layout.notes)),
        tracks=tracks,
        geometry=plan.in_use,
        views=plan.views,
        batch_size=compute.batch_size or automatic_batch_size(config, device),
        device=device,
        engine=engine,
        settings=settings,
        weights=None if groups is None else torch.from_numpy(groups.weights(tracks)).to(device),
    )


def _select(
    settings: ScoreSettings, table: TrackTable | None, track_count: int
) -> tuple[tuple[int, ...], TrackGroups | None]:
    """What is predicted, and how it is averaged."""
    groups = load_groups(settings.groups, table) if settings.groups else None
    if settings.tracks:
        return select_tracks(settings.tracks, table, track_count), groups
    return groups.tracks if groups else tuple(range(track_count)), groups


def _require_variant_in_window(shifts: Sequence[int], window: int) -> None:
    centre = centre_index(window)
    for shift in shifts:
        if not 0 <= centre - shift < window:
            raise UsageError(
                f"--shifts {shift} moves the variant out of the window of {window} bp: "
                f"choose from {centre - window + 1} to {centre}"
            )


def describe_run(model: LoadedModel, scorer: Scorer) -> Mapping[str, object]:
    """The part of the provenance that the scorer knows, for the log and `--summary`."""
    settings = scorer.settings
    return {
        "model": {"name": model.name, "sha256": model.sha256, "window": scorer.geometry.window},
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
            "indels": settings.indels.value,
            "genes": None if settings.genes is None else asdict(settings.genes),
            "groups": settings.groups,
            "columns": [block.score for block in scorer.layout.blocks],
            "batch_size": scorer.batch_size,
        },
        "device": _device_name(scorer.device),
    }


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
