"""Benchmarks are scripts beside the package: they are imported as they are run."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Imports a benchmark as it is when run as a script, with the words of its command line."""

    def load(name: str, *words: object) -> ModuleType:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        return importlib.import_module(name)

    return load
