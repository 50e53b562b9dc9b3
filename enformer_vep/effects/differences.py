"""f(x + d) - f(x) for every operation of the networks, in forms that do not cancel.

Exact algebra, not a linearisation: in float64 each equals the subtraction to rounding, for large d as well as
small. In float32 the relative error stays near 1e-7 however small d is, where subtracting two results of f
would leave nothing once d falls below 1e-7 of x. Derivations stand with each function; they are elementary and
ours, checked against 90-digit arithmetic in the tests.

Arguments called `change` are differences alternate - reference; results are too.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from enformer_vep.effects.activations import GELU_SLOPE, softplus

Rows = tuple[Tensor, ...]
"""Indices of rows, one int64 [n] for each leading axis."""

LARGEST_GAIN = 60.0
"""Gains up to here are computed from p alone: one that was below float32's 1e-38 stays below 1e-12."""


def sigmoid_difference(x: Tensor, change: Tensor) -> Tensor:
    """s(x + d) - s(x) = sign(d) s(upper) s(-lower) (1 - exp(-|d|)), upper and lower the larger and smaller of x, x + d.

    From s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)); ordered so that the exponential never overflows.
    """
    moved = x + change
    upper, lower = torch.maximum(x, moved), torch.minimum(x, moved)
    return torch.sign(change) * torch.sigmoid(upper) * torch.sigmoid(-lower) * -torch.expm1(-change.abs())


def gelu_difference(x: Tensor, change: Tensor) -> Tensor:
    """With g(x) = x s(k x): g(x + d) - g(x) = d s(k (x + d)) + x (s(k (x + d)) - s(k x))."""
    scaled, scaled_change = GELU_SLOPE * x, GELU_SLOPE * change
    return change * torch.sigmoid(scaled + scaled_change) + x * sigmoid_difference(scaled, scaled_change)


def relu_difference(x: Tensor, change: Tensor) -> Tensor:
    """max(x + d, 0) - max(x, 0) = max(d, -x) + min(x, 0)."""
    return torch.maximum(change, -x).add_(x.clamp(max=0))


def softplus_difference(x: Tensor, change: Tensor) -> Tensor:
    """Change of softplus: log(1 + exp(x + d)) - log(1 + exp(x)) = log1p(s(x) expm1(d)).

    For |d| > 1 the plain subtraction, which then loses no more than rounding x has already lost; the other form
    would overflow, or cancel where s(x) is near 1 and d far below zero.
    """
    small = torch.log1p(torch.sigmoid(x) * torch.expm1(change.clamp(-1, 1)))
    return torch.where(change.abs() > 1, softplus(x + change) - softplus(x), small)


def layer_norm_difference(x: Tensor, change: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Change of LayerNorm over the last axis, of `x` and `change` [..., C] and `weight` [C]; its bias drops out.

    With c = x - mean(x), e = d - mean(d), s = sqrt(mean(c^2) + eps) and s' the same of c + e:
    (c + e) / s' - c / s = e / s' - c v / (s s' (s + s')), v = s'^2 - s^2 = mean(e (2 c + e)).
    """
    centred = x - x.mean(-1, keepdim=True)
    moved = change - change.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True) + epsilon
    growth = torch.add(moved, centred, alpha=2).mul_(moved).mean(-1, keepdim=True)
    deviation, new_deviation = variance.sqrt(), (variance + growth).sqrt()
    shrink = growth / (deviation * new_deviation * (deviation + new_deviation))
    return moved.div_(new_deviation).sub_(centred.mul_(shrink)).mul_(weight)


def softmax_difference(weights: Tensor, change: Tensor, logits: Callable[[Rows], Tensor]) -> Tensor:
    """Change of a softmax over the last axis when its logits change.

    With p the softmax before and E = sum_j p_j expm1(d_j): p'_i - p_i = p_i (expm1(d_i) - E) / (1 + E).
    Adding a constant to d changes nothing, so its p-weighted mean is taken out first: then E is of second
    order. Where a key gains more than `LARGEST_GAIN` over that mean, its p may have been too small for a
    floating-point number and tells nothing of its new share: such rows are subtracted, which then loses nothing.

    Args:
        weights: p, [..., T]; rows sum to one.
        change: Change of the logits, [..., T].
        logits: Gives the logits before, [n, T], of rows by their indices; called for those that need it.

    Returns:
        [..., T]; rows sum to zero.
    """
    centred = change - (weights * change).sum(-1, keepdim=True)
    rows = (centred.amax(-1) > LARGEST_GAIN).nonzero(as_tuple=True)
    # Attention maps are the largest thing there is: as few new ones as possible.
    growth = centred.clamp_(max=LARGEST_GAIN).expm1_() if len(rows[0]) else centred.expm1_()
    total = (weights * growth).sum(-1, keepdim=True)
    result = growth.sub_(total).mul_(weights).div_(1 + total)
    if len(rows[0]):
        result[rows] = torch.softmax(logits(rows) + change[rows], dim=-1) - weights[rows]
    return result


def pool_difference(
    left: Tensor,
    right: Tensor,
    left_change: Tensor,
    right_change: Tensor,
    logit: Tensor,
    logit_change: Tensor,
) -> Tensor:
    """Change of attention pooling, right + s(z) (left - right) of neighbours, z = W (left - right) their logit.

    It is d_right + s(z + dz) (d_left - d_right) + (s(z + dz) - s(z)) (left - right), of the shape of `left`.
    """
    gate = torch.sigmoid(logit + logit_change)
    return right_change + gate * (left_change - right_change) + sigmoid_difference(logit, logit_change) * (left - right)
