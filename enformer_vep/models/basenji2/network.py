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

from enformer_vep.effects.activations import gelu, tanh_gelu
from enformer_vep.effects.network import Footprint, Front, Network, Operations, Segment, make_heads
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.operations import count_operations
from enformer_vep.models.initial_values import TRUNCATION, truncated_normal

NORM_EPSILON = 1e-3
"""Keras's default, which basenji keeps."""

Activation = Callable[[Tensor], Tensor]


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

    @property
    def reach(self) -> int:
        """Positions to either side that an output sees."""
        return int(self.conv.dilation[0]) * (int(self.conv.kernel_size[0]) // 2)

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
        self.heads = make_heads(config.final_width, config.output_tracks, organisms)
        if next(self.parameters()).device.type != "meta":
            self.apply(_initialise)

    @property
    def footprint(self) -> Footprint:
        """The output of the first convolution, and what an alternate changes before the head and in its prediction."""
        config = self.config
        widest = max([config.final_width, *(self.head(organism).out_features for organism in self.organisms)])
        return Footprint(
            window=config.window * config.tower_widths[0] * torch.float32.itemsize,
            alternate=config.target_length * widest * torch.float32.itemsize,
        )

    @property
    def front(self) -> Front:
        """Stem and tower.

        The dilated blocks treat every stretch of DNA alike as well, but see 27 kb to each side: a window's padding
        reaches 212 tokens of the published model from each end, so they are computed once per window.
        """
        return Front(self.config.bin_width, self.config.tower_reach)

    @property
    def operations(self) -> Operations:
        """Convolutions, heads excepted."""
        return count_operations(self.config)

    @property
    def stages(self) -> list[Block]:
        """Stem and tower blocks, in order; each is followed by pooling."""
        return [cast(Block, stage) for stage in self.tower]

    @property
    def dilated_blocks(self) -> list[DilatedBlock]:
        """Dilated blocks, in order."""
        return [cast(DilatedBlock, block) for block in self.blocks]

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
        self.require_window(x)
        return self._finish_kept(self.dilate(self.convolve(x)), bins)

    def segments(self, bins: slice | None = None) -> list[Segment]:
        """Every stage with its pooling, and every dilated block, is one."""
        turn = partial(torch.transpose, dim0=1, dim1=2)
        return [turn, *(partial(_pooled, stage) for stage in self.stages), *self.segments_above(bins)]

    def segments_above(self, bins: slice | None = None) -> list[Segment]:
        """Those behind the tower: from [B, C, T] to [B, bins, final_width]."""
        return [*self.dilated_blocks, partial(self._finish_kept, bins=bins)]

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


def _initialise(module: nn.Module) -> None:
    """Basenji's initial values: Keras's he_normal; a dilated block adds nothing at first, as its last gamma is 0."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        truncated_normal(module.weight, (2.0 / module.weight[0].numel()) ** 0.5 / TRUNCATION)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, DilatedBlock):
        nn.init.zeros_(module.wide.norm.weight)
