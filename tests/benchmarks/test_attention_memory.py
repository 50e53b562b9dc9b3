"""The benchmark of the memory of attention maps runs, on a model so small that its numbers mean nothing."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_attention_memory() -> None:
    words = [sys.executable, "benchmarks/attention_memory.py", "--small"]
    run = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    header, *rows = [line.split("\t") for line in run.stdout.splitlines()]
    assert header == ["what", "with_weights_MiB", "peak_beside_MiB"]
    assert [row[0] for row in rows] == [
        "nothing", "mean over layers and heads", "all maps kept", "a plain forward pass",
    ]  # fmt: skip
    assert all(float(cell) >= 0 for row in rows for cell in row[1:])
