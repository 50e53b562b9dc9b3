"""A family of its own: another window, bins of 32 bp, tracks of one strand, and no engine but `pair`.

Its network counts letters, so every prediction is known: per bin softplus(number of A) is the track of the forward
strand, softplus(number of T) its partner on the reverse strand, softplus(number of C and G) a track of both.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from enformer_vep.effects.network import Footprint, Network, make_heads
from enformer_vep.genome.bins import Geometry
from enformer_vep.models.checkpoints import save_model
from enformer_vep.models.families import Family

WIDTH = 32
WEIGHTS = ((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), (0.0, 1.0, 1.0, 0.0))
TABLE = (
    "index\tidentifier\tstrand_pair\tdescription\n"
    "0\tPLUS\t1\tCAGE:cell, + strand\n1\tMINUS\t0\tCAGE:cell, - strand\n2\tBOTH\t2\tDNASE:cell\n"
)


@dataclass(frozen=True)
class ToyConfig:
    window: int = 1024
    bins: int = 24
    output_tracks: Mapping[str, int] = field(default_factory=lambda: {"human": 3})

    @property
    def output(self) -> Geometry:
        crop = (self.window - self.bins * WIDTH) // 2
        return Geometry(self.window, crop, WIDTH, self.bins)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "output_tracks": dict(self.output_tracks)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ToyConfig":
        return cls(**values)


class ToyNetwork(Network):
    def __init__(self, config: ToyConfig, organisms: Collection[str] | None = None) -> None:
        super().__init__()
        self.config = config
        self.heads = make_heads(4, config.output_tracks, organisms)

    @property
    def footprint(self) -> Footprint:
        return Footprint(window=self.config.window * 16)

    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        output = self.output
        inside = x[:, output.first : output.first + output.predicted]
        counts = inside.unflatten(1, (output.bins, WIDTH)).sum(dim=2)
        return counts if bins is None else counts[:, bins]


TOY = Family("toy", ToyConfig, ToyNetwork, {})


def make_toy_model(path: Path) -> Path:
    network = ToyNetwork(ToyConfig()).eval().requires_grad_(False)
    network.head("human").weight.copy_(torch.tensor(WEIGHTS))
    network.head("human").bias.zero_()
    save_model(network, path, {"targets_human": TABLE})
    return path
