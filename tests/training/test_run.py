"""Whole runs: they learn, they resume, they fine-tune."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("matplotlib")

from enformer_vep.errors import EnformerVepError, InputError
from enformer_vep.models.checkpoints import load_model
from enformer_vep.training import launch
from tests.conftest import REPOSITORY
from tests.training import toy

LEARNED = 0.9


@pytest.mark.parametrize("form", ["genome_form", pytest.param("tfrecord_form", marks=pytest.mark.slow)])
def test_learns_which_motif_switches_the_track_on(form, request, tmp_path):
    folder, data = request.getfixturevalue(form)
    progress = launch.train(toy.make_config(folder, data), tmp_path / "run", resume=False)
    assert progress.best > LEARNED
    assert progress.records[0]["valid_correlation"] < progress.best
    assert load_model(tmp_path / "run").config.output_tracks == {"human": 1}
    assert (tmp_path / "run" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def short_run(folder, data, **changes):
    keys = {"steps": 24, "evaluate_every": 10, "checkpoint_every": 7, **changes}
    return toy.make_config(folder, data, run=keys, optimizer={"ema_decay": 0.9}, model={"dropout": 0.2})


@pytest.mark.parametrize("form", ["genome_form", pytest.param("tfrecord_form", marks=pytest.mark.slow)])
def test_resumed_run_ends_in_the_same_bytes(form, request, tmp_path):
    folder, data = request.getfixturevalue(form)
    config = short_run(folder, data)
    launch.train(config, tmp_path / "whole", resume=False)
    answers = iter([False] * 13 + [True])
    assert launch.train(config, tmp_path / "parts", False, lambda: next(answers)).step == 14
    launch.train(config, tmp_path / "parts", resume=True)
    whole, parts = (tmp_path / name / "model.safetensors" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()
    states = [torch.load(path.with_name("checkpoint.pt"), weights_only=True) for path in (whole, parts)]
    assert all(torch.equal(states[0]["network"][name], states[1]["network"][name]) for name in states[0]["network"])


def test_a_seed_is_a_run_and_another_seed_another(genome_form, tmp_path):
    folder, data = genome_form
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        launch.train(short_run(folder, data, seed=seed, steps=3, evaluate_every=3), tmp_path / name, resume=False)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_readers_in_other_processes_change_nothing(tfrecord_form, tmp_path):
    folder, data = tfrecord_form
    for workers in (0, 2):
        config = short_run(folder, data, workers=workers, steps=6, evaluate_every=6)
        launch.train(config, tmp_path / str(workers), resume=False)
    states = [torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["network"] for name in "02"]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_folder_with_a_run_is_not_overwritten(genome_form, tmp_path):
    folder, data = genome_form
    config = short_run(folder, data, steps=1, evaluate_every=1)
    launch.train(config, tmp_path, resume=False)
    with pytest.raises(EnformerVepError, match=r"--resume or choose another --output"):
        launch.train(config, tmp_path, resume=False)


def test_nothing_to_resume(genome_form, tmp_path):
    folder, data = genome_form
    with pytest.raises(EnformerVepError, match=r"no checkpoint .* leave --resume out"):
        launch.train(short_run(folder, data), tmp_path, resume=True)


@pytest.fixture(scope="module")
def trained(genome_form, tmp_path_factory):
    folder, data = genome_form
    target = tmp_path_factory.mktemp("trained")
    launch.train(short_run(folder, data, steps=2, evaluate_every=2), target, resume=False)
    return target


@pytest.mark.parametrize(
    ("freeze", "still", "moving"),
    [
        ("trunk", ("stem.", "tower.", "blocks.", "final."), ("heads.",)),
        ("layers:2", ("stem.", "tower.0."), ("tower.1.", "blocks.", "final.", "heads.")),
        ("none", (), ("stem.", "tower.", "blocks.", "final.", "heads.")),
    ],
)
def test_fine_tuning_moves_what_is_not_frozen(freeze, still, moving, trained, genome_form, tmp_path):
    folder, data = genome_form
    before = load_model(trained).network.state_dict()
    init = {"model": str(trained), "freeze": freeze}
    config = toy.make_config(
        folder, data, model={}, init=init, run={"steps": 3, "evaluate_every": 3, "checkpoint_every": 3}
    )
    launch.train(config, tmp_path, resume=False)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    statistics = {name for name in before if "running" in name and name.startswith(moving)}
    assert statistics or freeze == "trunk"
    for name, weight in before.items():
        if name.startswith(still) and still:
            assert torch.equal(weight, after[name]), name
        elif "num_batches" not in name:
            assert not torch.equal(weight, after[name]), name


def test_fine_tuning_starts_from_the_trunk_under_new_heads(trained, genome_form):
    folder, data = genome_form
    mouse = {**data, "organism": "mouse"}
    config = toy.make_config(folder, mouse, init={"model": str(trained)})
    network, old = launch.make_network(config), load_model(trained).network
    assert list(network.heads) == ["mouse"]
    assert torch.equal(network.state_dict()["stem.conv.weight"], old.state_dict()["stem.conv.weight"])


def test_organisms_take_turns(genome_form, tmp_path):
    folder, data = genome_form
    config = toy.make_config(folder, data, run={"steps": 1, "evaluate_every": 1, "batch_size": 4}, model={})
    both = toy.parse_config(
        {
            "data": [data, {**data, "organism": "mouse"}],
            "model": toy.SHAPE,
            "run": {"steps": 1, "evaluate_every": 1, "batch_size": 4, "workers": 0},
        },
        folder,
    )
    fresh = launch.make_network(both).state_dict()
    launch.train(both, tmp_path, resume=False)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    assert config.organisms == ("human",)
    assert not torch.equal(fresh["heads.human.weight"], after["heads.human.weight"])
    assert torch.equal(fresh["heads.mouse.weight"], after["heads.mouse.weight"])


CONFIG = """
[[data]]
fasta = "{folder}/genome.fa"
targets = "{folder}/targets.txt"
sequences = "{folder}/sequences.bed"
[model]
window = 256
target_length = 8
channels = 24
channel_multiple = 8
transformer_layers = 1
attention_heads = 2
key_size = 4
pooling_stages = 4
[run]
steps = {steps}
batch_size = 4
evaluate_every = {steps}
checkpoint_every = 5
workers = {workers}
"""


def start_training(config: Path, output: Path, *words: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "enformer_vep", "train", "-c", config, "-o", output, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, **options)


def train_to_the_end(*words) -> None:
    with start_training(*words) as process:
        message = process.communicate()[1]
    assert process.returncode == 0, message


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    [(signal.SIGTERM, False, 143), (signal.SIGINT, True, 130)],
    ids=["TERM", "INT"],
)
def test_a_signal_leaves_a_checkpoint(number, to_all, code, genome_form, tmp_path):
    """SIGINT goes to the readers too, as Ctrl-C in a terminal does."""
    config, output = tmp_path / "toy.toml", tmp_path / "run"
    config.write_text(CONFIG.format(folder=genome_form[0], steps=100_000, workers=1))
    with start_training(config, output, start_new_session=True) as process:
        wait_for(output / "checkpoint.pt", process)
        (os.killpg if to_all else os.kill)(process.pid, number)
        message = process.communicate(timeout=120)[1]
    assert process.returncode == code, message
    assert f"stopped by {number.name} after step" in message
    assert "continue with --resume" in message
    assert "Traceback" not in message
    step = torch.load(output / "checkpoint.pt", weights_only=True)["progress"]["step"]
    assert f"after step {step} " in message


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_bytes(genome_form, tmp_path):
    """SIGKILL at an arbitrary moment; the checkpoint before it is what is left."""
    config = tmp_path / "toy.toml"
    config.write_text(CONFIG.format(folder=genome_form[0], steps=40, workers=0))
    train_to_the_end(config, tmp_path / "whole")
    with start_training(config, tmp_path / "parts") as killed:
        wait_for(tmp_path / "parts" / "checkpoint.pt", killed)
        killed.kill()
    assert not (tmp_path / "parts" / "model.safetensors").exists(), "too late: the run was over"
    train_to_the_end(config, tmp_path / "parts", "--resume")
    whole, parts = (tmp_path / name / "model.safetensors" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


@pytest.mark.slow
def test_two_processes_share_the_batches(genome_form, tmp_path):
    """`accelerate launch` starts processes on GPUs only; this is what it runs."""
    config, output = tmp_path / "toy.toml", tmp_path / "run"
    config.write_text(CONFIG.format(folder=genome_form[0], steps=4, workers=0))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "enformer_vep"]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(REPOSITORY),
        "CUDA_VISIBLE_DEVICES": "",
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(
        [*launcher, "train", "-c", str(config), "-o", str(output)],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "with 2 processes" in done.stderr
    assert done.stderr.count("step 4: loss") == 1
    train_to_the_end(config, tmp_path / "alone")
    alone, together = (load_model(folder).network.state_dict() for folder in (tmp_path / "alone", output))
    assert not torch.equal(alone["heads.human.weight"], together["heads.human.weight"])


def with_targets(folder, data, path, text):
    """The data section with another targets table, whose bigWig is the toy's."""
    path.write_text(text.replace("motif.bw", str(folder / "motif.bw")))
    return {**data, "targets": str(path)}


