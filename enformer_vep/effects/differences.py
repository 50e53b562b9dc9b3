"""f(x + d) - f(x) for every operation of the networks, in forms that do not cancel.

Exact algebra, not a linearisation: in float64 each equals the subtraction to rounding, for large d as well as
small. In float32 the relative error stays near 1e-7 however small d is, where subtracting two results of f
would leave nothing once d falls below 1e-7 of x. Derivations stand with each function; they are elementary and
ours, checked against 90-digit arithmetic in the tests.

Arguments called `change` are differences alternate - reference; results are too.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from enformer_vep.effects.activations import GELU_SLOPE, GELU_TANH_CUBE, GELU_TANH_SLOPE, softplus

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


def tanh_gelu_difference(x: Tensor, change: Tensor) -> Tensor:
    """Of GELU's tanh form, which is x s(w(x)) with w(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3), in the same way.

    w(x + d) - w(x) = 2 sqrt(2 / pi) d (1 + 0.044715 (3 x^2 + 3 x d + d^2)), whose last factor is never below one.
    """
    inner = GELU_TANH_SLOPE * x * (1 + GELU_TANH_CUBE * x.square())
    growth = 1 + GELU_TANH_CUBE * (3 * x * (x + change) + change.square())
    inner_change = GELU_TANH_SLOPE * change * growth
    return change * torch.sigmoid(inner + inner_change) + x * sigmoid_difference(inner, inner_change)


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


def softmax_difference(
    weights: Tensor, change: Tensor, logits: Callable[[Rows], Tensor], deferred: list[Tensor] | None = None
) -> Tensor:
    """Change of a softmax over the last axis when its logits change.

    With p the softmax before and E = sum_j p_j expm1(d_j): p'_i - p_i = p_i (expm1(d_i) - E) / (1 + E).
    Adding a constant to d changes nothing, so its p-weighted mean is taken out first: then E is of second
    order. Where a key gains more than `LARGEST_GAIN` over that mean, its p may have been too small for a
    floating-point number and tells nothing of its new share: such rows are subtracted, which then loses nothing.

    Args:
        weights: p, [..., T]; rows sum to one.
        change: Change of the logits, [..., T].
        logits: Gives the logits before, [n, T], of rows by their indices; called for those that need it.
        deferred: Takes a bool tensor that says whether any row needs it, instead of looking: a GPU would have to be
            waited for. Where it is true the result is of no use.

    Returns:
        [..., T]; rows sum to zero.
    """
    centred = change - (weights * change).sum(-1, keepdim=True)
    if deferred is not None:
        deferred.append((centred > LARGEST_GAIN).any())
        growth = centred.expm1_()
        total = (weights * growth).sum(-1, keepdim=True)
        return growth.sub_(total).mul_(weights).div_(1 + total)
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


def pool_max_difference(left: Tensor, right: Tensor, left_change: Tensor, right_change: Tensor) -> Tensor:
    """max(l + dl, r + dr) - max(l, r), of the shape of `left`.

    With m = max(l, r) it is max(dl - (m - l), dr - (m - r)): one of the two gaps is zero and the other, |l - r|, counts
    only where it is no larger than the changes, so whichever of both is the larger one afterwards, nothing cancels.
    """
    return torch.maximum(left_change - torch.relu(right - left), right_change - torch.relu(left - right))


def batch_norm_slope(norm: nn.BatchNorm1d) -> Tensor:
    """[C], by which BatchNorm in eval mode multiplies a change."""
    assert norm.running_var is not None
    return norm.weight * (norm.running_var + norm.eps).rsqrt()
