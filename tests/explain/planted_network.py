"""A network whose attention stops at the sites of a motif: what it shows is known."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from enformer_vep.effects.network import Footprint, Network
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import encode

SITE = "CCACTAGGGGGCAG"
WIDTH, WINDOW = 128, 4096


class PlantedNetwork(Network):
    """Two layers of two heads; tokens attend within the stretch between two tokens with a site, in layer 1 head 0.

    All other heads look at neighbours by distance alone. A token that has the site begins a new stretch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()), requires_grad=False)

    @property
    def output(self) -> Geometry:
        return Geometry(WINDOW, WINDOW // 4, WIDTH, WINDOW // WIDTH // 2)

    @property
    def footprint(self) -> Footprint:
        return Footprint(1)

    @property
    def organisms(self) -> tuple[str, ...]:
        return ()

    def head(self, organism: str) -> nn.Linear:
        raise NotImplementedError

    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        raise NotImplementedError

    @property
    def attention_shape(self) -> tuple[int, int]:
        return 2, 2

    def attention_layers(self, x: Tensor) -> Iterator[Tensor]:
        places = torch.arange(WINDOW // WIDTH)
        decay = torch.exp(-(places[:, None] - places).abs() / 8.0)
        stretches = torch.stack([self._sites(one).cumsum(0) for one in x])
        together = stretches[:, :, None] == stretches[:, None, :]
        for layer in range(2):
            maps = decay.expand(len(x), 2, -1, -1).clone()
            if layer == 1:
                maps[:, 0] *= torch.where(together, 1.0, 0.2)
            yield maps / maps.sum(dim=-1, keepdim=True)

    def _sites(self, window: Tensor) -> Tensor:
        """Which tokens have the first base of a site, [T]."""
        kernel = torch.zeros(1, 4, len(SITE))
        kernel[0, torch.from_numpy(encode(SITE)).long(), torch.arange(len(SITE))] = 1.0
        found = torch.nn.functional.conv1d(window.T[None].float(), kernel)[0, 0] > len(SITE) - 0.5
        padded = torch.nn.functional.pad(found, (0, len(SITE) - 1))
        return padded.view(-1, WIDTH).any(dim=1).long()
