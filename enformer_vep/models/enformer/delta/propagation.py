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

    With q' = q + dq and so on: d(q k) = dq k + q' dk, and d(p v) = dp v' + p dv.
    """
    query_change = products.linear(_keep(moved, trace.kept), attention.query.weight)
    query_change = attention.split(query_change) * attention.key_size**-0.5
    key_change = attention.split(products.linear(moved, attention.key.weight))
    value_change = attention.split(products.linear(moved, attention.value.weight))
    # Of one window a view: attention maps are too large to be copied for every alternate.
    weights = trace.weights.expand(len(owner), -1, -1, -1) if len(trace.weights) == 1 else trace.weights[owner]
    logit_change = _logit_change(attention, trace, owner, query_change, key_change, products)

    def logits(rows: Rows) -> Tensor:
        alternate, head, query = rows
        return trace.logits[owner[alternate], head, query]

    weights_change = softmax_difference(weights, logit_change, logits)
    mixed_change = products.matmul(weights_change, trace.values[owner] + value_change)
    mixed_change += _from_right(products, weights, value_change)
    return products.linear(_merge(mixed_change), attention.output.weight)


def _logit_change(
    attention: RelativeAttention,
    trace: BlockTrace,
    owner: Tensor,
    query_change: Tensor,
    key_change: Tensor,
    products: Products,
) -> Tensor:
    keys, new_query = trace.keys[owner], trace.query[owner] + query_change + attention.content_bias[:, None]
    change = products.matmul(query_change, keys.transpose(2, 3))
    change += _from_right(products, new_query, key_change.transpose(2, 3))
    relative = products.matmul(query_change, _relative_keys(attention, keys.shape[2]))
    return change.add_(_aligned(relative, keys.shape[2], trace.kept))


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
