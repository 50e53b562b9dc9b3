"""What a network is, whatever its family: everything that engines, averaging and scoring need to know of it."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from enformer_vep.effects.activations import softplus
from enformer_vep.errors import ModelError, UsageError
from enformer_vep.genome.bins import Geometry

Segment = Callable[[Tensor], Tensor]
"""A part of a network below its heads: from what the part before it gives to what the part behind it takes."""


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

    config: Any
    """Shape of the network (`enformer_vep.models.families.Configuration`)."""

    heads: nn.ModuleDict
    """Organism to linear layer (`make_heads`)."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Predict every organism's tracks.

        Args:
            x: [B, L, 4], one-hot (see `one_hot`); any real values are allowed.

        Returns:
            Organism to [B, N, tracks], non-negative.
        """
        embedding = self.embed(x)
        return {organism: self.predict_tracks(embedding, organism) for organism in self.organisms}

    @property
    def output(self) -> Geometry:
        """The window it reads, and all its output bins."""
        geometry: Geometry = self.config.output
        return geometry

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
    def organisms(self) -> tuple[str, ...]:
        """Names of the heads."""
        return tuple(self.heads)

    def head(self, organism: str) -> nn.Linear:
        """The linear layer of one organism, [channels] to [tracks]."""
        return cast(nn.Linear, self.heads[organism])

    def predict_tracks(self, embedding: Tensor, organism: str) -> Tensor:
        """Apply one head: [B, bins, channels] from `embed` to [B, bins, tracks], non-negative."""
        return self.activate(self.head(organism)(embedding))

    @property
    def layers(self) -> list[nn.Module]:
        """Its parts from the sequence upwards, the heads last: what training freezes and lets learn."""
        parts: list[nn.Module] = []
        for child in self.children():
            parts += child if isinstance(child, nn.ModuleList) else [child]
        return parts

    @abstractmethod
    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        """Everything below the heads.

        Args:
            x: [B, L, 4], one-hot (see `one_hot`).
            bins: Output bins that are wanted; all when None.

        Returns:
            [B, bins, channels].
        """

    def segments(self, bins: slice | None = None) -> Sequence[Segment]:
        """Functions that one after the other do what `embed` does, so that a gradient can be carried through them.

        Memory then holds what comes out of each, and the intermediate values of one.

        Args:
            bins: As for `embed`.

        Returns:
            From [B, L, 4] to [B, bins, channels]; `embed` alone unless a family says more.
        """
        return [partial(self.embed, bins=bins)]

    @property
    def attention_shape(self) -> tuple[int, int] | None:
        """Attention layers, and heads of each; None where the family has no attention."""
        return None

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

    def require_window(self, x: Tensor) -> None:
        """Raise ModelError for an input that is not [B, window, 4]."""
        window = self.output.window
        if x.shape[1:] != (window, 4):
            raise ModelError(f"the model reads [B, {window}, 4], not {list(x.shape)}: use --window")

    def require_head(self, organism: str, name: str) -> None:
        """Raise UsageError for an organism that the network, called `name` in messages, has no head for."""
        if organism not in self.organisms:
            raise UsageError(f"model {name} has no {organism} head: choose from {', '.join(self.organisms)}")


def make_heads(
    channels: int, output_tracks: Mapping[str, int], organisms: Collection[str] | None = None
) -> nn.ModuleDict:
    """Linear layers from `channels` to the tracks of some organisms, all of `output_tracks` when None."""
    wanted = [one for one in output_tracks if organisms is None or one in organisms]
    return nn.ModuleDict({organism: nn.Linear(channels, output_tracks[organism]) for organism in wanted})


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
