from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.models.checkpoints import load_model
from tests.builders import targets_text
from tests.comparison import WINDOW, assert_same_model

HUMAN_TRACKS, MOUSE_TRACKS = 13, 7


@pytest.fixture
def tiny_directory(data_directory: Path) -> Path:
    return data_directory / "tiny"


def test_one_file_with_everything(command: Callable, tiny_directory: Path, tmp_path: Path) -> None:
    table, output = tmp_path / "targets.txt", tmp_path / "model.safetensors"
    text = targets_text(["CAGE:a"] * HUMAN_TRACKS)
    table.write_text(text, encoding="utf-8-sig")
    outcome = command("convert", tiny_directory, output, "--window", WINDOW, "--targets-human", table)
    converted = load_model(output, None)
    assert_same_model(converted, load_model(tiny_directory, None, WINDOW))
    assert (outcome.code, outcome.table) == (0, [[str(output), converted.sha256]])
    assert converted.metadata == {"targets_human": text}


def test_converting_twice_changes_nothing(command: Callable, tiny_directory: Path, tmp_path: Path) -> None:
    command("convert", tiny_directory, tmp_path / "a.safetensors", "--window", WINDOW)
    command("convert", tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_one_head_in_16_bits(command: Callable, tiny_directory: Path, tmp_path: Path) -> None:
    whole, output = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    human, mouse = tmp_path / "h", tmp_path / "m"
    human.write_text(targets_text(["CAGE:a"] * HUMAN_TRACKS))
    mouse.write_text(targets_text(["CAGE:a"] * MOUSE_TRACKS))
    command("convert", tiny_directory, whole, "--targets-human", human, "--targets-mouse", mouse)
    assert command("convert", whole, output, "--organism", "mouse", "--dtype", "bfloat16").code == 0
    model = load_model(output, None)
    assert list(model.network.heads) == ["mouse"]
    assert list(model.metadata) == ["targets_mouse"]
    assert output.stat().st_size < 0.52 * whole.stat().st_size


def test_target_length(command: Callable, tiny_directory: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.safetensors"
    command("convert", tiny_directory, output, "--window", WINDOW, "--target-length", -1)
    assert load_model(output).config.target_length == 24


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "out.safetensors"), "nowhere: no such model"),
        (("{tiny}", "absent/out.safetensors"), "make the folder first"),
        (("{tiny}", "out.safetensors", "--targets-human", "nowhere"), "cannot read the track table"),
        (("{tiny}", "out.safetensors", "--window", "1000"), "multiple of 256 bp"),
    ],
)
def test_one_line_errors(
    words: tuple[str, ...],
    message: str,
    command: Callable,
    tiny_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = command("convert", *(word.replace("{tiny}", str(tiny_directory)) for word in words), "-q")
    assert outcome.code == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_not_written_over(command: Callable, tiny_directory: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    assert command("convert", tiny_directory, model, "--window", WINDOW).code == 0
    before = model.read_bytes()
    outcome = command("convert", model, model, "--dtype", "float16")
    assert outcome.code == 2
    assert "is an input of this run" in outcome.err
    assert model.read_bytes() == before


@pytest.mark.parametrize("name", ["-", "model", "model.h5"])
def test_a_name_that_the_program_would_not_read(
    command: Callable, tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = command("convert", tiny_directory, name, "--window", WINDOW)
    assert outcome.code == 2
    assert "end the name with that" in outcome.err
    assert list(tmp_path.iterdir()) == []
