"""Basenji2 (Kelley 2020) in PyTorch.

Written after basenji's TensorFlow code (calico/basenji, bin/basenji_train.py and basenji/seqnn.py) and exact to it.
Shapes: B batch, L base pairs of the window, C channels, T = L / 128 tokens, N = target_length bins. Everything below
the head works on [B, C, positions].
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.activations import gelu
from enformer_vep.effects.network import Footprint, Network, Segment
from enformer_vep.errors import ModelError
from enformer_vep.genome.bins import Geometry
from enformer_vep.models.basenji2.config import Basenji2Config

NORM_EPSILON = 1e-3
"""Keras's default, which basenji keeps."""

Activation = Callable[[Tensor], Tensor]


def tanh_gelu(x: Tensor) -> Tensor:
    """GELU in its tanh form."""
    return F.gelu(x, approximate="tanh")


_ACTIVATIONS: dict[str, Activation] = {"sigmoid": gelu, "tanh": tanh_gelu}


class Block(nn.Module):
    """Activation, 'same' convolution without bias, BatchNorm: [B, C_in, P] to [B, C_out, P].

    The activation comes first everywhere: the first block's makes 0.85 of the ones of its one-hot input.

    Args:
        channels_in: Input channels.
        channels_out: Output channels.
        kernel: Odd convolution width.
        dilation: Of the convolution.
        activation: Name of the activation.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, activation: str, dilation: int = 1) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[activation]
        self.conv = nn.Conv1d(
            channels_in, channels_out, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False
        )
        self.norm = nn.BatchNorm1d(channels_out, eps=NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, P] to [B, C_out, P]."""
        return self.norm(self.conv(self.activation(x)))


class DilatedBlock(nn.Module):
    """A residual of a dilated convolution and one of width 1: [B, C, T] to [B, C, T].

    Args:
        config: Shape of the model.
        dilation: Of the first convolution.
    """

    def __init__(self, config: Basenji2Config, dilation: int) -> None:
        super().__init__()
        width = config.tower_widths[-1]
        self.narrow = Block(width, config.narrow_width, 3, config.activation, dilation)
        self.wide = Block(config.narrow_width, width, 1, config.activation)
        self.dropout = config.dropout

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] to [B, C, T]."""
        return x + F.dropout(self.wide(self.narrow(x)), self.dropout, self.training)


class Basenji2(Network):
    """DNA in, tracks out.

    Attributes:
        config: Shape of the model.
        heads: Organism to linear layer; may be fewer than `config.output_tracks` names.

    Args:
        config: Shape of the model.
        organisms: Heads to build; all of `config.output_tracks` when None.
    """

    def __init__(self, config: Basenji2Config, organisms: Collection[str] | None = None) -> None:
        super().__init__()
        self.config = config
        widths = config.tower_widths
        kernels = (config.stem_kernel, *[config.tower_kernel] * (len(widths) - 1))
        self.tower = nn.ModuleList(
            Block(before, after, kernel, config.activation)
            for before, after, kernel in zip((4, *widths), widths, kernels, strict=False)
        )
        self.blocks = nn.ModuleList(DilatedBlock(config, dilation) for dilation in config.dilations)
        self.final = Block(widths[-1], config.final_width, 1, config.activation)
        self.heads = nn.ModuleDict(
            {
                organism: nn.Linear(config.final_width, tracks)
                for organism, tracks in config.output_tracks.items()
                if organisms is None or organism in organisms
            }
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Predict every organism's tracks: [B, L, 4] one-hot to organism to [B, N, tracks], non-negative."""
        embedding = self.embed(x)
        return {organism: self.activate(self.head(organism)(embedding)) for organism in self.heads}

    @property
    def output(self) -> Geometry:
        """The window it reads, and its N bins."""
        return self.config.output

    @property
    def footprint(self) -> Footprint:
        """The output of the first convolution."""
        return Footprint(window=self.config.window * self.config.tower_widths[0] * torch.float32.itemsize)

    @property
    def organisms(self) -> tuple[str, ...]:
        """Names of the heads."""
        return tuple(self.heads)

    @property
    def stages(self) -> list[Block]:
        """Stem and tower blocks, in order; each is followed by pooling."""
        return [cast(Block, stage) for stage in self.tower]

    @property
    def dilated_blocks(self) -> list[DilatedBlock]:
        """Dilated blocks, in order."""
        return [cast(DilatedBlock, block) for block in self.blocks]

    def head(self, organism: str) -> nn.Linear:
        """The linear layer of one organism, [final_width] to [tracks]."""
        return cast(nn.Linear, self.heads[organism])

    def embed(self, x: Tensor, bins: slice | None = None) -> Tensor:
        """Everything below the heads.

        Args:
            x: [B, L, 4].
            bins: Output bins that are wanted; all N when None.

        Returns:
            [B, bins, final_width].

        Raises:
            ModelError: When the sequence has another length than the configured window.
        """
        if x.shape[1:] != (self.config.window, 4):
            raise ModelError(f"the model reads [B, {self.config.window}, 4], not {list(x.shape)}: use --window")
        return self._finish_kept(self.dilate(self.convolve(x)), bins)

    def segments(self, bins: slice | None = None) -> list[Segment]:
        """Every stage with its pooling, and every dilated block, is one."""
        turn = partial(torch.transpose, dim0=1, dim1=2)
        return [
            turn,
            *(partial(_pooled, stage) for stage in self.stages),
            *self.dilated_blocks,
            partial(self._finish_kept, bins=bins),
        ]

    def convolve(self, x: Tensor) -> Tensor:
        """Stem and tower, for any whole number of bins: [B, positions, 4] to [B, C, positions / 128]."""
        x = x.transpose(1, 2)
        for stage in self.stages:
            x = _pooled(stage, x)
        return x

    def dilate(self, x: Tensor) -> Tensor:
        """Dilated blocks: [B, C, T] to [B, C, T]."""
        for block in self.dilated_blocks:
            x = block(x)
        return x

    def kept_tokens(self, bins: slice | None = None) -> slice:
        """Tokens that become the given output bins; all bins when None."""
        bins = bins or slice(0, self.config.target_length)
        return slice(self.config.crop + bins.start, self.config.crop + bins.stop)

    def _finish_kept(self, x: Tensor, bins: slice | None) -> Tensor:
        return self.finish(x[:, :, self.kept_tokens(bins)])

    def finish(self, x: Tensor) -> Tensor:
        """Last block and activation: [B, C, N] to [B, N, final_width]."""
        x = F.dropout(self.final(x), self.config.dropout / 6, self.training)
        return self.final.activation(x).transpose(1, 2)


def _pooled(stage: Block, x: Tensor) -> Tensor:
    """A stage and the larger of every two positions: [B, C_in, P] to [B, C_out, P / 2]."""
    return F.max_pool1d(stage(x), 2)
