from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.errors import ModelError
from enformer_vep.models import hub


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the network; records what was asked of it."""
    seen: list[str] = []

    def official_weights() -> Path:
        seen.append("weights")
        return Path("/somewhere/weights")

    def fetch_targets(organism: str) -> str:
        seen.append(organism)
        return "a table"

    monkeypatch.setattr(hub, "official_weights", official_weights)
    monkeypatch.setattr(hub, "fetch_targets", fetch_targets)
    monkeypatch.setattr(hub, "table_path", lambda organism: Path(f"/somewhere/{organism}"))
    return seen


def test_weights_and_tables(command: Callable, asked: list[str]) -> None:
    outcome = command("download")
    assert (outcome.code, asked) == (0, ["weights", "human", "mouse"])
    assert outcome.out.split() == ["/somewhere/weights", "/somewhere/human", "/somewhere/mouse"]


def test_tables_only(command: Callable, asked: list[str]) -> None:
    assert command("download", "enformer", "--targets-only").code == 0
    assert asked == ["human", "mouse"]


def test_missing_table_is_an_error(command: Callable, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "fetch_targets", lambda organism: None)
    outcome = command("download")
    assert outcome.code == 1
    assert "not all track tables could be fetched" in outcome.err


def test_no_network(command: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise ModelError("cannot fetch config.json: try again")

    monkeypatch.setattr(hub, "official_weights", fail)
    outcome = command("download")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.endswith("error: cannot fetch config.json: try again\n")


def test_unknown_model(command: Callable) -> None:
    assert command("download", "borzoi").code == 2
