"""Loading the published size costs little more memory than its weights."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from enformer_vep.models.checkpoints import build_on_meta, save_model, tensor_shapes
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.huggingface import HUGGING_FACE
from enformer_vep.models.families import FAMILIES
from tests.builders import config_json

logger = logging.getLogger(__name__)

PROGRAM = """
import sys
import torch
from enformer_vep.models.checkpoints import load_model

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
load_model(sys.argv[1])
print((peak() - before) * 1024)
"""


def write_published_size(directory: Path, kind: str) -> Path:
    """Writes weights of one value, one tensor at a time in memory only once."""
    config = EnformerConfig()
    network = build_on_meta(FAMILIES["enformer"], config).to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.fill_(1)
    if kind in {"float32", "float16"}:
        save_model(network, directory / "model.safetensors", dtype=getattr(torch, kind))
        return directory / "model.safetensors"
    state, tensors = network.state_dict(), {}
    for name, shape in tensor_shapes(network).items():
        theirs, their_shape = HUGGING_FACE.locate(name, shape)
        tensors[theirs] = state[name].reshape(their_shape)
    (directory / "config.json").write_text(config_json(config))
    if kind == "bin":
        torch.save(tensors, directory / "pytorch_model.bin")
    else:
        save_file(tensors, directory / "model.safetensors")
    return directory


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("kind", ["float32", "float16", "bin", "hub_safetensors"])
def test_peak_memory_of_loading(kind: str, tmp_path: Path) -> None:
    path = write_published_size(tmp_path, kind)
    run = subprocess.run([sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=True)
    weights = 4 * sum(
        torch.Size(s).numel() for s in tensor_shapes(build_on_meta(FAMILIES["enformer"], EnformerConfig())).values()
    )
    ratio = int(run.stdout) / weights
    logger.info("%s: peak %.3f of the weights", kind, ratio)
    assert 0.5 < ratio < 1.3
