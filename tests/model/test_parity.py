"""The published shape against enformer-pytorch, another implementation that reads the same weights."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.model.checkpoints import load_model
from enformer_vep.model.enformer import one_hot
from tests.comparison import FLOAT32_NOISE, relative_error

logger = logging.getLogger(__name__)

WINDOW = 196_608


def make_random(network: torch.nn.Module) -> None:
    """Nothing stays at a value (zero, one) that hides what it does."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.is_floating_point() and (tensor.ndim == 1 or not tensor.any()):
            tensor.add_(torch.empty_like(tensor).normal_(0, 0.05, generator=generator))


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@torch.no_grad()
def test_full_size_model_agrees_with_enformer_pytorch(tmp_path: Path) -> None:
    """With its stored table of gamma features: those it computes are divided along the wrong axis."""
    package = pytest.importorskip("enformer_pytorch")
    theirs = package.Enformer.from_hparams(use_tf_gamma=True, use_checkpointing=False).eval()
    make_random(theirs)
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    theirs.config.save_pretrained(tmp_path)
    codes = np.random.default_rng(0).integers(0, 5, (1, WINDOW), dtype=np.uint8)
    x = one_hot(torch.from_numpy(codes))
    ours = load_model(tmp_path, None).network(x)
    expected = theirs(x)
    for organism, tracks in (("human", 5313), ("mouse", 1643)):
        assert ours[organism].shape == (1, 896, tracks)
        error = relative_error(ours[organism], expected[organism])
        logger.info("%s: relative error %.2e", organism, error)
        assert error < FLOAT32_NOISE
