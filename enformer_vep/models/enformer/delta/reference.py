"""The reference pass through the convolutions, arranged for speed; values as the network's own to rounding.

BatchNorm stands before GELU, so it cannot be folded into the convolution before it; both together are one scaled
SiLU, k g(u) = silu(k u) for g(u) = u s(k u): two passes over memory instead of five, and in 16-bit arithmetic two
roundings instead of four. The next convolution's weights are divided by k.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.activations import GELU_SLOPE
from enformer_vep.models.enformer.network import ConvBlock, ConvStage

CHUNK = 4096
"""Positions at a time on a CPU: activations then stay in its caches, and convolutions run at the rate of matrix
products. Measured with benchmarks/convolution.py; between 2,048 and 8,192 it hardly matters."""


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
    pointwise = stage.pointwise.conv
    result = x.new_empty(x.shape[0], pointwise.out_channels, x.shape[2] // 2)
    for row in range(x.shape[0]):
        for start in range(0, x.shape[2], CHUNK):
            end = min(start + CHUNK, x.shape[2])
            result[row, :, start // 2 : end // 2] = _convolve_chunk(stage, x[row : row + 1], start, end)
    return result


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


def _convolve_chunk(stage: ConvStage, x: Tensor, start: int, end: int) -> Tensor:
    """Outputs [start / 2, end / 2) of one window: [1, C_in, P] to [C_out, (end - start) / 2]."""
    convolution = _convolution(stage)
    reach = convolution.kernel_size[0] // 2
    first, last = max(start - reach, 0), min(end + reach, x.shape[2])
    values, weight = x[:, :, first:last], convolution.weight
    if isinstance(stage.conv, ConvBlock):
        values = _scaled_gelu(stage.conv.norm, values)
        weight = weight / GELU_SLOPE
    values = F.pad(values, (reach - (start - first), reach - (last - end)))
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
