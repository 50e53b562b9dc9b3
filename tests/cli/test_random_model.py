from collections.abc import Callable
from pathlib import Path

from enformer_vep.models.checkpoints import load_model


def test_small_model(command: Callable, tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    outcome = command("random-model", path, "--window", 3072, "--mouse-tracks", 3, "--seed", 4)
    assert outcome.code == 0
    assert "the scores mean nothing" in outcome.err
    model = load_model(path, None)
    assert outcome.table == [[str(path), model.sha256]]
    assert (model.config.window, model.config.target_length) == (3072, 16)
    assert model.config.output_tracks == {"human": 8, "mouse": 3}
    assert model.metadata["description"] == "random weights (seed 4): the scores mean nothing"


def test_the_seed_makes_the_file(command: Callable, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        command("random-model", tmp_path / f"{name}.safetensors", "--window", 3072, "--seed", seed)
    first, again, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert first == again != other


def test_impossible_shape(command: Callable, tmp_path: Path) -> None:
    outcome = command("random-model", tmp_path / "toy.safetensors", "--channels", 30)
    assert outcome.code == 1
    assert "30 channels cannot be halved" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_no_head_at_all(command: Callable, tmp_path: Path) -> None:
    outcome = command("random-model", tmp_path / "toy.safetensors", "--tracks", 0)
    assert outcome.code == 2
    assert "--tracks" in outcome.err


def test_a_name_that_the_program_would_not_read(command: Callable, tmp_path: Path) -> None:
    outcome = command("random-model", tmp_path / "toy", "--window", 3072)
    assert outcome.code == 2
    assert "end the name with that" in outcome.err
    assert list(tmp_path.iterdir()) == []
