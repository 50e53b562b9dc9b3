"""The change of an Enformer stage's output, only where there is one: see `enformer_vep.effects.changed_stretches`."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.activations import gelu
from enformer_vep.effects.changed_stretches import Framed, Stretch, frame, reached_pairs
from enformer_vep.effects.differences import batch_norm_slope, gelu_difference, pool_difference
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.delta.reference import convolve_stage
from enformer_vep.models.enformer.network import ConvBlock, ConvStage


@dataclass(frozen=True, slots=True)
class TowerStage:
    """A stage of stem or tower, in eval mode (`enformer_vep.effects.changed_stretches.Stage`)."""

    stage: ConvStage

    def convolve(self, x: Tensor) -> Tensor:
        """As `convolve_stage`."""
        return convolve_stage(self.stage, x)

    def propagate(self, x: Tensor, stretch: Stretch, products: Products) -> Stretch:
        """As `propagate_stage`."""
        return propagate_stage(self.stage, x, stretch, products)


def propagate_stage(stage: ConvStage, x: Tensor, stretch: Stretch, products: Products) -> Stretch:
    """Carry a change through convolution, pointwise block and pooling.

    Args:
        stage: The stage, in eval mode.
        x: [G, C_in, P], the stage's reference input.
        stretch: Change of that input.
        products: Arithmetic of the change.

    Returns:
        Change of the stage's output, at half the positions.
    """
    convolution = stage.conv.conv if isinstance(stage.conv, ConvBlock) else stage.conv
    assert isinstance(convolution, nn.Conv1d)
    start, length = reached_pairs(stretch, stage.reach)
    framed = frame(x, stretch, start - stage.reach, length + 2 * stage.reach)
    if isinstance(stage.conv, ConvBlock):
        framed = _activate(stage.conv.norm, framed)
    values = F.conv1d(framed.values, convolution.weight, convolution.bias)
    change = products.convolve(framed.change, convolution.weight)
    after = _residual(stage.pointwise, values, change, products)
    return Stretch(stretch.owner, start // 2, _pool(stage.pool.logit, *after, products))


def _activate(norm: nn.BatchNorm1d, framed: Framed) -> Framed:
    """BatchNorm and GELU; padding stays zero, as it is added after them."""
    values, change = _normalise(norm, framed.values, framed.change)
    activated = torch.where(framed.inside, gelu(values), 0)
    return Framed(activated, torch.where(framed.inside, gelu_difference(values, change), 0), framed.inside)


def _normalise(norm: nn.BatchNorm1d, values: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    normalised = F.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
    return normalised, change * batch_norm_slope(norm)[:, None]


def _residual(block: ConvBlock, values: Tensor, change: Tensor, products: Products) -> tuple[Tensor, Tensor]:
    normalised, normalised_change = _normalise(block.norm, values, change)
    weight, bias = block.conv.weight, block.conv.bias
    return (
        values + F.conv1d(gelu(normalised), weight, bias),
        change + products.convolve(gelu_difference(normalised, normalised_change), weight),
    )


def _pool(logit_weight: Tensor, values: Tensor, change: Tensor, products: Products) -> Tensor:
    left, right = values[:, :, 0::2], values[:, :, 1::2]
    left_change, right_change = change[:, :, 0::2], change[:, :, 1::2]
    weight = logit_weight[:, :, None]
    logit = F.conv1d(left - right, weight)
    logit_change = products.convolve(left_change - right_change, weight)
    return pool_difference(left, right, left_change, right_change, logit, logit_change)
