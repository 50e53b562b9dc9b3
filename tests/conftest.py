"""Fixtures that every part of the tests may use."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Background shells start their jobs with SIGINT ignored, which every child would inherit: tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


# Threads only wait for each other over models as small as these, and the more so the busier the machine. For
# torch in this process and in those that tests start; not loaded yet.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# `from tests.builders import ...` works under a bare `pytest` as well as under `python -m pytest`.
sys.path.insert(0, str(REPOSITORY))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undoes what a command that ran in this process did to the package's logger."""
    logger = logging.getLogger("enformer_vep")
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:] = handlers
    logger.propagate = propagate
    logger.setLevel(level)


@pytest.fixture(scope="session")
def shared_directory() -> Path:
    """The developers' folder of golden numbers and real data beside the checkout; skips when absent."""
    directory = REPOSITORY.parent / "shared"
    if not (directory / "golden").is_dir():
        pytest.skip("needs the folder `shared` beside the checkout")
    return directory


@pytest.fixture(scope="session")
def data_directory() -> Path:
    """The test data that travels with the repository."""
    return Path(__file__).resolve().parent / "data"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """Every device that a computation has to work on; cuda skips when there is none."""
    name: str = request.param
    if name == "cuda":
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")
    return name


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A safetensors file of ours: random weights, 2,048-bp window, five human and three mouse tracks."""
    from tests.builders import make_model

    return make_model(tmp_path_factory.mktemp("model") / "small.safetensors")
