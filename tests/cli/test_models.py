from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.models import hub


@pytest.fixture(autouse=True)
def _nothing_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "cached_official_weights", lambda: None)


def test_what_is_here(command: Callable, data_directory: Path, tmp_path: Path) -> None:
    toy = tmp_path / "toy.safetensors"
    sha256 = command("random-model", toy, "--window", 3072).table[0][1]
    outcome = command("models", toy, data_directory / "tiny")
    assert outcome.code == 0
    header, enformer, example, own, foreign = outcome.table
    assert {len(row) for row in outcome.table} == {8}
    assert header[:2] == ["MODEL", "STATE"]
    assert enformer[:2] == ["enformer", "absent"]
    assert example[0] == "example"
    assert own[:5] == [str(toy), "ready", "3072", "16", "human:8"]
    assert own[6:] == [sha256[:12], "random weights (seed 0): the scores mean nothing"]
    assert foreign[1:7] == ["ready", "196608", "16", "human:13,mouse:7", "452340", "-"]


def test_official_weights_in_the_cache(
    command: Callable, data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "cached_official_weights", lambda: data_directory / "tiny")
    row = command("models").table[1]
    assert row[:2] == ["enformer", "ready"]
    assert row[7] == "official weights (enformer-vep download)"


def test_path_that_is_no_model(command: Callable) -> None:
    outcome = command("models", "nowhere")
    assert outcome.code == 1
    assert "nowhere: no such model" in outcome.err
