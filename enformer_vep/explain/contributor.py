"""A network made ready to say what the bases of windows of a genome contribute, averaged over strands and shifts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enformer_vep.effects.devices import resolve_device
from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import Network, one_hot, placed_on
from enformer_vep.explain.contributions import contributions
from enformer_vep.explain.gradients import Gradients, Target, differentiate, integrated_gradients
from enformer_vep.explain.target_tracks import TargetTracks, choose_targets
from enformer_vep.genome.bins import BinPlan, plan_bins, whole_bins
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.track_tables import track_table
from enformer_vep.settings import ComputeSettings, Precision
from enformer_vep.settings.contribution_settings import ContributionSettings, Recipe
from enformer_vep.tracks.table import TrackTable

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Explained:
    """What the bases of a window contribute to T targets, on the CPU.

    Attributes:
        values: float32 [T], the targets.
        gradients: float32 [T, L, 4], with respect to the one-hot input, in the order A, C, G, T.
        contributions: float32 [T, L].
    """

    values: Floats
    gradients: Floats
    contributions: Floats


@dataclass(frozen=True, slots=True)
class Contributor:
    """A network made ready to explain windows.

    Attributes:
        network: In evaluation mode, on the device.
        tracks: What is explained of it.
        partners: For each track of the head the one that has its place on the other strand; None where no track is of
            one strand.
        plan: The bins that every view has.
        settings: Recipe, strands, shifts and precision.
    """

    network: Network
    tracks: TargetTracks
    partners: tuple[int, ...] | None
    plan: BinPlan
    settings: ContributionSettings

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.network.head(self.settings.organism).weight.device

    @property
    def device_name(self) -> str:
        """The device in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def targets(self, bins: Sequence[Sequence[int]]) -> list[Target]:
        """The mean over some bins of each label.

        Args:
            bins: For each readout its bins, counted from the first one in use (`plan`).

        Returns:
            Readouts one after the other, each with all labels.
        """
        output = self.network.output
        first = (self.plan.in_use.first - output.first) // output.width
        return [
            Target(weights / len(some), [first + number for number in some])
            for some in bins
            for weights in self.tracks.weights
        ]

    @property
    def flanks(self) -> tuple[int, int]:
        """How many bases before and behind a window its shifts need."""
        return max(0, *(-shift for shift in self.settings.shifts)), max(0, *self.settings.shifts)

    def explain(self, stretch: Tensor, targets: Sequence[Target]) -> Explained:
        """Explain targets of one window.

        The gradient is that of the prediction averaged over strands and shifts, for the bases of the window that is
        not shifted.

        Args:
            stretch: uint8 base codes of the window and, on both sides, as many bases as `flanks` says.
            targets: In bins of the window that is not shifted.
        """
        settings, output, before = self.settings, self.network.output, self.flanks[0]
        values: list[Tensor] = []
        total = torch.zeros(len(targets), output.window, 4, device=self.device, dtype=torch.float64)
        for shift in settings.shifts:
            codes = stretch[None, before + shift :][:, : output.window].to(self.device)
            move = whole_bins(shift, output.width)
            moved = [Target(one.weights, [place - move for place in one.listed(output.bins)]) for one in targets]
            for is_reverse in (False, True) if settings.reverse_complement else (False,):
                seen = self._of_strand(codes, moved, is_reverse)
                values.append(seen.values[0])
                add_shifted(total, seen.inputs[0], shift)
        gradients = total / len(values)
        window = stretch[before:][: output.window].to(self.device)
        return Explained(
            values=torch.stack(values).mean(dim=0).float().cpu().numpy(),
            gradients=gradients.float().cpu().numpy(),
            contributions=contributions(gradients, window, settings.recipe).float().cpu().numpy(),
        )

    def _of_strand(self, codes: Tensor, targets: Sequence[Target], is_reverse: bool) -> Gradients:
        """Gradients of one window, in forward order whatever the strand."""
        if not is_reverse:
            return self._differentiate(codes, targets)
        bins = self.network.output.bins
        seen = self._differentiate(
            reverse_complement(codes), [one.reverse_complement(bins, self.partners) for one in targets]
        )
        # A, C, G, T backwards are their complements.
        return Gradients(seen.values, seen.inputs.flip(-2, -1))

    def _differentiate(self, codes: Tensor, targets: Sequence[Target]) -> Gradients:
        organism, precision = self.settings.organism, self.settings.precision
        if self.settings.recipe is Recipe.INTEGRATED:
            return integrated_gradients(self.network, organism, codes, targets, precision, self.settings.steps)
        weight = self.network.head(organism).weight
        return differentiate(self.network, organism, one_hot(codes, weight.dtype), targets, precision)


def add_shifted(total: Tensor, gradients: Tensor, shift: int) -> None:
    """Add gradients [T, L, 4] of a window that lies so many bp further on; bases outside the other are left out."""
    length = total.shape[1]
    if abs(shift) < length:
        total[:, max(shift, 0) : length + min(shift, 0)] += gradients[:, max(-shift, 0) : length - max(shift, 0)]


def open_contributor(
    model: str | LoadedModel, settings: ContributionSettings, compute: ComputeSettings, targets: Path | None = None
) -> Contributor:
    """Load a model, unless it is loaded already, and make it ready; see `make_contributor`.

    Args:
        model: What `--model` takes, or a model, which stays as and where it is.
        settings: What is asked for.
        compute: Device and window; its threads are not set.
        targets: Track table that takes precedence over the model's own.
    """
    if isinstance(model, str):
        model = load_model(model, organisms=(settings.organism,), window=compute.window)
    table = track_table(model, settings.organism, targets)
    return make_contributor(model, settings, table, resolve_device(compute.device))


def make_contributor(
    model: LoadedModel, settings: ContributionSettings, table: TrackTable | None, device: torch.device
) -> Contributor:
    """Make a model ready.

    Args:
        model: The network; it stays where it is.
        settings: What is asked for.
        table: The organism's tracks; None when the model has no table.
        device: Where to compute.

    Raises:
        UsageError: When organism, tracks or bins do not exist, or are too many.
        InputError: When a file of tracks or groups cannot be understood.
    """
    model.network.require_head(settings.organism, model.name)
    count = model.network.head(settings.organism).out_features
    tracks = choose_targets(settings, table, count)
    partners = None
    if settings.reverse_complement and table is not None:
        partners = table.with_partners(range(count))[1]
    output = model.network.output
    plan = plan_bins(output, None, 0, settings.shifts, settings.reverse_complement)
    dtype = torch.float64 if settings.precision is Precision.FLOAT64 else None
    return Contributor(placed_on(model.network, device, dtype), tracks, partners, plan, settings)
