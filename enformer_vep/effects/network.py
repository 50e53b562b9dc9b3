"""What a network is, whatever its family: everything that engines, averaging and scoring need to know of it."""

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from enformer_vep.effects.activations import softplus
from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of one forward pass beside the weights, in bytes, float32.

    Attributes:
        window: Widest activation of one window.
        alternate: What carrying one alternate's change takes at a time; 0 where it is small.
    """

    window: int
    alternate: int = 0


@dataclass(frozen=True, slots=True)
class Front:
    """The part of a network that turns bases into tokens, where it treats every stretch of DNA alike.

    A token depends on its own bases and their neighbours alone, not on where they lie in the window, but for the
    zeros that pad the window's ends. So tokens can be computed once for a contig and cut into windows, whose outermost
    ones are then computed again.

    Attributes:
        width: Base pairs per token; the window is a multiple of it.
        reach: How far, in bp, bases beside its own can change a token.
    """

    width: int
    reach: int

    @property
    def edge(self) -> int:
        """Tokens at each end of a window that the padding can change."""
        return -(-self.reach // self.width)


@dataclass(frozen=True, slots=True)
class Operations:
    """Floating-point operations, to compare ways to compute the same.

    Attributes:
        token: Of the front, for one token.
        window: Of what comes after it, for one reference window.
        alternate: Of carrying one alternate's change through that.
    """

    token: float
    window: float
    alternate: float


class Network(nn.Module):
    """DNA in, tracks out. A family derives its network from this class; see `enformer_vep.models.families`."""

    @property
    @abstractmethod
    def output(self) -> Geometry:
        """The window it reads, and all its output bins."""

    config: Any
    """Shape of the network (`enformer_vep.models.families.Configuration`)."""

    @property
    @abstractmethod
    def footprint(self) -> Footprint:
        """Memory that a pass takes."""

    @property
    def front(self) -> Front | None:
        """What of it can be computed once per contig (`--window-grid`); None where nothing can."""
        return None

    @property
    def operations(self) -> Operations | None:
        """How much there is to compute, of a network with a front; None where nobody has counted."""
        return None

    @property
    @abstractmethod
    def organisms(self) -> tuple[str, ...]:
        """Names of the heads."""

    @abstractmethod
    def head(self, organism: str) -> nn.Linear:
        """The linear layer of one organism, [channels] to [tracks]."""

    @abstractmethod
    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        """Everything below the heads.

        Args:
            x: [B, L, 4], one-hot (see `one_hot`).
            bins: Output bins that are wanted; all when None.

        Returns:
            [B, bins, channels].
        """

    def attention_layers(self, x: Tensor) -> Iterator[Tensor] | None:
        """Attention maps, computed a layer at a time as they are asked for; None where the family has no attention.

        Callers want `enformer_vep.explain.attention_maps`, which takes care of gradients and precision.

        Args:
            x: [B, L, 4], one-hot (see `one_hot`).

        Returns:
            For each layer [B, heads, T, T], rows are queries and sum to one; T is the window's length over the width
            of an output bin. A map is the caller's only until the next one is asked for.
        """
        return None

    def activate(self, logits: Tensor) -> Tensor:
        """The activation behind a head."""
        return softplus(logits)

    def require_head(self, organism: str, name: str) -> None:
        """Raise UsageError for an organism that the network, called `name` in messages, has no head for."""
        if organism not in self.organisms:
            raise UsageError(f"model {name} has no {organism} head: choose from {', '.join(self.organisms)}")


def one_hot(codes: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Expand base codes on their own device.

    Args:
        codes: uint8 [B, L]; 0 to 3 are A, C, G, T, anything else (N, padding) becomes four zeros.
        dtype: Floating-point type of the result.

    Returns:
        [B, L, 4], a view of [B, 4, L] memory (what the first convolution wants).
    """
    bases = torch.arange(4, dtype=codes.dtype, device=codes.device)
    return (codes[:, None, :] == bases[:, None]).to(dtype).transpose(1, 2)


def placed_on(network: Network, device: torch.device, dtype: torch.dtype | None = None) -> Network:
    """The network on a device, in evaluation mode: itself if it is so already, else a copy: nobody's model changes."""
    tensors: Sequence[Tensor] = [*network.parameters(), *network.buffers()]
    moved = {
        id(tensor): tensor.detach().to(device, dtype if tensor.is_floating_point() else None) for tensor in tensors
    }
    in_place = all(moved[id(tensor)].data_ptr() == tensor.data_ptr() for tensor in tensors)
    if in_place and not any(module.training for module in network.modules()):
        return network
    memo: dict[int, object] = {
        id(tensor): nn.Parameter(moved[id(tensor)], requires_grad=False)
        if isinstance(tensor, nn.Parameter)
        else moved[id(tensor)]
        for tensor in tensors
    }
    return copy.deepcopy(network, memo).eval()
