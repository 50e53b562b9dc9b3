"""Basenji2 against basenji's own code."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.network import one_hot
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.checkpoints import load_model
from tests.comparison import relative_error

Golden = Mapping[str, np.ndarray]


@pytest.fixture(scope="session")
def golden(data_directory: Path) -> Golden:
    return np.load(data_directory / "golden_basenji2.npz")


def load(path: Path, activation: str | None = None) -> Basenji2:
    network = load_model(path, None, activation=activation).network
    assert isinstance(network, Basenji2)
    return network


@pytest.fixture(scope="session")
def tiny_file(data_directory: Path) -> Path:
    return data_directory / "tiny_basenji2.h5"


def compute_stages(network: Basenji2, x: Tensor) -> dict[str, Tensor]:
    """What the network makes of `x` [1, L, 4] by stage, positions before channels, as basenji's."""
    stem, stages = network.stages[0], {}
    x = x.transpose(1, 2)
    stages["first_activation"] = stem.activation(x)
    stages["stem.conv"] = stem.conv(stages["first_activation"])
    for number, stage in enumerate(network.stages):
        x = stage(x)
        if number == 0:
            stages["stem.norm"] = x
        x = F.max_pool1d(x, 2)
        stages[f"tower.{number - 1}" if number else "stem"] = x
    for number, block in enumerate(network.dilated_blocks):
        if number == 3:
            stages["dilated.3.first_norm"] = block.narrow(x)
        x = block(x)
        stages[f"dilated.{number}"] = x
    stages["crop"] = x[:, :, network.kept_tokens()]
    stages["final.norm"] = network.final(stages["crop"])
    result = {name: value[0].t() for name, value in stages.items()}
    return {**result, "trunk": network.finish(stages["crop"])[0]}


@pytest.mark.parametrize("sequence", [0, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_every_stage(tiny_file: Path, golden: Golden, sequence: int, dtype: torch.dtype, tolerance: float) -> None:
    network = load(tiny_file).to(dtype)
    x = one_hot(torch.from_numpy(golden["codes"][sequence : sequence + 1]), dtype)
    stages = compute_stages(network, x)
    names = [name.rsplit("/", 1)[-1] for name in golden if name.startswith(f"sigmoid/stage/{sequence}/")]
    assert set(names) == set(stages)
    for name in names:
        ours, theirs = stages[name][:256][::16], golden[f"sigmoid/stage/{sequence}/{name}"]
        if theirs.any():
            assert relative_error(ours, theirs) < tolerance, name
        else:
            assert not ours.any(), f"{name}: nothing but N"
    assert relative_error(network(x)["human"][0], golden[f"sigmoid/human/{sequence}"]) < tolerance


def test_the_other_activation(tiny_file: Path, golden: Golden) -> None:
    network = load(tiny_file, "tanh").double()
    x = one_hot(torch.from_numpy(golden["codes"][:1]), torch.float64)
    # TensorFlow rounds a constant of its GELU.
    assert relative_error(network(x)["human"][0], golden["tanh/human/0"]) < 1e-7


@pytest.mark.parametrize("sequence", [0, 1])
def test_gradients(tiny_file: Path, golden: Golden, sequence: int) -> None:
    network = load(tiny_file).double()
    x = one_hot(torch.from_numpy(golden["codes"][sequence : sequence + 1]), torch.float64).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(x)["human"][..., 3].sum(), x)
    # Where neighbouring maxima are equal, as in runs of N, a pool's gradient is anybody's choice.
    unique = golden["grad_unique/1"] if sequence == 1 else slice(None)
    assert relative_error(gradient[0, 5::16][unique], golden[f"sigmoid/grad/{sequence}"][unique]) < 1e-6
