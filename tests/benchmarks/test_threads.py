"""benchmarks/threads.py: every setting is run, and compared with one thread of its own round."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def test_ratios_are_of_one_round(
    script: Callable[..., ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("threads", "--runs", 2, "--busy", "0,1", "--output", tmp_path / "threads.tsv")
    loops: list[int] = []
    rounds = iter([(2.0, 4.0), (10.0, 30.0)] * 2)
    took: dict[str, float] = {}

    def seconds(setting: object, command: list[str]) -> float:
        if setting is module.YARDSTICK:
            took["one"], took["other"] = next(rounds)
        return took["one"] if setting is module.YARDSTICK else took["other"]

    def busy_loops(count: int) -> object:
        loops.append(count)
        return original(count)

    original = module.busy_loops
    monkeypatch.setattr(module, "seconds", seconds)
    monkeypatch.setattr(module, "difference", lambda *_: "")
    monkeypatch.setattr(module, "busy_loops", busy_loops)
    module.main()
    lines = [line.split("\t") for line in (tmp_path / "threads.tsv").read_text().splitlines() if line[0] != "#"]
    assert loops == [0, 1]
    assert lines[1][1:] == ["one thread", "1.00", "1.00", "1.00"]
    assert lines[2][1:] == ["the command's default", "2.50", "2.00", "3.00"]
    assert len(lines) == 1 + 2 * len(module.SETTINGS)


def test_scores_of_two_threads_beside_those_of_one(
    script: Callable[..., ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("threads")

    def seconds(setting: Any, command: list[str]) -> float:
        scores = "1\t2\t-4" if setting.threads == 1 else "1\t2.02\t-4.4"
        row = "chr1\t2\t.\tA\tC\tok"
        Path(command[-1]).write_text(f"#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tX\tY\tZ\n{row}\t{scores}\n")
        return 1.0

    monkeypatch.setattr(module, "seconds", seconds)
    said = module.difference([], tmp_path)
    assert said.startswith("2 of 3 scores differ")
    assert said.endswith("median 1e-02, largest 1e-01")


def test_a_setting_is_all_that_its_run_inherits(
    script: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("threads")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    show = [
        "python",
        "-c",
        "import os, sys; sys.exit(os.environ.get('GOMP_SPINCOUNT') != '7' or 'OMP_NUM_THREADS' in os.environ)",
    ]
    assert module.seconds(module.Setting("short", {"GOMP_SPINCOUNT": "7"}), show) > 0
