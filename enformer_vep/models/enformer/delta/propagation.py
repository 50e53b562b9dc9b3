"""The change of everything above the convolutions: transformer, final block and head.

The reference goes through a layer once and leaves a trace of what the changes need; then every alternate's
change follows. Linear maps act on a change directly; the others through `differences`.
Shapes: G reference windows, B alternates, H heads, T tokens, Q wanted tokens, N bins, C channels.
`owner` [B] is the row of the reference that each alternate belongs to.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.activations import gelu, softplus
from enformer_vep.effects.differences import (
    Rows,
    gelu_difference,
    layer_norm_difference,
    relu_difference,
    softmax_difference,
    softplus_difference,
)
from enformer_vep.effects.engine import SelectedHead
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.attention import RelativeAttention, align_relative
from enformer_vep.models.enformer.network import ConvBlock, TransformerBlock

QUERIES_AT_ONCE = 128
"""On a CPU. Attention maps of 128 queries of the full-size model take 6 MB, those of all 75 MB."""


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """What a transformer block computed for the reference.

    Attributes:
        x: [G, T, C], input.
        kept: Tokens that are wanted; None for all.
        query: [G, H, Q, K], scaled.
        keys: [G, H, T, K].
        values: [G, H, T, V].
        logits: [G, H, Q, T], before the softmax.
        weights: [G, H, Q, T], attention maps, float32 at least.
        middle: [G, Q, C], after attention and its residual connection.
        hidden: [G, Q, 2 C], before the ReLU.
        output: [G, Q, C].
    """

    x: Tensor
    kept: slice | None
    query: Tensor
    keys: Tensor
    values: Tensor
    logits: Tensor
    weights: Tensor
    middle: Tensor
    hidden: Tensor
    output: Tensor


def trace_block(block: TransformerBlock, x: Tensor, kept: slice | None = None) -> BlockTrace:
    """The block's own forward pass, with its intermediate values kept.

    Args:
        block: The block, in eval mode.
        x: [G, T, C].
        kept: Tokens that are wanted; all when None.

    Returns:
        The trace; its `output` is what the block returns.
    """
    attention, layer = block.attention, block.feed_forward
    normalised = block.attention_norm(x)
    query = attention.split(attention.query(_keep(normalised, kept))) * attention.key_size**-0.5
    keys, values = attention.split(attention.key(normalised)), attention.split(attention.value(normalised))
    logits = _logits(attention, query, keys, kept)
    weights = torch.softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    middle = _keep(x, kept) + attention.output(_merge(weights.to(values) @ values))
    hidden = layer.expand(block.feed_forward_norm(middle))
    output = middle + layer.contract(torch.relu(hidden))
    return BlockTrace(x, kept, query, keys, values, logits, weights, middle, hidden, output)


def propagate_block(
    block: TransformerBlock, trace: BlockTrace, change: Tensor, owner: Tensor, products: Products
) -> Tensor:
    """Carry changes through a transformer block.

    Args:
        block: The block that left the trace.
        trace: Reference values.
        change: [B, T, C], change of the block's input.
        owner: int64 [B].
        products: Arithmetic of the change.

    Returns:
        [B, Q, C], change of the block's output.
    """
    norm, layer = block.attention_norm, block.feed_forward
    moved = layer_norm_difference(trace.x[owner], change, norm.weight, norm.eps)
    change = _keep(change, trace.kept) + _attention_change(block.attention, trace, moved, owner, products)
    norm = block.feed_forward_norm
    moved = layer_norm_difference(trace.middle[owner], change, norm.weight, norm.eps)
    hidden_change = products.linear(moved, layer.expand.weight)
    activated = relu_difference(trace.hidden[owner].to(hidden_change), hidden_change)
    return change + products.linear(activated, layer.contract.weight)


def _attention_change(
    attention: RelativeAttention, trace: BlockTrace, moved: Tensor, owner: Tensor, products: Products
) -> Tensor:
    """Change of attention, with every product that the change takes part in spelled out.

    With q' = q + dq and so on: d(q k) = dq k + q' dk, and d(p v) = dp v' + p dv. Queries do not depend on each
    other: on a CPU some are taken at a time, so that what is done to their maps is done in its caches.
    """
    query_change = products.linear(_keep(moved, trace.kept), attention.query.weight)
    query_change = attention.split(query_change) * attention.key_size**-0.5
    key_change = attention.split(products.linear(moved, attention.key.weight))
    value_change = attention.split(products.linear(moved, attention.value.weight))
    queries = query_change.shape[2]
    step = QUERIES_AT_ONCE if moved.device.type == "cpu" else queries
    changes = _Changes(query_change, key_change, value_change)
    mixed_change = torch.cat(
        [
            _mixed_change(attention, trace, owner, changes, slice(first, min(first + step, queries)), products)
            for first in range(0, queries, step)
        ],
        dim=2,
    )
    return products.linear(_merge(mixed_change), attention.output.weight)


@dataclass(frozen=True, slots=True)
class _Changes:
    """Of queries [B, H, Q, K], scaled, keys [B, H, T, K] and values [B, H, T, V]."""

    query: Tensor
    key: Tensor
    value: Tensor


def _mixed_change(
    attention: RelativeAttention,
    trace: BlockTrace,
    owner: Tensor,
    changes: _Changes,
    rows: slice,
    products: Products,
) -> Tensor:
    """Change of the mixed values of some queries, [B, H, rows, V]."""
    # Of one window a view: attention maps are too large to be copied for every alternate.
    weights = trace.weights[:, :, rows]
    weights = weights.expand(len(owner), -1, -1, -1) if len(weights) == 1 else weights[owner]

    def logits(those: Rows) -> Tensor:
        alternate, head, query = those
        return trace.logits[owner[alternate], head, rows.start + query]

    logit_change = _logit_change(attention, trace, owner, changes, rows, products)
    weights_change = softmax_difference(weights, logit_change, logits)
    mixed_change = products.matmul(weights_change, trace.values[owner] + changes.value)
    mixed_change += _from_right(products, weights, changes.value)
    return mixed_change


def _logit_change(
    attention: RelativeAttention,
    trace: BlockTrace,
    owner: Tensor,
    changes: _Changes,
    rows: slice,
    products: Products,
) -> Tensor:
    """Change of the logits of some queries, [B, H, rows, T]."""
    keys, query_change = trace.keys[owner], changes.query[:, :, rows]
    new_query = trace.query[owner, :, rows] + query_change + attention.content_bias[:, None]
    change = products.matmul(query_change, keys.transpose(2, 3))
    change += _from_right(products, new_query, changes.key.transpose(2, 3))
    # The distances at which these queries have keys: from the last one's to token 0 to the first one's to T - 1.
    tokens, count = keys.shape[2], rows.stop - rows.start
    first = rows.start + (0 if trace.kept is None else trace.kept.start)
    reached = slice(tokens - first - count, 2 * tokens - 1 - first)
    relative = products.matmul(query_change, _relative_keys(attention, tokens)[:, :, reached])
    return change.add_(align_relative(relative.contiguous(), tokens, tokens - count))


def _from_right(products: Products, left: Tensor, change: Tensor) -> Tensor:
    """`left` times `change`, by a product whose first operand is the change."""
    return products.matmul(change.transpose(2, 3), left.transpose(2, 3)).transpose(2, 3)


def _logits(attention: RelativeAttention, query: Tensor, keys: Tensor, kept: slice | None) -> Tensor:
    content = (query + attention.content_bias[:, None]) @ keys.transpose(2, 3)
    relative = (query + attention.position_bias[:, None]) @ _relative_keys(attention, keys.shape[2])
    return content.add_(_aligned(relative, keys.shape[2], kept))


def _relative_keys(attention: RelativeAttention, tokens: int) -> Tensor:
    return attention.relative_keys(tokens).transpose(1, 2)


def _aligned(products: Tensor, tokens: int, kept: slice | None) -> Tensor:
    return align_relative(products.contiguous(), tokens, 0 if kept is None else kept.start)


def _merge(mixed: Tensor) -> Tensor:
    return mixed.transpose(1, 2).flatten(2)


def _keep(x: Tensor, kept: slice | None) -> Tensor:
    return x if kept is None else x[:, kept]


@dataclass(frozen=True, slots=True)
class FinalTrace:
    """What the final block and a head computed for the reference.

    Attributes:
        normalised: [G, N, C], after BatchNorm.
        hidden: [G, N, 2 C], before the last GELU.
        logits: [G, N, tracks], before the softplus.
    """

    normalised: Tensor
    hidden: Tensor
    logits: Tensor

    @property
    def prediction(self) -> Tensor:
        """[G, N, tracks]."""
        return softplus(self.logits)


def trace_final(block: ConvBlock, head: SelectedHead, x: Tensor) -> FinalTrace:
    """Final pointwise block and head, with their intermediate values kept.

    Args:
        block: The block of width 1, in eval mode.
        head: Wanted tracks; computed in their own precision.
        x: [G, N, C].

    Returns:
        The trace.
    """
    slope = _slope(block)
    assert block.norm.running_mean is not None
    normalised = (x - block.norm.running_mean) * slope + block.norm.bias
    hidden = F.linear(gelu(normalised), block.conv.weight[:, :, 0], block.conv.bias)
    with torch.autocast(x.device.type, enabled=False):
        hidden = hidden.to(head.dtype)
        logits = F.linear(gelu(hidden), head.weight, head.bias)
    return FinalTrace(normalised, hidden, logits)


def propagate_final(
    block: ConvBlock, head: SelectedHead, trace: FinalTrace, change: Tensor, owner: Tensor, products: Products
) -> Tensor:
    """Carry changes through the final block, the head and its softplus.

    Args:
        block: The block that left the trace.
        head: The head that left the trace.
        trace: Reference values.
        change: [B, N, C].
        owner: int64 [B].
        products: Arithmetic of the change; the head's is its own.

    Returns:
        [B, N, tracks], alternate minus reference prediction.
    """
    change = gelu_difference(trace.normalised[owner].to(change), change * _slope(block))
    change = products.linear(change, block.conv.weight[:, :, 0]).to(head.dtype)
    change = gelu_difference(trace.hidden[owner], change)
    with torch.autocast(change.device.type, enabled=False):
        return softplus_difference(trace.logits[owner], F.linear(change, head.weight))


def _slope(block: ConvBlock) -> Tensor:
    assert block.norm.running_var is not None
    return block.norm.weight * (block.norm.running_var + block.norm.eps).rsqrt()