def test_a_head_that_is_kept_goes_on_with_its_own_tracks(trained, genome_form, tmp_path):
    folder, data = genome_form
    init = {"model": str(trained), "heads": "keep"}
    launch.make_network(toy.make_config(folder, data, init=init))
    renamed = with_targets(folder, data, tmp_path / "t.txt", toy.TARGETS.replace("MOTIF", "ELSE"))
    with pytest.raises(InputError, match=r"track 0 is ELSE, but MOTIF in the table of init\.model"):
        launch.make_network(toy.make_config(folder, renamed, init=init))
    launch.make_network(toy.make_config(folder, renamed, init={**init, "heads": "new"}))


def test_a_run_is_not_continued_with_other_tracks(genome_form, tmp_path):
    folder, data = genome_form
    short = {"run": {"steps": 2, "evaluate_every": 2, "checkpoint_every": 1}}
    answers = iter([True])
    launch.train(toy.make_config(folder, data, **short), tmp_path / "run", False, lambda: next(answers))
    renamed = with_targets(folder, data, tmp_path / "t.txt", toy.TARGETS.replace("MOTIF", "ELSE"))
    with pytest.raises(InputError, match=r"track 0 is ELSE, but MOTIF in the table of .*checkpoint\.pt"):
        launch.train(toy.make_config(folder, renamed, **short), tmp_path / "run", resume=True)


def test_a_table_beside_the_records_has_their_tracks(tfrecord_form, tmp_path):
    folder, data = tfrecord_form
    renamed = with_targets(folder, data, tmp_path / "t.txt", toy.TARGETS.replace("MOTIF", "ELSE"))
    with pytest.raises(InputError, match=r"track 0 is ELSE, but MOTIF in the table of the records of"):
        launch.make_network(toy.make_config(folder, renamed))
