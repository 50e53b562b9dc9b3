"""The published shape against enformer-pytorch, another implementation that reads the same weights."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.model.checkpoints import load_model, tensor_shapes
from enformer_vep.model.config import EnformerConfig
from enformer_vep.model.enformer import Enformer, one_hot
from enformer_vep.model.huggingface import HUGGING_FACE
from enformer_vep.model.randomised import random_network
from tests.comparison import FLOAT32_NOISE, relative_error

logger = logging.getLogger(__name__)

WINDOW = 196_608


def give_weights(theirs: torch.nn.Module, ours: Enformer) -> None:
    """Copies weights; the names of the hub's layout are that package's."""
    state = ours.state_dict()
    located = {name: HUGGING_FACE.locate(name, shape) for name, shape in tensor_shapes(ours).items()}
    tensors = {name: state[our_name].reshape(shape) for our_name, (name, shape) in located.items()}
    missing, unexpected = theirs.load_state_dict(tensors, strict=False)
    assert unexpected == []
    assert all(name.startswith("_trunk.") or name.endswith("num_batches_tracked") for name in missing)


def centred(prediction: torch.Tensor) -> torch.Tensor:
    """What varies along the sequence: the rest would agree whatever the network does."""
    return prediction.double() - prediction.double().mean(dim=1, keepdim=True)


@pytest.mark.slow
@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@torch.no_grad()
def test_full_size_model_agrees_with_enformer_pytorch(tmp_path: Path) -> None:
    """With its stored table of gamma features: those it computes are divided along the wrong axis."""
    package = pytest.importorskip("enformer_pytorch")
    theirs = package.Enformer.from_hparams(use_tf_gamma=True, use_checkpointing=False).eval()
    give_weights(theirs, random_network(EnformerConfig(), seed=0))
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    theirs.config.save_pretrained(tmp_path)
    codes = np.random.default_rng(0).integers(0, 5, (1, WINDOW), dtype=np.uint8)
    x = one_hot(torch.from_numpy(codes))
    ours = load_model(tmp_path, None).network(x)
    expected = theirs(x)
    for organism, tracks in (("human", 5313), ("mouse", 1643)):
        assert ours[organism].shape == (1, 896, tracks)
        error = relative_error(centred(ours[organism]), centred(expected[organism]))
        logger.info("%s: relative error %.2e", organism, error)
        assert error < FLOAT32_NOISE
