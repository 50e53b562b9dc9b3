"""Every stage of an Enformer on seeded inputs, against its definition in float64."""

from collections.abc import Iterator
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor

from enformer_vep.models.enformer.attention import RelativeAttention
from enformer_vep.models.enformer.network import ConvBlock, ConvStage, Enformer, TransformerBlock
from enformer_vep.verification import definitions as define
from enformer_vep.verification.definitions import Array
from enformer_vep.verification.stage import Stage, numbers, one_hot_bases, seeded

NORM_EPSILON = 1e-5
POSITIONS, TOKENS = 64, 22
"""Of the inputs; even, as pooling and cropping need. Not the model's own: weights are what takes time."""
_CONVOLUTION = "a GELU that is not x s(1.702 x), another BatchNorm epsilon, padding, or pooling"
_ATTENTION = "another positional table (gamma features are divided by their maximum over positions), biases, or scale"


def stages(network: Enformer) -> Iterator[Stage]:
    """What to compare, in the order of the network."""
    for number, stage in enumerate(network.stages):
        x = one_hot_bases(POSITIONS) if number == 0 else seeded(number, _convolution(stage).in_channels, POSITIONS)
        name = "stem" if number == 0 else f"tower {number}"
        yield Stage(name, _batch(x), stage, define_stage(stage, x), _CONVOLUTION)
    yield _tower(network)
    for number, block in enumerate(network.transformer_blocks):
        x = seeded(100 + number, TOKENS, network.config.channels) * 0.1
        yield Stage(f"transformer {number + 1}", _batch(x), block, define_block(block, x), _ATTENTION)
    yield from _relative_keys(network)
    yield _crop(network)
    x = seeded(300, TOKENS, network.config.channels)
    for organism in network.organisms:
        yield Stage(
            f"head {organism}",
            _batch(x),
            partial(_predict, network, organism),
            define_head(network, organism, x),
            "the final block, another head, or an activation that is not softplus",
        )


def _predict(network: Enformer, organism: str, x: Tensor) -> Tensor:
    return network.predict_tracks(network.finish(x), organism)


def define_stage(stage: ConvStage, x: Array) -> Array:
    """Convolution, residual convolution of width 1, pooling: [C_in, P] to [C_out, P / 2]."""
    first = _convolution(stage)
    values = define.gelu(_norm(stage.conv.norm, x)) if isinstance(stage.conv, ConvBlock) else x
    values = define.convolve(values, numbers(first.weight), numbers(first.bias))
    point = stage.pointwise
    hidden = define.gelu(_norm(point.norm, values))
    values = values + define.convolve(hidden, numbers(point.conv.weight), numbers(point.conv.bias))
    return define.softmax_pool(values, numbers(stage.pool.logit))


def define_block(block: TransformerBlock, x: Array) -> Array:
    """Residual attention and residual feed-forward: [T, C] to [T, C]."""
    attention, layer = block.attention, block.feed_forward
    normal = define.layer_norm(x, numbers(block.attention_norm.weight), numbers(block.attention_norm.bias))
    reach = attention.positional_tokens or len(x)
    features = define.positional_features(len(x), reach, attention.relative_key.in_features)

    def split(values: Array) -> Array:
        return values.reshape(len(values), attention.heads, -1).transpose(1, 0, 2)

    query, key, value = (
        split(normal @ numbers(one.weight).T) for one in (attention.query, attention.key, attention.value)
    )
    relative = split(features @ numbers(attention.relative_key.weight).T)
    biases = numbers(attention.content_bias), numbers(attention.position_bias)
    mixed = define.attend(query, key, value, relative, *biases)
    middle = x + mixed @ numbers(attention.output.weight).T + numbers(attention.output.bias)
    norm = block.feed_forward_norm
    hidden = define.layer_norm(middle, numbers(norm.weight), numbers(norm.bias))
    hidden = np.maximum(hidden @ numbers(layer.expand.weight).T + numbers(layer.expand.bias), 0)
    return np.asarray(middle + hidden @ numbers(layer.contract.weight).T + numbers(layer.contract.bias))


def define_head(network: Enformer, organism: str, x: Array) -> Array:
    """Final block, head and softplus: [N, C] to [N, tracks]."""
    final, head = network.final, network.head(organism)
    hidden = define.convolve(define.gelu(_norm(final.norm, x.T)), numbers(final.conv.weight), numbers(final.conv.bias))
    return define.softplus(define.gelu(hidden).T @ numbers(head.weight).T + numbers(head.bias))


def _relative_keys(network: Enformer) -> Iterator[Stage]:
    """The positional table at the model's own length, as the first block's relative keys."""
    for block in network.transformer_blocks[:1]:
        attention, tokens = block.attention, network.config.tokens
        reach = attention.positional_tokens or tokens
        features = define.positional_features(tokens, reach, attention.relative_key.in_features)
        keys = features @ numbers(attention.relative_key.weight).T
        expected = keys.reshape(len(keys), attention.heads, -1).transpose(1, 0, 2)
        yield Stage(
            "positional table", torch.empty(0), partial(_keys, attention, tokens),
            expected, _ATTENTION,
        )  # fmt: skip


def _keys(attention: RelativeAttention, tokens: int, _: Tensor) -> Tensor:
    return attention.relative_keys(tokens)


def _crop(network: Enformer) -> Stage:
    """Which tokens become output bins: as many as are predicted, from the middle."""
    config = network.config
    dropped = (config.window // config.bin_width - config.target_length) // 2
    expected = np.arange(dropped, dropped + config.target_length, dtype=np.float64) + 1

    def kept(tokens: Tensor) -> Tensor:
        return tokens[network.kept_tokens()]

    tokens = torch.arange(1, config.window // config.bin_width + 1, dtype=torch.float64)
    return Stage("crop", tokens, kept, expected, "bins that are cut at another place")


def _convolution(stage: ConvStage) -> torch.nn.Conv1d:
    """Its first convolution, which in the stem stands alone."""
    return cast(torch.nn.Conv1d, stage.conv.conv if isinstance(stage.conv, ConvBlock) else stage.conv)


def _norm(norm: torch.nn.BatchNorm1d, x: Array) -> Array:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    moments = numbers(norm.running_mean), numbers(norm.running_var)
    return define.batch_norm(x, *moments, numbers(norm.weight), numbers(norm.bias), NORM_EPSILON)


def _tower(network: Enformer) -> Stage:
    """Stem and tower in a row."""
    x = one_hot_bases(4 * network.config.bin_width)
    values = x
    for stage in network.stages:
        values = define_stage(stage, values)
    return Stage("stem and tower", _batch(x.T), network.convolve, values.T, _CONVOLUTION)


def _batch(x: Array) -> Tensor:
    return torch.from_numpy(x)[None]
