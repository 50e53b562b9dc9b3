"""Gradients carried down through a transformer block, from what the forward pass left in its trace.

The transpose of what `propagation` does to a small change: vector-Jacobian products, written out because the trace has
everything that they need, and because queries can be taken a few at a time. Shapes as in `attention_change`; the
reference is one window (G = 1), and n gradients are carried at once.
"""

import torch
from torch import Tensor

from enformer_vep.models.enformer.attention import RelativeAttention, align_relative
from enformer_vep.models.enformer.delta.attention_change import (
    BlockTrace,
    merge_heads,
    portions_of_queries,
    reached,
)
from enformer_vep.models.enformer.network import TransformerBlock


def pull_block(block: TransformerBlock, trace: BlockTrace, gradients: Tensor) -> Tensor:
    """Carry gradients from a block's output to its input.

    Args:
        block: The block that left the trace.
        trace: Of one window.
        gradients: [n, Q, C], of n outputs with respect to what the block returned.

    Returns:
        [n, T, C], with respect to its input.
    """
    layer, norm = block.feed_forward, block.feed_forward_norm
    hidden = (gradients @ layer.contract.weight).mul_(trace.hidden > 0)
    middle = gradients + _pull_norm(trace.middle, hidden @ layer.expand.weight, norm.weight, norm.eps)
    norm = block.attention_norm
    pulled = _pull_norm(trace.x, _pull_attention(block.attention, trace, middle), norm.weight, norm.eps)
    _kept(pulled, trace.kept).add_(middle)
    return pulled


def _pull_norm(x: Tensor, gradients: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Through a LayerNorm over the last axis of `x`: with z = (x - mean) / s, (g - mean(g) - z mean(g z)) / s."""
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + epsilon).rsqrt()
    normalised, gradients = centred * scale, gradients * weight
    along = (gradients * normalised).mean(-1, keepdim=True)
    return (gradients - gradients.mean(-1, keepdim=True)).sub_(normalised * along).mul_(scale)


def _pull_attention(attention: RelativeAttention, trace: BlockTrace, gradients: Tensor) -> Tensor:
    """Gradients [n, Q, C] of what attention returns, carried to its normalised input: [n, T, C]."""
    mixed = attention.split(gradients @ attention.output.weight)
    keys, values = trace.keys, trace.values.transpose(2, 3)
    content = trace.query + attention.content_bias[:, None]
    relative_keys = attention.relative_keys(keys.shape[2]).transpose(1, 2)
    query_parts, key_sum, value_sum = [], torch.zeros_like(keys), torch.zeros_like(trace.values)
    for rows, maps in zip(portions_of_queries(mixed.shape[2], mixed.device), trace.maps, strict=True):
        weights, some = maps.weights.to(mixed), mixed[:, :, rows]
        value_sum = value_sum + weights.transpose(2, 3) @ some
        logits = some @ values
        logits = (logits - (weights * logits).sum(-1, keepdim=True)).mul_(weights)
        key_sum = key_sum + logits.transpose(2, 3) @ content[:, :, rows]
        by_distance = _by_distance(logits) @ reached(relative_keys, rows, trace.kept).transpose(1, 2)
        query_parts.append(by_distance.add_(logits @ keys))
    pulled = merge_heads(key_sum) @ attention.key.weight + merge_heads(value_sum) @ attention.value.weight
    queries = merge_heads(torch.cat(query_parts, dim=2)) * attention.key_size**-0.5
    _kept(pulled, trace.kept).add_(queries @ attention.query.weight)
    return pulled


def _by_distance(logits: Tensor) -> Tensor:
    """Gradients of logits [n, H, rows, T] as those of the products that `align_relative` picked them from."""
    tokens, count = logits.shape[3], logits.shape[2]
    products = logits.new_zeros(*logits.shape[:3], tokens + count - 1)
    align_relative(products, tokens, tokens - count).copy_(logits)
    return products


def _kept(x: Tensor, kept: slice | None) -> Tensor:
    return x if kept is None else x[:, kept]
