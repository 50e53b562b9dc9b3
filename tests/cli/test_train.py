import pytest

pytest.importorskip("accelerate")
pytest.importorskip("pybigtools")
pytest.importorskip("matplotlib")

from enformer_vep.models.checkpoints import load_model
from enformer_vep.tracks.table import TrackTable
from tests.training import toy

CONFIG = """
[[data]]
fasta = "genome.fa"
targets = "targets.txt"
sequences = "sequences.bed"
{baked}
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
steps = 2
batch_size = 2
evaluate_every = 2
evaluation_examples = 4
workers = 0
dtype = "float16"
[provenance]
coverage = "made up"
"""


@pytest.fixture
def folder(tmp_path):
    toy.write_genome_form(tmp_path, toy.make_toy())
    (tmp_path / "toy.toml").write_text(CONFIG.format(baked=""))
    return tmp_path


def test_run_ends_in_a_model_that_says_what_it_is(command, folder):
    outcome = command("train", "-c", folder / "toy.toml", "-o", folder / "run")
    assert outcome.code == 0, outcome.err
    assert "step 2: loss" in outcome.err
    model = load_model(folder / "run")
    assert model.name == "run"
    assert TrackTable.from_text(model.metadata["targets_human"])[0].identifier == "MOTIF"
    assert '"coverage": "made up"' in model.metadata["provenance"]
    assert '"step": 2' in model.metadata["evaluation"]
    assert str(folder) not in "".join(model.metadata.values())
    [line] = (folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert '"human TOY"' in line


def test_time_limit_leaves_a_checkpoint_that_resumes(command, folder):
    (folder / "toy.toml").write_text(CONFIG.format(baked="").replace("steps = 2", "steps = 30"))
    words = ("train", "-c", folder / "toy.toml", "-o", folder / "run")
    outcome = command(*words, "--minutes", 0.00001)
    assert (outcome.code, "stopped after step 1; continue with --resume" in outcome.err) == (0, True)
    outcome = command(*words)
    assert outcome.code == 1
    assert "holds a run already; continue it with --resume" in outcome.err
    outcome = command(*words, "--resume", "--minutes", 0.00001)
    assert "stopped after step 2" in outcome.err


def test_baked_data_train_the_same_model(command, folder):
    assert command("train", "-c", folder / "toy.toml", "-o", folder / "plain").code == 0
    (folder / "toy.toml").write_text(CONFIG.format(baked='baked = "toy.npz"'))
    outcome = command("train", "-c", folder / "toy.toml", "--bake")
    assert outcome.code == 0, outcome.err
    assert "2 contigs, 1 tracks" in outcome.err
    assert command("train", "-c", folder / "toy.toml", "-o", folder / "baked").code == 0
    assert load_model(folder / "plain").sha256 == load_model(folder / "baked").sha256


def test_data_baked_under_another_rule_are_refused(command, folder):
    (folder / "toy.toml").write_text(CONFIG.format(baked='baked = "toy.npz"'))
    assert command("train", "-c", folder / "toy.toml", "--bake").code == 0
    (folder / "toy.toml").write_text(CONFIG.format(baked='baked = "toy.npz"\nabsent = "unknown"'))
    outcome = command("train", "-c", folder / "toy.toml", "-o", folder / "run")
    assert outcome.code == 1
    assert "another rule for absent positions than the configuration; bake it again" in outcome.err
    assert command("train", "-c", folder / "toy.toml", "--bake").code == 0
    assert command("train", "-c", folder / "toy.toml", "-o", folder / "run").code == 0
    assert '"absent": "unknown"' in load_model(folder / "run").metadata["training"]


def test_mistakes_name_the_key(command, folder):
    (folder / "toy.toml").write_text(CONFIG.format(baked="colour = 1"))
    outcome = command("train", "-c", folder / "toy.toml")
    assert outcome.code == 2
    assert "unknown key data.colour" in outcome.err
