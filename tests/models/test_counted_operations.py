"""The formulas for operations against what torch counts while a network runs."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.delta.engine import DeltaEngine
from enformer_vep.models.basenji2.operations import count_operations as count_basenji2
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.models.enformer.operations import count_operations
from tests.basenji2_models import small_basenji2

SHAPES = [
    {"transformer_layers": 2, "channels": 24, "attention_heads": 2, "key_size": 8, "channel_multiple": 4},
    {"transformer_layers": 1, "channels": 36, "attention_heads": 3, "key_size": 4, "channel_multiple": 2},
]


def configuration(**shape: int) -> EnformerConfig:
    return EnformerConfig(**shape, window=4096, target_length=12, output_tracks={"human": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", SHAPES)
def test_formulas(shape: dict[str, int]) -> None:
    network = Enformer(configuration(**shape)).eval().requires_grad_(False)
    operations = count_operations(network.config)
    with FlopCounterMode(display=False) as front, torch.inference_mode():
        tokens = network.convolve(torch.zeros(1, 4096, 4))
    assert operations.token * 32 == front.get_total_flops()
    network.blocks[0].attention.relative_keys(32)
    with FlopCounterMode(display=False) as above, torch.inference_mode():
        network.finish(network.transform(tokens))
    assert operations.window == pytest.approx(above.get_total_flops(), rel=0.05)


@pytest.mark.parametrize("dilations", [(), (1, 2, 4)])
def test_basenji2_formulas(dilations: tuple[int, ...]) -> None:
    """A substitution at the centre; the head of the reference's bins, and of those that change, comes on top."""
    network, bins = small_basenji2(2, dilations), slice(0, 52)
    reference = torch.zeros(1, 1024, dtype=torch.uint8)
    alternate = reference.clone()
    alternate[0, 511] = 1
    batch = EffectBatch(reference, alternate, torch.zeros(1, dtype=torch.int64))
    operations, engine = network.operations, DeltaEngine(network, "human", None, bins)
    with FlopCounterMode(display=False) as front, torch.inference_mode():
        network.convolve(torch.zeros(1, 1024, 4))
    assert operations.token * 64 == front.get_total_flops()
    with torch.inference_mode():
        convolved = engine._convolve(batch)
        with FlopCounterMode(display=False) as above:
            effect = engine._carry(*convolved, batch)
    changed = int((effect.delta[0] != 0).any(dim=1).sum())
    heads = 2 * (52 + changed) * network.config.final_width * 3
    assert operations.window + operations.alternate + heads == above.get_total_flops()


def test_the_full_basenji2() -> None:
    """0.233 TFLOP a pass with its head."""
    counted = count_basenji2(Basenji2Config())
    assert 1024 * counted.token + counted.window + 2 * 896 * 1536 * 5313 == pytest.approx(0.233e12, rel=0.01)
    assert counted.alternate < 0.3 * counted.window


def test_the_full_model() -> None:
    """3.79 and 1.11 TFLOP with one and ten alternates in a window, with heads (benchmarks/results/operations.tsv)."""
    operations = count_operations(EnformerConfig())
    heads = 2 * 896 * 3072 * 5313
    window = 1536 * operations.token + operations.window + heads
    each = operations.alternate + heads
    assert window + each == pytest.approx(3.79e12, rel=0.02)
    assert window / 10 + each == pytest.approx(1.11e12, rel=0.02)
