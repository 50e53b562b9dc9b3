"""`verify` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from enformer_vep.models.checkpoints import load_model, save_model
from tests.cli.conftest import Outcome

Command = Callable[..., Outcome]


def test_a_sound_model(command: Command, small_model: Path) -> None:
    outcome = command("verify", small_model, "--device", "cpu")
    assert outcome.code == 0
    *lines, summary = outcome.out.splitlines()
    assert all(line.split("\t")[0] in ("passed", "skipped") for line in lines)
    assert sum(line.startswith("skipped\tpublished numbers") for line in lines) == 1
    assert any(line.startswith("passed\twhole network") for line in lines)
    assert summary.endswith(f"{len(lines) - 1} passed, 0 failed, 1 skipped")


def test_json(command: Command, small_model: Path) -> None:
    outcome = command("verify", small_model, "--device", "cpu", "--json", "--precision", "bf16")
    report = json.loads(outcome.out)
    assert outcome.code == 0
    assert report["passed"] is True
    assert report["precision"] == "bf16"
    assert {"name", "verdict", "found", "meaning"} == set(report["checks"][0])


def test_a_damaged_model(command: Command, small_model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    loaded = load_model(small_model, organisms=None)
    next(loaded.network.parameters()).data.view(-1)[0] = torch.nan
    save_model(loaded.network, damaged, {})
    outcome = command("verify", damaged, "--device", "cpu")
    assert outcome.code == 1
    assert "not finite" in outcome.out + outcome.err


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_variants(command: Command, small_model: Path, count: int) -> None:
    outcome = command("verify", small_model, "--variants", count)
    assert outcome.code == 2
    assert "3 or more" in outcome.err


def test_a_model_of_zeros(command: Command, small_model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.safetensors"
    loaded = load_model(small_model, organisms=None)
    for parameter in loaded.network.parameters():
        parameter.data.zero_()
    save_model(loaded.network, empty, {})
    outcome = command("verify", empty, "--device", "cpu", "-q")
    assert outcome.code == 1
    assert "failed\tweights" in outcome.out
    assert outcome.err == ""
