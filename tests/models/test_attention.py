import pytest
import torch

from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.models.enformer import attention
from enformer_vep.models.enformer.attention import RelativeAttention, align_relative
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.randomised import random_network

CONFIG = EnformerConfig(
    channels=48,
    transformer_layers=1,
    attention_heads=2,
    channel_multiple=8,
    window=4096,
    target_length=8,
    output_tracks={"human": 2},
)


@pytest.fixture
def layer() -> RelativeAttention:
    return random_network(CONFIG, seed=1).blocks[0].attention


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Token counts for which a positional table was asked."""
    calls: list[int] = []
    original = attention.positional_features

    def spy(tokens: int, count: int) -> torch.Tensor:
        calls.append(tokens)
        return original(tokens, count)

    monkeypatch.setattr(attention, "positional_features", spy)
    return calls


def test_relative_keys_are_made_once_per_model(layer: RelativeAttention, made: list[int]) -> None:
    x = torch.randn(1, 32, 48)
    first = layer(x)
    assert torch.equal(layer(x), first)
    assert made == [32]


def test_relative_keys_follow_the_weights(layer: RelativeAttention, made: list[int]) -> None:
    before = layer.relative_keys(32)
    layer.relative_key.weight.mul_(2)
    torch.testing.assert_close(layer.relative_keys(32), 2 * before)
    assert made == [32, 32]


def test_relative_keys_follow_length_and_type(layer: RelativeAttention, made: list[int]) -> None:
    assert layer.relative_keys(32).shape == (2, 63, 64)
    assert layer.relative_keys(16).shape == (2, 31, 64)
    assert layer.double().relative_keys(16).dtype == torch.float64
    assert made == [32, 16, 16]


def test_relative_keys_carry_gradients_when_asked(layer: RelativeAttention) -> None:
    layer.relative_keys(32)
    layer.requires_grad_(True)
    layer(torch.randn(1, 32, 48)).sum().backward()
    assert layer.relative_key.weight.grad.abs().sum() > 0


def test_dropout_in_training_only(layer: RelativeAttention) -> None:
    x = torch.randn(1, 32, 48)
    assert torch.equal(layer(x), layer(x))
    layer.train()
    assert not torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("kept", [slice(0, 32), slice(12, 20), slice(31, 32), slice(0, 1)])
def test_kept_queries_are_rows_of_all_queries(layer: RelativeAttention, kept: slice) -> None:
    x = torch.randn(2, 32, 48, dtype=torch.float64)
    layer.double()
    torch.testing.assert_close(layer(x, kept), layer(x)[:, kept])


def test_align_relative_by_hand() -> None:
    """Logits that equal their distance: out[q, k] = k - q."""
    distances = torch.arange(-3.0, 4.0).expand(1, 1, 4, 7).contiguous()
    keys, queries = torch.arange(4.0), torch.arange(4.0)[:, None]
    assert torch.equal(align_relative(distances, 4)[0, 0], keys - queries)
    assert torch.equal(align_relative(distances[:, :, :2].contiguous(), 4, 2)[0, 0], (keys - queries)[2:])


def test_attention_maps_sum_to_one(tiny: LoadedModel) -> None:
    weights = tiny.network.blocks[0].attention.weights(torch.randn(1, 24, 96))
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 4, 24))
