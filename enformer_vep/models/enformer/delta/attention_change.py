"""The change of attention, with every product that the change takes part in spelled out.

With q' = q + dq and so on: d(q k) = dq k + q' dk, and d(p v) = dp v' + p dv. Shapes as in `propagation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from enformer_vep.effects.differences import Rows, softmax_difference
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.attention import RelativeAttention, align_relative

QUERIES_AT_ONCE = 128
"""On a CPU. Queries do not depend on each other: attention maps of 128 of them (6 MB in the full-size model, of all of
them 75 MB) stay in the caches while they are worked on, and have products with few relative keys that they do not need.
"""


@dataclass(frozen=True, slots=True)
class Maps:
    """Attention maps of some queries of the reference.

    Attributes:
        weights: [G, H, rows, T], float32 at least.
        logits: [G, H, rows, T], before the softmax; None where only gradients are wanted, which need none.
    """

    weights: Tensor
    logits: Tensor | None


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """What a transformer block computed for the reference.

    Attributes:
        x: [G, T, C], input.
        kept: Tokens that are wanted; None for all.
        query: [G, H, Q, K], scaled.
        keys: [G, H, T, K].
        values: [G, H, T, V].
        maps: Attention maps of all Q queries, some at a time (`portions_of_queries`).
        middle: [G, Q, C], after attention and its residual connection.
        hidden: [G, Q, 2 C], before the ReLU.
        output: [G, Q, C].
    """

    x: Tensor
    kept: slice | None
    query: Tensor
    keys: Tensor
    values: Tensor
    maps: tuple[Maps, ...]
    middle: Tensor
    hidden: Tensor
    output: Tensor

    def for_gradients(self) -> "BlockTrace":
        """The same in half the memory, without what only changes need."""
        return replace(self, maps=tuple(Maps(one.weights, None) for one in self.maps))


def trace_attention(
    attention: RelativeAttention, query: Tensor, keys: Tensor, values: Tensor, kept: slice | None
) -> tuple[tuple[Maps, ...], Tensor]:
    """Attention maps and mixed values [G, H, Q, V] of the reference.

    Args:
        attention: The layer.
        query: [G, H, Q, K], scaled.
        keys: [G, H, T, K].
        values: [G, H, T, V].
        kept: As in the trace.
    """
    content, position = query + attention.content_bias[:, None], query + attention.position_bias[:, None]
    keys, tokens = keys.transpose(2, 3), keys.shape[2]
    relative_keys = attention.relative_keys(tokens).transpose(1, 2)
    maps, mixed = [], []
    for rows in portions_of_queries(query.shape[2], query.device):
        logits = content[:, :, rows] @ keys
        logits += _relative_logits(position[:, :, rows] @ reached(relative_keys, rows, kept), tokens)
        weights = torch.softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
        maps.append(Maps(weights, logits))
        mixed.append(weights.to(values) @ values)
    return tuple(maps), torch.cat(mixed, dim=2)


@dataclass(frozen=True, slots=True)
class _Operands:
    """What all queries of some alternates share, as the products take it.

    Attributes:
        queries: [B, H, Q, K], change of the queries, scaled.
        new_queries: [B, H, Q, K], reference and change, with the content bias.
        keys: [B, H, K, T], of the reference.
        key_changes: [B, H, K, T].
        relative_keys: [H, K, 2 T - 1].
        values: [B, H, T, V], reference and change.
        value_changes: [B, H, T, V].
    """

    queries: Tensor
    new_queries: Tensor
    keys: Tensor
    key_changes: Tensor
    relative_keys: Tensor
    values: Tensor
    value_changes: Tensor


def attention_change(
    attention: RelativeAttention,
    trace: BlockTrace,
    moved: Tensor,
    owner: Tensor,
    products: Products,
    deferred: list[Tensor] | None = None,
) -> Tensor:
    """Change of what attention returns.

    Args:
        attention: The layer.
        trace: Reference values of its block.
        moved: [B, T, C], change of the layer's input.
        owner: int64 [B].
        products: Arithmetic of the change.
        deferred: See `enformer_vep.effects.differences.softmax_difference`.

    Returns:
        [B, Q, C].
    """
    operands = _operands(attention, trace, moved, owner, products)
    parts = []
    portions = portions_of_queries(operands.queries.shape[2], moved.device)
    for rows, maps in zip(portions, trace.maps, strict=True):
        change = _logit_change(operands, rows, trace.kept, products)
        parts.append(_mixed_change(maps, owner, operands, change, products, deferred))
    return products.linear(merge_heads(torch.cat(parts, dim=2)), attention.output.weight)


def _operands(
    attention: RelativeAttention, trace: BlockTrace, moved: Tensor, owner: Tensor, products: Products
) -> _Operands:
    kept = moved if trace.kept is None else moved[:, trace.kept]
    query_change = attention.split(products.linear(kept, attention.query.weight)) * attention.key_size**-0.5
    key_change = attention.split(products.linear(moved, attention.key.weight))
    value_change = attention.split(products.linear(moved, attention.value.weight))
    new_query = owned(trace.query, owner) + query_change + attention.content_bias[:, None]
    tokens = trace.keys.shape[2]
    # In one piece, or each of the products that they take part in copies them again.
    return _Operands(
        products.left(query_change).contiguous(),
        products.right(new_query).contiguous(),
        products.right(owned(trace.keys, owner)).transpose(2, 3).contiguous(),
        products.left(key_change).transpose(2, 3).contiguous(),
        products.right(attention.relative_keys(tokens)).transpose(1, 2).contiguous(),
        products.right(owned(trace.values, owner) + value_change).contiguous(),
        products.left(value_change).contiguous(),
    )


def _logit_change(operands: _Operands, rows: slice, kept: slice | None, products: Products) -> Tensor:
    """Change of the logits of some queries, [B, H, rows, T]."""
    query_change, new_query = operands.queries[:, :, rows], operands.new_queries[:, :, rows]
    change = products.matmul(query_change, operands.keys)
    change += products.matmul_right(new_query, operands.key_changes)
    relative = products.matmul(query_change, reached(operands.relative_keys, rows, kept))
    return change.add_(_relative_logits(relative, change.shape[3]))


def _mixed_change(
    maps: Maps,
    owner: Tensor,
    operands: _Operands,
    logit_change: Tensor,
    products: Products,
    deferred: list[Tensor] | None,
) -> Tensor:
    """Change of the mixed values of some queries, [B, H, rows, V]."""
    weights = owned(maps.weights, owner)

    def logits(those: Rows) -> Tensor:
        alternate, head, query = those
        assert maps.logits is not None, "the trace is one for gradients"
        return maps.logits[owner[alternate], head, query]

    weights_change = softmax_difference(weights, logit_change, logits, deferred)
    mixed_change = products.matmul(weights_change, operands.values)
    mixed_change += products.matmul_right(weights, operands.value_changes)
    return mixed_change


def portions_of_queries(count: int, device: torch.device) -> Iterator[slice]:
    """Queries to work on at a time: few on a CPU, all on a GPU."""
    step = QUERIES_AT_ONCE if device.type == "cpu" else max(count, 1)
    return (slice(first, min(first + step, count)) for first in range(0, count, step))


def reached(relative_keys: Tensor, rows: slice, kept: slice | None) -> Tensor:
    """Of relative keys [H, K, 2 T - 1] those that some queries need.

    From the distance of the last query to token 0 up to that of the first one to token T - 1.
    """
    tokens, first = (relative_keys.shape[2] + 1) // 2, rows.start + (0 if kept is None else kept.start)
    return relative_keys[:, :, tokens - first - (rows.stop - rows.start) : 2 * tokens - 1 - first]


def _relative_logits(products: Tensor, tokens: int) -> Tensor:
    """[B, H, rows, T] of queries' products with the relative keys that they reach."""
    return align_relative(products.contiguous(), tokens, tokens - products.shape[2])


def owned(values: Tensor, owner: Tensor) -> Tensor:
    """Rows [B, ...] of what the reference has [G, ...]: of one window a view, since attention maps are large."""
    return values.expand(len(owner), *values.shape[1:]) if len(values) == 1 else values[owner]


def merge_heads(mixed: Tensor) -> Tensor:
    """[B, H, Q, V] to [B, Q, H * V]."""
    return mixed.transpose(1, 2).flatten(2)
