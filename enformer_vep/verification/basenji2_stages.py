"""Every stage of a Basenji2 on seeded inputs, against its definition in float64."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from enformer_vep.models.basenji2.network import Basenji2, Block, DilatedBlock
from enformer_vep.verification import definitions as define
from enformer_vep.verification.definitions import Array
from enformer_vep.verification.stage import Stage, numbers, one_hot_bases, seeded

NORM_EPSILON = 1e-3
POSITIONS, TOKENS = 64, 180
_BLOCK = "another GELU (x s(1.702 x); its tanh form since April 2022), BatchNorm epsilon or padding"


def stages(network: Basenji2) -> Iterator[Stage]:
    """What to compare, in the order of the network."""
    for number, block in enumerate(network.stages):
        x = one_hot_bases(POSITIONS) if number == 0 else seeded(number, block.conv.in_channels, POSITIONS)
        name = "stem" if number == 0 else f"tower {number}"
        yield Stage(name, _batch(x), block, define_block(network, block, x), _BLOCK)
    yield _tower(network)
    for number, residual in enumerate(network.dilated_blocks):
        x = seeded(100 + number, network.config.tower_widths[-1], TOKENS)
        dilation = network.config.dilations[number]
        name = f"dilated {dilation}"
        yield Stage(
            name, _batch(x), residual, define_residual(network, residual, x, dilation), f"another dilation, or {_BLOCK}"
        )
    yield _crop(network)
    x = seeded(300, network.config.tower_widths[-1], TOKENS)
    for organism in network.organisms:
        yield Stage(
            f"head {organism}",
            _batch(x),
            partial(_predict, network, organism),
            define_head(network, organism, x),
            f"another head, an activation that is not softplus, or {_BLOCK}",
        )


def _predict(network: Basenji2, organism: str, x: Tensor) -> Tensor:
    return network.activate(network.head(organism)(network.finish(x)))


def define_block(network: Basenji2, block: Block, x: Array, dilation: int = 1) -> Array:
    """Activation, convolution, BatchNorm: [C_in, P] to [C_out, P]."""
    values = define.convolve(_activate(network, x), numbers(block.conv.weight), dilation=dilation)
    norm = block.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    moments = numbers(norm.running_mean), numbers(norm.running_var)
    return define.batch_norm(values, *moments, numbers(norm.weight), numbers(norm.bias), NORM_EPSILON)


def define_residual(network: Basenji2, block: DilatedBlock, x: Array, dilation: int) -> Array:
    """[C, T] to [C, T]."""
    return x + define_block(network, block.wide, define_block(network, block.narrow, x, dilation))


def define_head(network: Basenji2, organism: str, x: Array) -> Array:
    """Last block, activation, head and softplus: [C, N] to [N, tracks]."""
    head = network.head(organism)
    hidden = _activate(network, define_block(network, network.final, x))
    return define.softplus(hidden.T @ numbers(head.weight).T + numbers(head.bias))


def _activate(network: Basenji2, x: Array) -> Array:
    return define.gelu(x) if network.config.activation == "sigmoid" else define.gelu_tanh(x)


def _tower(network: Basenji2) -> Stage:
    """Stem and tower in a row, with the pooling between them."""
    x = one_hot_bases(4 * network.config.bin_width)
    values = x
    for block in network.stages:
        values = define.max_pool(define_block(network, block, values))
    return Stage("stem and tower", _batch(x.T), network.convolve, values, "pooling")


def _crop(network: Basenji2) -> Stage:
    config = network.config
    tokens = config.window // 2 ** len(config.tower_widths)
    dropped = (tokens - config.target_length) // 2
    expected = np.arange(dropped, dropped + config.target_length, dtype=np.float64) + 1
    every = torch.arange(1, tokens + 1, dtype=torch.float64)
    return Stage(
        "crop", every, lambda some: some[network.kept_tokens()], expected, "bins that are cut at another place"
    )


def _batch(x: Array) -> Tensor:
    return torch.from_numpy(x)[None]
