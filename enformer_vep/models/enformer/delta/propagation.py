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
    gelu_difference,
    layer_norm_difference,
    relu_difference,
    softplus_difference,
)
from enformer_vep.effects.engine import SelectedHead
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.delta.attention_change import (
    BlockTrace,
    attention_change,
    merge_heads,
    owned,
    trace_attention,
)
from enformer_vep.models.enformer.network import ConvBlock, TransformerBlock


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
    maps, mixed = trace_attention(attention, query, keys, values, kept)
    middle = _keep(x, kept) + attention.output(merge_heads(mixed))
    hidden = layer.expand(block.feed_forward_norm(middle))
    output = middle + layer.contract(torch.relu(hidden))
    return BlockTrace(x, kept, query, keys, values, maps, middle, hidden, output)


def propagate_block(
    block: TransformerBlock,
    trace: BlockTrace,
    change: Tensor,
    owner: Tensor,
    products: Products,
    deferred: list[Tensor] | None = None,
) -> Tensor:
    """Carry changes through a transformer block.

    Args:
        block: The block that left the trace.
        trace: Reference values.
        change: [B, T, C], change of the block's input.
        owner: int64 [B].
        products: Arithmetic of the change.
        deferred: See `enformer_vep.effects.differences.softmax_difference`.

    Returns:
        [B, Q, C], change of the block's output.
    """
    norm, layer = block.attention_norm, block.feed_forward
    moved = layer_norm_difference(owned(trace.x, owner), change, norm.weight, norm.eps)
    change = _keep(change, trace.kept) + attention_change(block.attention, trace, moved, owner, products, deferred)
    norm = block.feed_forward_norm
    moved = layer_norm_difference(owned(trace.middle, owner), change, norm.weight, norm.eps)
    hidden_change = products.linear(moved, layer.expand.weight)
    activated = relu_difference(owned(trace.hidden, owner).to(hidden_change), hidden_change)
    return change + products.linear(activated, layer.contract.weight)


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
    change = gelu_difference(owned(trace.normalised, owner).to(change), change * _slope(block))
    change = products.linear(change, block.conv.weight[:, :, 0]).to(head.dtype)
    change = gelu_difference(owned(trace.hidden, owner), change)
    with torch.autocast(change.device.type, enabled=False):
        return softplus_difference(owned(trace.logits, owner), F.linear(change, head.weight))


def _slope(block: ConvBlock) -> Tensor:
    assert block.norm.running_var is not None
    return block.norm.weight * (block.norm.running_var + block.norm.eps).rsqrt()
