"""Stem and tower of Basenji2: the reference, and the change of a stage's output where there is one.

Shapes: G reference windows, B alternates, C channels, P positions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.activations import gelu, tanh_gelu
from enformer_vep.effects.changed_stretches import Stretch, frame, reached_pairs
from enformer_vep.effects.chunks import Padding, halved_in_chunks
from enformer_vep.effects.differences import (
    batch_norm_slope,
    gelu_difference,
    pool_max_difference,
    tanh_gelu_difference,
)
from enformer_vep.effects.products import Products
from enformer_vep.models.basenji2.network import Block

_DIFFERENCES: dict[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]] = {
    gelu: gelu_difference,
    tanh_gelu: tanh_gelu_difference,
}


@dataclass(frozen=True, slots=True)
class PooledStage:
    """A block of stem or tower, in eval mode, and its pooling (`enformer_vep.effects.changed_stretches.Stage`)."""

    block: Block

    def convolve(self, x: Tensor) -> Tensor:
        """The reference: [G, C_in, P] to [G, C_out, P / 2]."""
        block = self.block
        if x.device.type != "cpu" or torch.is_autocast_enabled(x.device.type):
            return F.max_pool1d(block(x), 2)
        weight, bias = _with_norm(block)
        compute = partial(_convolve_chunk, block, weight, bias)
        return halved_in_chunks(x, block.conv.out_channels, block.reach, compute)

    def propagate(self, x: Tensor, stretch: Stretch, products: Products) -> Stretch:
        """Carry a change through activation, convolution, BatchNorm and pooling.

        Args:
            x: [G, C_in, P], the stage's reference input.
            stretch: Change of that input.
            products: Arithmetic of the change.

        Returns:
            Change of the stage's output, at half the positions.
        """
        block = self.block
        start, length = reached_pairs(stretch, block.reach)
        # Padding is zero, and the activation of zero is.
        framed = frame(x, stretch, start - block.reach, length + 2 * block.reach)
        values = block.norm(F.conv1d(block.activation(framed.values), block.conv.weight))
        change = products.convolve(activation_difference(block, framed.values, framed.change), block.conv.weight)
        change = change * batch_norm_slope(block.norm)[:, None]
        pairs = (values[:, :, 0::2], values[:, :, 1::2], change[:, :, 0::2], change[:, :, 1::2])
        return Stretch(stretch.owner, start // 2, pool_max_difference(*pairs))


def activation_difference(block: Block, x: Tensor, change: Tensor) -> Tensor:
    """Change of what a block's activation gives, of the shape of `change`."""
    return _DIFFERENCES[block.activation](x.to(change), change)


def _with_norm(block: Block) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that does what a block's convolution and BatchNorm do."""
    norm, slope = block.norm, batch_norm_slope(block.norm)
    assert norm.running_mean is not None
    return block.conv.weight * slope[:, None, None], norm.bias - norm.running_mean * slope


def _convolve_chunk(block: Block, weight: Tensor, bias: Tensor, values: Tensor, padding: Padding) -> Tensor:
    """Some positions of one window, [1, C_in, m + 2 reach] less the padding, to [1, C_out, m / 2]."""
    return F.max_pool1d(F.conv1d(F.pad(block.activation(values), padding), weight, bias), 2)
