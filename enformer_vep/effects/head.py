"""The rows of a head that a run needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from enformer_vep.model.enformer import Enformer


@dataclass(frozen=True, slots=True)
class SelectedHead:
    """Linear layer of the wanted tracks.

    Attributes:
        weight: [tracks, 2 C].
        bias: [tracks].
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, network: Enformer, organism: str, tracks: Sequence[int] | None) -> Self:
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
