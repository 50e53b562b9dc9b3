"""A network made ready to map the attention of windows of a genome."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from enformer_vep.effects.network import Network, placed_on
from enformer_vep.errors import UsageError
from enformer_vep.explain.attention_maps import averaged_attention, plan_map_bins
from enformer_vep.genome.bins import BinPlan
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.settings.explain_attention import AttentionSettings

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AttentionMapper:
    """A network made ready to map the attention of windows.

    Attributes:
        network: In evaluation mode, on the device.
        plan: Bins of every view.
        settings: Layers, heads, strands and shifts.
    """

    network: Network
    plan: BinPlan
    settings: AttentionSettings

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.network.parameters()).device

    @property
    def device_name(self) -> str:
        """The device in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def map(self, genome: Genome, contig: str, start: int) -> Floats:
        """Map one window.

        Args:
            genome: Where the sequence comes from.
            contig: The genome's own name.
            start: 0-based start of the window that is not shifted.

        Returns:
            float32 [bins, bins], rows are queries.
        """
        settings, length = self.settings, self.plan.in_use.window
        firsts = [start + shift for shift in settings.shifts]
        windows = [torch.from_numpy(encode(genome.fetch(contig, first, first + length)))[None] for first in firsts]
        maps = averaged_attention(
            self.network, windows, self.plan, settings.reverse_complement, settings.layers, settings.heads
        )
        result: Floats = maps[0].float().cpu().numpy()
        return result


def require_attention(model: LoadedModel) -> tuple[int, int]:
    """Attention layers and heads of a model; raises UsageError for one without attention."""
    shape = model.network.attention_shape
    if shape is None:
        raise UsageError(
            f"model {model.name} is a {model.family.name}, which has no attention: give one of the family enformer"
        )
    return shape


def make_mapper(model: LoadedModel, settings: AttentionSettings, device: torch.device) -> AttentionMapper:
    """Make a model ready.

    Raises:
        UsageError: It has no attention, or no such layer or head, or the shifts leave no bin.
    """
    shape = require_attention(model)
    for option, wanted, count in zip(("--layers", "--heads"), (settings.layers, settings.heads), shape, strict=True):
        foreign = [number for number in wanted or () if not 0 <= number < count]
        if foreign:
            raise UsageError(f"{option} {foreign[0]}: model {model.name} has {count}, numbered from 0")
    plan = plan_map_bins(model.network, settings.shifts, settings.reverse_complement)
    return AttentionMapper(placed_on(model.network, device), plan, settings)
