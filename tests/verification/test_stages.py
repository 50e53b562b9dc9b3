"""Every stage of a sound network passes, and planted faults are each seen."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enformer_vep.effects.network import Network
from enformer_vep.models.basenji2 import network as basenji2_network
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.enformer import attention, network, positional
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Precision
from enformer_vep.verification import basenji2_stages, enformer_stages
from enformer_vep.verification.check import Verdict, relative_error
from enformer_vep.verification.stage import Stage
from tests.builders import randomise

CPU = torch.device("cpu")
Patch = pytest.MonkeyPatch


def enformer(positional_window: int | None = None) -> Enformer:
    config = EnformerConfig(
        channels=48, transformer_layers=2, attention_heads=2, key_size=8, channel_multiple=4, target_length=10,
        window=128 * 40, output_tracks={"human": 5, "mouse": 3}, positional_window=positional_window,
    )  # fmt: skip
    made = Enformer(config).eval().requires_grad_(False)
    randomise(made, 4)
    return made


def basenji2(activation: str = "sigmoid") -> Basenji2:
    config = Basenji2Config(
        tower_widths=(12, 16, 20), narrow_width=8, dilations=(1, 3, 6), final_width=24, target_length=10,
        window=8 * 40, output_tracks={"human": 5}, activation=activation,
    )  # fmt: skip
    made = Basenji2(config).eval().requires_grad_(False)
    randomise(made, 4)
    return made


def failed(some: Network, precision: Precision = Precision.FLOAT32) -> list[str]:
    """Names of the stages that fail."""
    dtype = next(some.parameters()).dtype
    stages: list[Stage] = list(
        enformer_stages.stages(some) if isinstance(some, Enformer) else basenji2_stages.stages(some)  # type: ignore[arg-type]
    )
    assert len({stage.name for stage in stages}) == len(stages) > 7
    checks = [stage.check(CPU, precision, dtype) for stage in stages]
    return [one.name for one in checks if one.verdict is not Verdict.PASSED]


@pytest.mark.parametrize("made", [enformer, partial(enformer, 128 * 60), basenji2, partial(basenji2, "tanh")])
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.FLOAT64, Precision.BFLOAT16])
def test_a_sound_network_passes(made: Callable[[], Network], precision: Precision) -> None:
    some = made()
    assert failed(some.double() if precision is Precision.FLOAT64 else some, precision) == []


def _round_to_tf32(x: Tensor) -> Tensor:
    return (x.view(torch.int32) & ~0x1FFF).view(torch.float32)


def tf32(patch: Patch, _: Network) -> None:
    convolve, multiply = F.conv1d, F.linear
    patch.setattr(F, "conv1d", lambda x, w, *more: convolve(_round_to_tf32(x), _round_to_tf32(w), *more))
    patch.setattr(F, "linear", lambda x, w, bias=None: multiply(_round_to_tf32(x), _round_to_tf32(w), bias))


def other_gelu(patch: Patch, _: Network) -> None:
    patch.setattr(network, "gelu", F.gelu)


def batch_norm_epsilon(_: Patch, some: Network) -> None:
    for one in some.modules():
        if isinstance(one, nn.BatchNorm1d):
            one.eps = 1e-3 if one.eps == 1e-5 else 1e-5


def layer_norm_epsilon(_: Patch, some: Network) -> None:
    for one in some.modules():
        if isinstance(one, nn.LayerNorm):
            one.eps = 1e-3


def gamma_over_features(patch: Patch, _: Network) -> None:
    """What enformer-pytorch does."""
    densities = positional.gamma_features

    def other(distance: Tensor, count: int, tokens: int) -> Tensor:
        found = densities(distance, count, tokens)
        return found / found.amax(dim=1, keepdim=True)

    patch.setattr(positional, "gamma_features", other)
    positional.positional_features.cache_clear()


def central_mask(patch: Patch, _: Network) -> None:
    masks = positional.central_mask_features
    patch.setattr(positional, "central_mask_features", lambda distance, count: masks(distance + 1, count))
    positional.positional_features.cache_clear()


def half_lives(patch: Patch, _: Network) -> None:
    patch.setattr(positional, "SHORTEST_HALF_LIFE", 4.0)
    positional.positional_features.cache_clear()


def relative_shift(patch: Patch, _: Network) -> None:
    align = attention.align_relative
    patch.setattr(attention, "align_relative", lambda logits, tokens, first=0: align(logits, tokens, first + 1))


def query_scale(_: Patch, some: Network) -> None:
    for one in some.modules():
        if isinstance(one, attention.RelativeAttention):
            one.query.register_forward_hook(lambda _, inputs, output: output * 2**0.5)


def padding(_: Patch, some: Network) -> None:
    for one in some.modules():
        if isinstance(one, nn.Conv1d) and one.kernel_size[0] == 5:
            one.padding_mode = "circular"
            one._reversed_padding_repeated_twice = [2, 2]


def pooling(patch: Patch, _: Network) -> None:
    patch.setattr(network.AttentionPool, "forward", lambda _, x: F.max_pool1d(x, 2))


def pooling_offset(patch: Patch, _: Network) -> None:
    pool = network.AttentionPool.forward
    patch.setattr(network.AttentionPool, "forward", lambda self, x: pool(self, torch.roll(x, 1, 2)))


def crop(patch: Patch, _: Network) -> None:
    patch.setattr(EnformerConfig, "crop", property(lambda _: 14))


def softplus(patch: Patch, some: Network) -> None:
    patch.setattr(type(some), "activate", lambda _, logits: torch.relu(logits))


def no_residual(patch: Patch, _: Network) -> None:
    patch.setattr(network.ConvStage, "forward", lambda self, x: self.pool(self.pointwise(self.conv(x))))


def no_final_gelu(patch: Patch, _: Network) -> None:
    patch.setattr(network.Enformer, "finish", lambda self, x: self.final(x.transpose(1, 2)).transpose(1, 2))


def no_position_bias(patch: Patch, _: Network) -> None:
    logits = attention.RelativeAttention.logits

    def other(self: attention.RelativeAttention, x: Tensor, kept: slice | None = None) -> Tensor:
        saved, self.position_bias = self.position_bias, self.content_bias
        try:
            return logits(self, x, kept)
        finally:
            self.position_bias = saved

    patch.setattr(attention.RelativeAttention, "logits", other)


ENFORMER_FAULTS = [
    tf32, other_gelu, batch_norm_epsilon, layer_norm_epsilon, gamma_over_features, central_mask, half_lives,
    relative_shift, query_scale, no_position_bias, padding, pooling, pooling_offset, crop, softplus, no_residual,
    no_final_gelu,
]  # fmt: skip


@pytest.mark.parametrize("fault", ENFORMER_FAULTS)
def test_faults_of_enformer(fault: Callable[[Patch, Network], None], monkeypatch: Patch) -> None:
    some = enformer()
    positional.positional_features.cache_clear()
    fault(monkeypatch, some)
    try:
        assert failed(some)
    finally:
        positional.positional_features.cache_clear()


def basenji2_erf_gelu(patch: Patch, some: Network) -> None:
    for one in some.modules():
        if isinstance(one, basenji2_network.Block):
            one.activation = F.gelu


def other_dilation(_: Patch, some: Network) -> None:
    assert isinstance(some, Basenji2)
    narrow = some.dilated_blocks[2].narrow.conv
    narrow.dilation, narrow.padding = (5,), (5,)


def activation_last(patch: Patch, _: Network) -> None:
    patch.setattr(basenji2_network.Block, "forward", lambda self, x: self.activation(self.norm(self.conv(x))))


def average_pool(patch: Patch, _: Network) -> None:
    patch.setattr(F, "max_pool1d", F.avg_pool1d)


BASENJI2_FAULTS = [
    tf32, basenji2_erf_gelu, batch_norm_epsilon, padding, other_dilation, activation_last, average_pool, softplus,
]  # fmt: skip


@pytest.mark.parametrize("fault", BASENJI2_FAULTS)
def test_faults_of_basenji2(fault: Callable[[Patch, Network], None], monkeypatch: Patch) -> None:
    some = basenji2()
    fault(monkeypatch, some)
    assert failed(some)


def test_the_other_activation_is_another_model() -> None:
    """What a file does not tell: the published weights with the GELU of today's code."""
    some = basenji2("tanh")
    object.__setattr__(some.config, "activation", "sigmoid")
    assert failed(some)


def test_an_error_where_nothing_is_expected() -> None:
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.full(3, 1e-9), np.zeros(3)) == np.inf
    assert np.isnan(relative_error(np.array([np.nan]), np.ones(1)))
