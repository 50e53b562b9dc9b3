"""Every mistake in a configuration is one line that names the key."""

import re

import pytest

from enformer_vep.errors import EnformerVepError, UsageError
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.training.configuration import read_config
from enformer_vep.training.optimizer import frozen_layers, rate_factor
from tests.training import toy

DATA = "[[data]]\ntfrecords = 'x'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no [[data]] section"),
        (DATA + "[run]\nstep = 3", "unknown key run.step;"),
        (DATA + "[runs]\nsteps = 3", "unknown key runs;"),
        (DATA + "[run]\nsteps = 'many'", "run.steps must be of type int, not 'many'"),
        (DATA + "[run]\nsteps = 0", "run.steps must be at least 1, not 0"),
        (DATA + "[run]\nprecision = 'fp8'", "run.precision 'fp8' is not known; use one of auto"),
        (DATA + "[optimizer]\nname = 'sgd'", "optimizer.name 'sgd' is not known"),
        (DATA + "[optimizer]\nrate = true", "optimizer.rate must be of type float"),
        ("run = 3\n" + DATA, "run must be a section; write [run]"),
        (DATA + "fastas = 'y'", "unknown key data.fastas"),
        ("[[data]", "is not TOML"),
        ("[[data]]\nabsent = 'nan'", "data.absent 'nan' is not known; use one of zero, unknown"),
        (
            "[[data]]\nsquash = 'basenji'",
            "data.squash 'basenji' is not known; use one of clip-first, scale-first",
        ),
        (DATA + "absent = 'unknown'", "tfrecords are summarised and squashed already; remove absent"),
        (DATA + "blacklist = 'a.bed'", "tfrecords are summarised and squashed already; remove blacklist"),
        (DATA + "squash = 'scale-first'", "tfrecords are summarised and squashed already; remove squash"),
    ],
)
def test_mistakes_are_named(text, message, tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(EnformerVepError, match=r"nowhere\.toml cannot be read"):
        read_config(tmp_path / "nowhere.toml")


def test_paths_are_relative_to_the_configuration(tmp_path):
    (tmp_path / "a.toml").write_text(DATA)
    assert read_config(tmp_path / "a.toml").data[0].tfrecords == tmp_path / "x"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"colour": 1}, "unknown model configuration colour"),
        ({"output_tracks": {}}, "follows from the targets"),
    ],
)
def test_impossible_models_are_named(model, message, tmp_path):
    config = toy.make_config(tmp_path, {}, model=model)
    with pytest.raises(UsageError, match=message):
        config.shape({"human": 1})


def test_defaults_are_the_papers(tmp_path):
    config = toy.parse_config({"data": [{}]}, tmp_path)
    data, own = config.data[0], config.optimizer
    assert (data.absent, data.blacklist, data.squash) == ("zero", None, "clip-first")
    assert (own.name, own.rate, own.warmup_steps, own.clip_norm) == ("adam", 5e-4, 5000, 0.2)
    assert config.shape({"human": 5313}) == EnformerConfig(output_tracks={"human": 5313})


@pytest.mark.parametrize("freeze", ["half", "layers:", "layers:99", "layers:-1"])
def test_unknown_freeze(freeze):
    network = Enformer(EnformerConfig(**toy.SHAPE, output_tracks={"human": 1}))
    with pytest.raises(UsageError, match="is not known; use 'none', 'trunk' or 'layers:N'"):
        frozen_layers(network, freeze)


def test_rate_rises_and_decays():
    factors = [rate_factor(step, 4, 12, "cosine") for step in range(13)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[8] == pytest.approx(0.5)
    assert factors[12] == pytest.approx(0)
    assert rate_factor(99, 4, 12, "none") == 1
