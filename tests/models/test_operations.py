"""Single operations against DeepMind's code. The end-to-end numbers would not show a wrong epsilon."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from enformer_vep.effects.activations import gelu
from enformer_vep.effects.network import one_hot
from enformer_vep.models.enformer import attention
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import (
    NORM_EPSILON,
    AttentionPool,
    ConvBlock,
    Enformer,
    TransformerBlock,
)
from tests.comparison import FLOAT32_NOISE, relative_error

Units = Mapping[str, np.ndarray]
TIGHT = 1e-6


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def configuration(**changes: object) -> EnformerConfig:
    values = {"channels": 48, "attention_heads": 2, "channel_multiple": 8, "transformer_layers": 1}
    return EnformerConfig(**{**values, **changes})


@torch.no_grad()
def test_layer_norm(units: Units) -> None:
    norm = TransformerBlock(configuration()).attention_norm
    norm.weight.copy_(tensor(units["ln/scale"]))
    norm.bias.copy_(tensor(units["ln/offset"]))
    assert relative_error(norm(tensor(units["ln/x"])), units["ln/y"]) < TIGHT


@torch.no_grad()
def test_batch_norm(units: Units) -> None:
    norm = ConvBlock(48, 48, 1).norm.eval()
    norm.weight.copy_(tensor(units["bn/scale"]))
    norm.bias.copy_(tensor(units["bn/offset"]))
    norm.running_mean.copy_(tensor(units["bn/mean"]).flatten())
    norm.running_var.copy_(tensor(units["bn/var"]).flatten())
    y = norm(tensor(units["bn/x"]).transpose(1, 2)).transpose(1, 2)
    assert relative_error(y, units["bn/y"]) < TIGHT
    assert norm.eps == NORM_EPSILON == 1e-5


def test_gelu(units: Units) -> None:
    torch.testing.assert_close(gelu(tensor(units["act/x"])), tensor(units["act/gelu"]), rtol=3e-6, atol=1e-7)


def test_softplus(units: Units) -> None:
    """The heads' activation: as `Enformer.predict_tracks` calls it."""
    network = Enformer(configuration(output_tracks={"human": 1}))
    head = nn.Linear(1, 1)
    nn.init.ones_(head.weight)
    nn.init.zeros_(head.bias)
    network.heads["human"] = head
    y = network.predict_tracks(tensor(units["act/x"])[None, :, None], "human").detach().flatten()
    torch.testing.assert_close(y, tensor(units["act/softplus"]), rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("width", [1, 5, 15])
@torch.no_grad()
def test_convolution(width: int, units: Units) -> None:
    x, kernel, bias, y = (tensor(units[f"conv{width}/{name}"]) for name in "xwby")
    conv = ConvBlock(kernel.shape[1], kernel.shape[2], width).conv
    conv.weight.copy_(kernel.permute(2, 1, 0))
    conv.bias.copy_(bias)
    assert relative_error(conv(x.transpose(1, 2)).transpose(1, 2), y) < TIGHT


@pytest.mark.parametrize("suffix", ["", "_big"])
@torch.no_grad()
def test_attention_pool(suffix: str, units: Units) -> None:
    """Large inputs saturate the softmax."""
    pool = AttentionPool(10)
    pool.logit.copy_(tensor(units["pool/w"]).T)
    y = pool(tensor(units[f"pool/x{suffix}"]).transpose(1, 2)).transpose(1, 2)
    assert relative_error(y, units[f"pool/y{suffix}"]) < TIGHT


def test_attention_pool_starts_at_twice_the_identity(units: Units) -> None:
    network = Enformer(configuration(channels=24, channel_multiple=4))
    for pool in (module for module in network.modules() if isinstance(module, AttentionPool)):
        assert torch.equal(pool.logit, 2 * torch.eye(len(pool.logit)))
    assert np.array_equal(units["pool/init_w"], 2 * np.eye(10))


def test_crop(units: Units) -> None:
    for tokens, target, first, last, length in units["crop/T_target_first_last_len"].tolist():
        if (tokens - target) % 2 or tokens % 2:
            continue  # we ask for windows and crops that are the same on both sides
        config = configuration(window=128 * tokens, target_length=target)
        assert (config.crop, config.crop + target - 1, target) == (first, last, length)


def make_attention(units: Units, name: str) -> attention.RelativeAttention:
    _, heads, _, key_size = units[f"{name}/r_w_bias"].shape
    channels = units[f"{name}/x"].shape[2]
    layer = attention.RelativeAttention(configuration(channels=channels, attention_heads=heads, key_size=key_size))
    kernels = {"query": "q", "key": "k", "value": "v", "relative_key": "r_k", "output": "embedding"}
    with torch.no_grad():
        for ours, theirs in kernels.items():
            getattr(layer, ours).weight = nn.Parameter(tensor(units[f"{name}/{theirs}"]).T.contiguous())
        layer.output.bias.copy_(tensor(units[f"{name}/embedding_b"]))
        layer.content_bias.copy_(tensor(units[f"{name}/r_w_bias"])[0, :, 0])
        layer.position_bias.copy_(tensor(units[f"{name}/r_r_bias"])[0, :, 0])
    return layer.eval()


@pytest.mark.parametrize("name", ["mha0", "mha1", "mha2"])
def test_attention_at_short_lengths(name: str, units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    """1, 2 and 7 tokens: an odd length, and the ends of what the relative shift can do."""
    check_attention(name, units, monkeypatch)


def test_attention_at_24_tokens(shared_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_attention("mha3", np.load(shared_directory / "golden" / "units.npz"), monkeypatch)


@torch.no_grad()
def check_attention(name: str, units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tensor(units[f"{name}/pos"])[0]
    monkeypatch.setattr(attention, "positional_features", lambda tokens, count: table)
    layer, x = make_attention(units, name), tensor(units[f"{name}/x"])
    assert relative_error(layer.logits(x), units[f"{name}/content"] + units[f"{name}/rel"]) < FLOAT32_NOISE
    assert relative_error(layer.weights(x), units[f"{name}/attn"]) < FLOAT32_NOISE
    assert relative_error(layer(x), units[f"{name}/y"]) < FLOAT32_NOISE


def test_relative_shift(units: Units) -> None:
    x = tensor(units["shift/x"])
    assert torch.equal(attention.align_relative(x, 5), tensor(units["shift/y"]))


def test_one_hot(units: Units) -> None:
    """DeepMind's table for the upper-case letters; lower case is raised before it gets here."""
    letters = "ACGTNacgtnRYKM"
    rows = [row for row, letter in enumerate(letters) if letter.isupper()]
    codes = torch.tensor([["ACGT".find(letters[row]) % 256 for row in rows]], dtype=torch.uint8)
    assert torch.equal(one_hot(codes)[0], tensor(units["onehot/ACGTNacgtnRYKM"])[rows])
    assert one_hot(codes, torch.float64).dtype == torch.float64
