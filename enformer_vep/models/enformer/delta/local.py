"""The change of a convolution stage's output, computed only where there is one.

A substitution changes a few neighbouring positions; each convolution widens that stretch by its reach and each
pooling halves it, so of 1,536 tokens at most a dozen change. This module carries the stretch through one stage:
where it lies (it differs between variants) and the change in it. Reference activations are cut from the full
reference pass. Shapes: G reference windows, B alternates, C channels, P positions, n positions of the stretch.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.activations import gelu
from enformer_vep.effects.differences import gelu_difference, pool_difference
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.network import ConvBlock, ConvStage


@dataclass(frozen=True, slots=True)
class Stretch:
    """What changes, and where.

    Attributes:
        owner: int64 [B], reference window of each alternate.
        start: int64 [B], first position of the stretch; may be negative, positions outside the window are zero.
        change: [B, C, n], alternate minus reference there.
    """

    owner: Tensor
    start: Tensor
    change: Tensor

    @property
    def end(self) -> Tensor:
        """int64 [B], one past the last position."""
        return self.start + self.change.shape[2]


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
    reach = convolution.kernel_size[0] // 2
    # Outputs that can change, rounded outwards to whole pairs of positions: the pool needs both of each.
    start = torch.div(stretch.start - reach, 2, rounding_mode="floor") * 2
    length = (stretch.change.shape[2] + 2 * reach + 2) // 2 * 2
    framed = _frame(x, stretch, start - reach, length + 2 * reach)
    if isinstance(stage.conv, ConvBlock):
        framed = _activate(stage.conv.norm, framed)
    values = F.conv1d(framed.values, convolution.weight, convolution.bias)
    change = products.convolve(framed.change, convolution.weight)
    after = _residual(stage.pointwise, values, change, products)
    return Stretch(stretch.owner, start // 2, _pool(stage.pool.logit, *after, products))


@dataclass(frozen=True, slots=True)
class _Framed:
    """Reference values, their change, and which positions lie inside the window: [B, C, m], [B, C, m], [B, 1, m]."""

    values: Tensor
    change: Tensor
    inside: Tensor


def _frame(x: Tensor, stretch: Stretch, start: Tensor, length: int) -> _Framed:
    """Cut reference values at `start` and lay the change over them; zero outside the window ('same' padding)."""
    steps = torch.arange(length, device=x.device)
    positions = start[:, None] + steps
    inside = ((positions >= 0) & (positions < x.shape[2]))[:, None]
    channels = torch.arange(x.shape[1], device=x.device)
    clamped = positions.clamp(0, x.shape[2] - 1)
    values = x[stretch.owner[:, None, None], channels[None, :, None], clamped[:, None]]
    within = steps - (stretch.start - start)[:, None]
    covered = ((within >= 0) & (within < stretch.change.shape[2]))[:, None] & inside
    index = within.clamp(0, stretch.change.shape[2] - 1)[:, None].expand(-1, x.shape[1], -1)
    change = torch.where(covered, stretch.change.gather(2, index), 0)
    return _Framed(torch.where(inside, values, 0).to(change.dtype), change, inside)


def _activate(norm: nn.BatchNorm1d, framed: _Framed) -> _Framed:
    """BatchNorm and GELU; padding stays zero, as it is added after them."""
    values, change = _normalise(norm, framed.values, framed.change)
    activated = torch.where(framed.inside, gelu(values), 0)
    return _Framed(activated, torch.where(framed.inside, gelu_difference(values, change), 0), framed.inside)


def _normalise(norm: nn.BatchNorm1d, values: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    normalised = F.batch_norm(values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
    assert norm.running_var is not None
    return normalised, change * (norm.weight * (norm.running_var + norm.eps).rsqrt())[:, None]


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
