"""The change of everything above the convolutions: transformer, final block and head.

Linear maps act on the change directly; the others through `differences`. Shapes: G reference windows,
B alternates, H heads, T tokens, Q queries, C channels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.differences import (
    gelu_difference,
    layer_norm_difference,
    relu_difference,
    softmax_difference,
    softplus_difference,
)
from enformer_vep.effects.products import Products
from enformer_vep.model.attention import RelativeAttention, align_relative
from enformer_vep.model.enformer import ConvBlock, FeedForward, TransformerBlock, gelu, softplus


@dataclass(frozen=True, slots=True)
class Carried:
    """What travels through the network.

    Attributes:
        reference: [G, positions, channels].
        change: [B, positions, channels], alternate minus reference.
        owner: int64 [B], the row of `reference` that each alternate belongs to.
    """

    reference: Tensor
    change: Tensor
    owner: Tensor

    def keep(self, positions: slice | None) -> "Carried":
        """Only some positions; all when None."""
        if positions is None:
            return self
        return Carried(self.reference[:, positions], self.change[:, positions], self.owner)

    def plus(self, other: "Carried") -> "Carried":
        """Residual connection."""
        return Carried(self.reference + other.reference, self.change + other.change, self.owner)


def propagate_block(
    block: TransformerBlock, carried: Carried, products: Products, kept: slice | None = None
) -> Carried:
    """Carry a change through one transformer block.

    Args:
        block: The block, in eval mode.
        carried: Tokens, [.., T, C].
        products: Arithmetic of the change.
        kept: Tokens that are wanted; all when None.

    Returns:
        Tokens, [.., Q, C].
    """
    normalised = _layer_norm(block.attention_norm, carried)
    attended = _attention(block.attention, normalised, products, kept)
    carried = carried.keep(kept).plus(attended)
    return carried.plus(
        _feed_forward(block.feed_forward, _layer_norm(block.feed_forward_norm, carried), products)
    )


def propagate_final(block: ConvBlock, carried: Carried, products: Products) -> Carried:
    """Carry a change through the final pointwise block and the GELU after it.

    Args:
        block: The block of width 1, in eval mode.
        carried: Bins, [.., N, C].
        products: Arithmetic of the change.

    Returns:
        Bins, [.., N, 2 C].
    """
    norm, weight = block.norm, block.conv.weight[:, :, 0]
    assert norm.running_var is not None
    assert norm.running_mean is not None
    slope = norm.weight * (norm.running_var + norm.eps).rsqrt()
    normalised = Carried(
        (carried.reference - norm.running_mean) * slope + norm.bias, carried.change * slope, carried.owner
    )
    return _gelu(_linear(_gelu(normalised), weight, block.conv.bias, products))


def propagate_head(weight: Tensor, bias: Tensor, carried: Carried) -> Carried:
    """Carry a change through a head, in the head's own precision.

    Args:
        weight: [tracks, 2 C].
        bias: [tracks].
        carried: Bins, [.., N, 2 C].

    Returns:
        Predictions, [.., N, tracks].
    """
    logits = F.linear(carried.reference.to(weight.dtype), weight, bias)
    logit_change = F.linear(carried.change.to(weight.dtype), weight)
    change = softplus_difference(logits[carried.owner], logit_change)
    return Carried(softplus(logits), change, carried.owner)


def _layer_norm(norm: torch.nn.LayerNorm, carried: Carried) -> Carried:
    moved = layer_norm_difference(carried.reference[carried.owner], carried.change, norm.weight, norm.eps)
    return Carried(norm(carried.reference), moved, carried.owner)


def _gelu(carried: Carried) -> Carried:
    change = gelu_difference(carried.reference[carried.owner].to(carried.change), carried.change)
    return Carried(gelu(carried.reference), change, carried.owner)


def _linear(carried: Carried, weight: Tensor, bias: Tensor | None, products: Products) -> Carried:
    return Carried(
        F.linear(carried.reference, weight, bias), products.linear(carried.change, weight), carried.owner
    )


def _attention(
    attention: RelativeAttention, carried: Carried, products: Products, kept: slice | None
) -> Carried:
    """Attention, with every product that the change takes part in spelled out.

    With q' = q + dq and so on: d(q k) = dq k + q' dk, and d(p v) = dp v' + p dv.
    """
    owner, split = carried.owner, attention.split
    query = _scaled_query(attention, carried.keep(kept), products)
    key = _linear(carried, attention.key.weight, None, products)
    value = _linear(carried, attention.value.weight, None, products)
    keys, key_change = split(key.reference), split(key.change)
    values, value_change = split(value.reference), split(value.change)
    weights = torch.softmax(_logits(attention, split(query.reference), keys, kept), dim=-1)
    logit_change = _logit_change(attention, query, keys[owner], key_change, products, kept)
    own_weights = weights[owner]
    weights_change = softmax_difference(own_weights, logit_change)
    mixed_change = products.matmul(weights_change, values[owner] + value_change)
    mixed_change += products.matmul(value_change.transpose(2, 3), own_weights.transpose(2, 3)).transpose(2, 3)
    mixed = Carried(_merge(weights.to(values) @ values), _merge(mixed_change), owner)
    return _linear(mixed, attention.output.weight, attention.output.bias, products)


def _scaled_query(attention: RelativeAttention, carried: Carried, products: Products) -> Carried:
    query = _linear(carried, attention.query.weight, None, products)
    scale = attention.key_size**-0.5
    return Carried(query.reference * scale, query.change * scale, query.owner)


def _logits(attention: RelativeAttention, query: Tensor, keys: Tensor, kept: slice | None) -> Tensor:
    content = (query + attention.content_bias[:, None]) @ keys.transpose(2, 3)
    relative = (query + attention.position_bias[:, None]) @ _relative_keys(attention, keys.shape[2])
    return content + _aligned(relative, keys.shape[2], kept)


def _logit_change(
    attention: RelativeAttention,
    query: Carried,
    keys: Tensor,
    key_change: Tensor,
    products: Products,
    kept: slice | None,
) -> Tensor:
    query_change = attention.split(query.change)
    new_query = attention.split(query.reference)[query.owner] + query_change + attention.content_bias[:, None]
    change = products.matmul(key_change, new_query.transpose(2, 3)).transpose(2, 3)
    change += products.matmul(query_change, keys.transpose(2, 3))
    relative = products.matmul(query_change, _relative_keys(attention, keys.shape[2]))
    return change.add_(_aligned(relative, keys.shape[2], kept))


def _relative_keys(attention: RelativeAttention, tokens: int) -> Tensor:
    return attention.relative_keys(tokens).transpose(1, 2)


def _aligned(products: Tensor, tokens: int, kept: slice | None) -> Tensor:
    return align_relative(products.contiguous(), tokens, 0 if kept is None else kept.start)


def _merge(mixed: Tensor) -> Tensor:
    return mixed.transpose(1, 2).flatten(2)


def _feed_forward(layer: FeedForward, carried: Carried, products: Products) -> Carried:
    hidden = _linear(carried, layer.expand.weight, layer.expand.bias, products)
    change = relu_difference(hidden.reference[carried.owner].to(hidden.change), hidden.change)
    activated = Carried(torch.relu(hidden.reference), change, carried.owner)
    return _linear(activated, layer.contract.weight, layer.contract.bias, products)
