"""Gradients through a transformer block against torch's own, in float64."""

import pytest
import torch

from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta import attention_change
from enformer_vep.models.enformer.delta.propagation import trace_block
from enformer_vep.models.enformer.delta.pullback import pull_block
from enformer_vep.models.enformer.randomised import random_network

CONFIG = EnformerConfig(
    channels=12, transformer_layers=1, attention_heads=2, key_size=4, channel_multiple=2, window=128 * 14,
    target_length=6, output_tracks={"human": 1},
)  # fmt: skip


@pytest.mark.parametrize("queries_at_once", [1, 4, 128])
@pytest.mark.parametrize("kept", [None, slice(0, 14), slice(3, 10), slice(8, 13)])
def test_against_autograd(monkeypatch, kept, queries_at_once):
    monkeypatch.setattr(attention_change, "QUERIES_AT_ONCE", queries_at_once)
    block = random_network(CONFIG, 3).double().eval().transformer_blocks[0]
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 14, 12, generator=generator, dtype=torch.float64, requires_grad=True)
    output = block(x, kept)
    gradients = torch.randn(3, *output.shape[1:], generator=generator, dtype=torch.float64)
    expected = torch.cat([torch.autograd.grad(output[0], x, one, retain_graph=True)[0] for one in gradients])
    with torch.inference_mode():
        found = pull_block(block, trace_block(block, x, kept), gradients)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)
    assert expected.abs().max() > 1e-3
