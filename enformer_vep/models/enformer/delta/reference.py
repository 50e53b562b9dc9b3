"""The reference pass through the convolutions, arranged for speed; values as the network's own to rounding.

BatchNorm stands before GELU, so it cannot be folded into the convolution before it; both together are one scaled
SiLU, k g(u) = silu(k u) for g(u) = u s(k u): two passes over memory instead of five, and in 16-bit arithmetic two
roundings instead of four. The next convolution's weights are divided by k.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.activations import GELU_SLOPE
from enformer_vep.effects.chunks import Padding, halved_in_chunks
from enformer_vep.models.enformer.network import ConvBlock, ConvStage


def convolve_stage(stage: ConvStage, x: Tensor) -> Tensor:
    """One stage of stem or tower.

    Args:
        stage: The stage, in eval mode.
        x: [G, C_in, P].

    Returns:
        [G, C_out, P / 2].
    """
    if x.device.type != "cpu" or torch.is_autocast_enabled(x.device.type):
        return convolve_whole(stage, x)
    channels = stage.pointwise.conv.out_channels
    return halved_in_chunks(x, channels, stage.reach, partial(_convolve_chunk, stage))


def convolve_whole(stage: ConvStage, x: Tensor) -> Tensor:
    """As `convolve_stage`, all windows and positions at once: what a GPU does."""
    convolution = _convolution(stage)
    if isinstance(stage.conv, ConvBlock):
        activated, weight = _scaled_gelu(stage.conv.norm, x), convolution.weight / GELU_SLOPE
        x = F.conv1d(activated, weight, convolution.bias, padding=convolution.kernel_size[0] // 2)
    else:
        x = convolution(x)
    x = _add_pointwise(stage, x)
    left, right = x[:, :, 0::2], x[:, :, 1::2]
    difference = left - right
    return torch.addcmul(right, F.conv1d(difference, stage.pool.logit[:, :, None]).sigmoid_(), difference)


def _convolve_chunk(stage: ConvStage, values: Tensor, padding: Padding) -> Tensor:
    """Some positions of one window, [1, C_in, m + 2 reach] less the padding, to [C_out, m / 2]."""
    convolution = _convolution(stage)
    weight = convolution.weight
    if isinstance(stage.conv, ConvBlock):
        values = _scaled_gelu(stage.conv.norm, values)
        weight = weight / GELU_SLOPE
    values = F.pad(values, padding)
    values = _add_pointwise(stage, F.conv1d(values, weight, convolution.bias))
    left, right = values[0, :, 0::2], values[0, :, 1::2]
    difference = left - right
    return torch.addcmul(right, (stage.pool.logit @ difference).sigmoid_(), difference)


def _convolution(stage: ConvStage) -> nn.Conv1d:
    convolution = stage.conv.conv if isinstance(stage.conv, ConvBlock) else stage.conv
    assert isinstance(convolution, nn.Conv1d)
    return convolution


def _add_pointwise(stage: ConvStage, values: Tensor) -> Tensor:
    """The residual block of width 1; `values` are overwritten."""
    block = stage.pointwise
    activated = _scaled_gelu(block.norm, values)
    return values.add_(F.conv1d(activated, block.conv.weight / GELU_SLOPE, block.conv.bias))


def _scaled_gelu(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """BatchNorm, then k times GELU."""
    scaled = F.batch_norm(
        x, norm.running_mean, norm.running_var, GELU_SLOPE * norm.weight, GELU_SLOPE * norm.bias, eps=norm.eps
    )
    return F.silu(scaled, inplace=True)
