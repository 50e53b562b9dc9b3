"""A family whose prediction rests on a motif: every token attends to tokens with the motif, and what it finds there
raises the prediction of all bins. So an element with the motif is an enhancer of every gene in reach, and no other is.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from enformer_vep.effects.network import Footprint, Network
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import encode
from enformer_vep.models.checkpoints import save_model
from enformer_vep.models.families import Family
from tests.builders import random_sequence

WINDOW, WIDTH, BINS = 4096, 32, 64
TABLE = "index\tidentifier\tdescription\n0\tHIGH\tCAGE:high\n1\tLOW\tCAGE:low\n"
MOTIF = "GATTACAGCT"


@dataclass(frozen=True)
class PlantedConfig:
    window: int = WINDOW
    output_tracks: Mapping[str, int] = field(default_factory=lambda: {"human": 2})

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "output_tracks": dict(self.output_tracks)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PlantedConfig":
        return cls(**values)


class PlantedNetwork(Network):
    def __init__(self, config: PlantedConfig, organisms: Collection[str] | None = None) -> None:
        super().__init__()
        self.config = config
        self.motif = nn.Conv1d(4, 1, len(MOTIF), bias=False)
        self.heads = nn.ModuleDict({name: nn.Linear(1, tracks) for name, tracks in config.output_tracks.items()})

    @property
    def output(self) -> Geometry:
        return Geometry(WINDOW, (WINDOW - BINS * WIDTH) // 2, WIDTH, BINS)

    @property
    def footprint(self) -> Footprint:
        return Footprint(window=WINDOW * 16)

    @property
    def organisms(self) -> tuple[str, ...]:
        return tuple(self.heads)

    def head(self, organism: str) -> nn.Linear:
        head = self.heads[organism]
        assert isinstance(head, nn.Linear)
        return head

    def hits(self, x: Tensor) -> Tensor:
        """Motifs on either strand, [B, tokens]; 8 of its 10 bases are not enough, and no count stands at the kink."""
        both = (x, x.flip(1, 2))
        matches = [self.motif(nn.functional.pad(one.transpose(1, 2), (0, len(MOTIF) - 1)))[:, 0] for one in both]
        forward, reverse = (torch.relu(one - 8.5).unflatten(1, (-1, WIDTH)).sum(dim=2) for one in matches)
        return forward + reverse.flip(1)

    def maps(self, hits: Tensor) -> Tensor:
        return torch.softmax(3 * hits, dim=1)[:, None].expand(-1, hits.shape[1], -1)

    @property
    def attention_shape(self) -> tuple[int, int] | None:
        return 1, 1

    def attention_layers(self, x: Tensor) -> Iterator[Tensor] | None:
        return iter([self.maps(self.hits(x))[:, None]])

    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        hits = self.hits(x)
        found = self.maps(hits) @ hits[:, :, None]
        first = self.output.first // WIDTH
        inside = found[:, first : first + BINS]
        return inside if bins is None else inside[:, bins]


PLANTED = Family("planted", PlantedConfig, PlantedNetwork, {})


def make_planted_model(path: Path) -> Path:
    network = PlantedNetwork(PlantedConfig()).eval().requires_grad_(False)
    codes = torch.from_numpy(encode(MOTIF).astype(np.int64))
    network.motif.weight.copy_(nn.functional.one_hot(codes, 4).T[None].float())
    network.head("human").weight.copy_(torch.tensor([[5.0], [0.5]]))
    network.head("human").bias.fill_(0.5)
    save_model(network, path, {"targets_human": TABLE})
    return path


def planted_sequence(length: int, element: tuple[int, int], seed: int = 6) -> str:
    """Random letters with three motifs in [start, end), one of them on the reverse strand."""
    start, end = element
    sequence = random_sequence(np.random.default_rng(seed), length)
    reverse = MOTIF[::-1].translate(str.maketrans("ACGT", "TGCA"))
    for number, motif in enumerate((MOTIF, reverse, MOTIF)):
        at = start + 10 + number * (end - start) // 3
        sequence = sequence[:at] + motif + sequence[at + len(motif) :]
    return sequence
