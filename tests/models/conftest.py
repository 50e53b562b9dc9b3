"""The small golden model, and what DeepMind's code makes of it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.models.checkpoints import LoadedModel, load_model
from tests.comparison import WINDOW


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest):
    threads = torch.get_num_threads()
    if "slow" not in request.keywords:
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_directory(data_directory: Path) -> Path:
    return data_directory / "tiny"


@pytest.fixture(scope="session")
def tiny(tiny_directory: Path) -> LoadedModel:
    """Both heads. Shared: do not change it."""
    return load_model(tiny_directory, None, WINDOW)


@pytest.fixture(scope="session", params=["excerpt", "complete"])
def golden(request: pytest.FixtureRequest, data_directory: Path) -> Mapping[str, np.ndarray]:
    """DeepMind's numbers by stage: the excerpt in this repository, and all of them where they are."""
    if request.param == "excerpt":
        return np.load(data_directory / "golden_tiny.npz")
    return np.load(request.getfixturevalue("shared_directory") / "golden" / "tiny.npz")


@pytest.fixture(scope="session")
def units(data_directory: Path) -> Mapping[str, np.ndarray]:
    """Single operations of DeepMind's code."""
    return np.load(data_directory / "golden_units.npz")


@pytest.fixture(scope="session")
def inputs(golden: Mapping[str, np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(golden["in/x"])
