"""The toy panel, and where the tools are."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.export.exporter import ExportRequest, export
from tests.cli.conftest import Outcome, runner
from tests.export.toy import Toy, make_toy

Export = Callable[..., list[Path]]


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def exported(toy: Toy, tmp_path: Path) -> Export:
    """Exports the toy's table; gives the files."""

    def run(target: str, name: str, **options: object) -> list[Path]:
        return [Path(path) for path in export(ExportRequest(str(toy.table), str(tmp_path / name), target, **options))]

    return run


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `enformer-vep` with the given words."""
    return runner(capfd)


def _tool(variable: str, name: str) -> str:
    """A tool's Python, in an environment of its own (their pins exclude ours): see .ci/run."""
    found = os.environ.get(variable)
    asked = ["-c", f"import importlib.metadata; importlib.metadata.version({name!r})"]
    if not found or not Path(found).exists() or subprocess.run([found, *asked], capture_output=True).returncode:
        pytest.skip(f"needs {name}: set {variable} to where it is (see .ci/run)")
    return found


@pytest.fixture(scope="session")
def ldsc_python() -> str:
    return _tool("ENFORMER_VEP_LDSC_PYTHON", "ldsc")


@pytest.fixture(scope="session")
def sldp_python() -> str:
    return _tool("ENFORMER_VEP_SLDP_PYTHON", "sldp")


@pytest.fixture(scope="session")
def polyfun_folder() -> Path:
    folder = Path(os.environ.get("ENFORMER_VEP_POLYFUN", ""))
    if not (folder / "polyfun_utils.py").is_file():
        pytest.skip("needs a checkout of PolyFun: set ENFORMER_VEP_POLYFUN to where it is")
    return folder


@pytest.fixture(scope="session")
def susie() -> str:
    """Rscript with susieR."""
    rscript = shutil.which("Rscript")
    if not rscript or subprocess.run([rscript, "-e", "library(susieR)"], capture_output=True).returncode:
        pytest.skip("needs Rscript with susieR (Debian: r-cran-susier)")
    return rscript
