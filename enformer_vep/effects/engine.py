"""What every engine that runs a network has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.effect import Portions
from enformer_vep.effects.network import Network, one_hot
from enformer_vep.effects.precision import arithmetic
from enformer_vep.settings import Precision

AnyNetwork = TypeVar("AnyNetwork", bound=Network)


@dataclass(frozen=True, slots=True)
class SelectedHead:
    """Linear layer of the wanted tracks.

    Attributes:
        weight: [tracks, C].
        bias: [tracks].
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, network: Network, organism: str, tracks: Sequence[int] | None) -> Self:
        """Cut the rows of `tracks` (all when None) out of an organism's head."""
        head = network.head(organism)
        if tracks is None:
            return cls(head.weight.detach(), head.bias.detach())
        rows = torch.tensor(tracks, device=head.weight.device)
        return cls(head.weight.detach()[rows], head.bias.detach()[rows])

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers, and of everything that is not computed in a lower precision."""
        return self.weight.dtype


class NetworkEngine(Generic[AnyNetwork]):
    """A network, the part of its output that is wanted, and how to compute it.

    Args:
        network: The model, in eval mode, on the device that is to be used.
        organism: Which head.
        tracks: Rows of the head that are wanted; all when None. Only these are computed.
        bins: Output bins that are wanted.
        precision: Arithmetic of convolutions and matrix products; everything else is at least float32.
        portions: How much to compute at a time.
    """

    def __init__(
        self,
        network: AnyNetwork,
        organism: str,
        tracks: Sequence[int] | None,
        bins: slice,
        precision: Precision = Precision.FLOAT32,
        portions: Portions = Portions(),  # noqa: B008 (frozen)
    ) -> None:
        self._network, self._bins, self._precision, self._portions = network, bins, precision, portions
        self._head = SelectedHead.of(network, organism, tracks)

    def predict_windows(self, codes: Tensor) -> Tensor:
        """Predict windows by plain forward passes: uint8 [W, L] on the engine's device to [W, bins, tracks]."""
        with arithmetic(self._precision, self._head.device):
            return torch.cat([self._predict_portion(part) for part in torch.split(codes, self._portions.references)])

    def _predict_portion(self, codes: Tensor) -> Tensor:
        embedding = self._network.embed(one_hot(codes, self._head.dtype), self._bins)
        with torch.autocast(codes.device.type, enabled=False):
            logits = F.linear(embedding.to(self._head.dtype), self._head.weight, self._head.bias)
            return self._network.activate(logits)
