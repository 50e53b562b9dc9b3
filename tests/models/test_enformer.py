import pytest
import torch

from enformer_vep.effects.network import one_hot
from enformer_vep.errors import ModelError
from enformer_vep.models.checkpoints import LoadedModel, build_on_meta, count_parameters, tensor_shapes
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.enformer.randomised import random_network
from enformer_vep.models.families import FAMILIES

SMALL = EnformerConfig(
    channels=24,
    transformer_layers=2,
    attention_heads=2,
    channel_multiple=4,
    window=2048,
    target_length=8,
    output_tracks={"human": 3, "mouse": 2},
)


def random_codes(*shape: int) -> torch.Tensor:
    return torch.randint(0, 4, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def test_parameter_counts_of_the_published_model() -> None:
    """Numbers of golden/README.md, counted in DeepMind's model."""
    network = build_on_meta(FAMILIES["enformer"], EnformerConfig())
    assert count_parameters(tensor_shapes(network)) == 251_221_292
    parts = {
        "stem": network.stem,
        "tower": network.tower,
        "transformer": network.blocks,
        "final": network.final,
        "human": network.heads["human"],
        "mouse": network.heads["mouse"],
    }
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    assert counts == {
        "stem": 1_228_800,
        "tower": 49_649_152,
        "transformer": 174_242_816,
        "final": 4_724_736,
        "human": 16_326_849,
        "mouse": 5_048_939,
    }


def test_other_window_is_refused(tiny: LoadedModel) -> None:
    with pytest.raises(ModelError, match=r"reads \[B, 3072, 4\], not \[1, 4096, 4\]: use --window"):
        tiny.network(torch.zeros(1, 4096, 4))


@torch.no_grad()
def test_a_sequence_does_not_see_its_batch() -> None:
    network, x = random_network(SMALL, seed=0).double(), one_hot(random_codes(3, 2048), torch.float64)
    together = network(x)["human"]
    alone = torch.cat([network(row[None])["human"] for row in x])
    torch.testing.assert_close(together, alone)


@torch.no_grad()
def test_unknown_bases_are_zeros(device: str) -> None:
    codes = torch.tensor([[0, 1, 2, 3, 4, 255]], dtype=torch.uint8, device=device)
    expected = torch.zeros(6, 4, device=device)
    expected[range(4), range(4)] = 1
    assert torch.equal(one_hot(codes)[0], expected)


def test_only_the_wanted_heads_are_built() -> None:
    network = Enformer(SMALL, organisms=["mouse"])
    assert list(network.heads) == ["mouse"]
    assert list(network(torch.zeros(1, 2048, 4))) == ["mouse"]


def test_every_parameter_learns() -> None:
    network = random_network(SMALL, seed=0).requires_grad_(True).train()
    prediction = network(one_hot(random_codes(2, 2048)))
    (prediction["human"].sum() + prediction["mouse"].sum()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_initial_values_are_deepminds() -> None:
    network = Enformer(EnformerConfig(channels=192, transformer_layers=1, channel_multiple=16))
    layer = network.blocks[0].attention
    assert not layer.output.weight.any()
    assert float(layer.query.weight.detach().std()) == pytest.approx((2 / 192) ** 0.5, rel=0.05)
    assert float(network.final.conv.weight.detach().std()) == pytest.approx(0.88 * 192**-0.5, rel=0.05)
    assert not network.final.conv.bias.any()


@torch.no_grad()
def test_random_network_is_reproducible_and_sensitive() -> None:
    first, again, other = (random_network(SMALL, seed) for seed in (5, 5, 6))
    x = one_hot(random_codes(1, 2048))
    assert torch.equal(first(x)["human"], again(x)["human"])
    assert not torch.equal(first(x)["human"], other(x)["human"])
    for name, weight in first.state_dict().items():
        assert name.endswith("num_batches_tracked") or weight.any(), name


def test_random_network_leaves_the_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    random_network(SMALL, seed=9)
    assert torch.equal(torch.rand(3), expected)
