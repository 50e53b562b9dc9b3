"""The reference pass through the convolutions, arranged for speed; values as the network's own to rounding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.model.enformer import GELU_SLOPE, ConvBlock, ConvStage

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
        return stage(x)
    pointwise = stage.pointwise.conv
    result = x.new_empty(x.shape[0], pointwise.out_channels, x.shape[2] // 2)
    for row in range(x.shape[0]):
        for start in range(0, x.shape[2], CHUNK):
            end = min(start + CHUNK, x.shape[2])
            result[row, :, start // 2 : end // 2] = _convolve_chunk(stage, x[row : row + 1], start, end)
    return result


def _convolve_chunk(stage: ConvStage, x: Tensor, start: int, end: int) -> Tensor:
    """Outputs [start / 2, end / 2) of one window: [1, C_in, P] to [C_out, (end - start) / 2]."""
    convolution = stage.conv.conv if isinstance(stage.conv, ConvBlock) else stage.conv
    assert isinstance(convolution, nn.Conv1d)
    reach = convolution.kernel_size[0] // 2
    first, last = max(start - reach, 0), min(end + reach, x.shape[2])
    values, weight = x[:, :, first:last], convolution.weight
    if isinstance(stage.conv, ConvBlock):
        values = _scaled_gelu(stage.conv.norm, values)
        weight = weight / GELU_SLOPE
    values = F.pad(values, (reach - (start - first), reach - (last - end)))
    values = F.conv1d(values, weight, convolution.bias)
    pointwise = stage.pointwise
    values += F.conv1d(
        _scaled_gelu(pointwise.norm, values), pointwise.conv.weight / GELU_SLOPE, pointwise.conv.bias
    )
    left, right = values[0, :, 0::2], values[0, :, 1::2]
    difference = left - right
    return torch.addcmul(right, (stage.pool.logit @ difference).sigmoid_(), difference)


def _scaled_gelu(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """BatchNorm, then k times GELU: k g(u) = silu(k u), so both take two passes over memory instead of five.

    The next convolution's weights are divided by k.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    slope = norm.weight * (norm.running_var + norm.eps).rsqrt()
    offset = norm.bias - norm.running_mean * slope
    scaled = torch.addcmul((GELU_SLOPE * offset)[:, None], x, (GELU_SLOPE * slope)[:, None])
    return F.silu(scaled, inplace=True)
