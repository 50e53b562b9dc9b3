"""Training of a Basenji2: the family that a configuration names."""

import pytest

pytest.importorskip("accelerate")
pytest.importorskip("pybigtools")
pytest.importorskip("matplotlib")

import torch

from enformer_vep.errors import UsageError
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.checkpoints import load_model
from enformer_vep.training import launch
from enformer_vep.training.optimizer import frozen_layers
from tests.training import toy

SHAPE = {
    "family": "basenji2",
    "window": 256,
    "target_length": 8,
    "tower_widths": [10, 12, 12, 14],
    "narrow_width": 8,
    "dilations": [1, 2],
    "final_width": 16,
    "dropout": 0.0,
}
RUN = {"steps": 6, "batch_size": 8, "evaluate_every": 6, "checkpoint_every": 6, "workers": 0}


def configuration(genome_form, model=SHAPE, **sections):
    folder, data = genome_form
    return toy.parse_config(
        {"data": [data], "model": model, "optimizer": toy.OPTIMIZER, "run": RUN, **sections}, folder
    )


@pytest.fixture(scope="module")
def trained(genome_form, tmp_path_factory):
    target = tmp_path_factory.mktemp("run")
    launch.train(configuration(genome_form), target, resume=False)
    return target


def test_the_run_ends_in_a_basenji2(trained, genome_form):
    model = load_model(trained)
    assert model.family.name == "basenji2"
    assert isinstance(model.config, Basenji2Config)
    assert (model.config.dilations, model.config.window, model.config.activation) == ((1, 2), 256, "sigmoid")
    torch.manual_seed(configuration(genome_form).run.seed)
    fresh = launch.make_network(configuration(genome_form)).state_dict()
    for name, weight in model.network.state_dict().items():
        if "num_batches" not in name:
            assert not torch.equal(weight, fresh[name]), name


@pytest.mark.slow
def test_it_learns_which_motif_switches_the_track_on(genome_form, tmp_path):
    run = {**RUN, "steps": 160, "batch_size": 16, "evaluate_every": 80, "checkpoint_every": 160}
    shape = {**SHAPE, "tower_widths": [16, 20, 24, 24], "final_width": 24}
    progress = launch.train(configuration(genome_form, shape, run=run), tmp_path, resume=False)
    assert progress.best > 0.8


def test_a_dilated_block_adds_nothing_at_first():
    """Initial values of basenji's code: he_normal, and zeros for the last gamma of a residual."""
    torch.manual_seed(1)
    network = Basenji2(Basenji2Config(tower_widths=(32, 64), dilations=(1, 2), target_length=8, window=128)).eval()
    x = torch.randn(1, 64, 32)
    assert torch.equal(network.dilate(x), x)
    for layer in (network.stages[1].conv, network.final.conv):
        fan_in = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)
    assert (network.head("human").bias == 0).all()


@pytest.mark.parametrize(
    ("freeze", "still", "moving"),
    [
        ("trunk", ("tower.", "blocks.", "final."), ("heads.",)),
        ("layers:3", ("tower.0.", "tower.1.", "tower.2."), ("tower.3.", "blocks.", "final.", "heads.")),
    ],
)
def test_fine_tuning_moves_what_is_not_frozen(freeze, still, moving, trained, genome_form, tmp_path):
    before = load_model(trained).network.state_dict()
    config = configuration(genome_form, {}, init={"model": str(trained), "freeze": freeze})
    launch.train(config, tmp_path, resume=False)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    for name, weight in before.items():
        if name.startswith(still):
            assert torch.equal(weight, after[name]), name
        elif name.startswith(moving) and "num_batches" not in name:
            assert not torch.equal(weight, after[name]), name


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"family": "enformer"}, r"model\.family is fixed by init\.model \(basenji2\)"),
        ({"dilations": [1, 3]}, r"model\.dilations is fixed by init\.model"),
        ({"channels": 8}, "unknown model configuration channels"),
    ],
)
def test_what_the_weights_decide(model, message, trained, genome_form):
    with pytest.raises(UsageError, match=message):
        launch.make_network(configuration(genome_form, model, init={"model": str(trained)}))


@pytest.mark.parametrize("family", ["borzoi", 3, ["enformer"]])
def test_a_family_that_is_not_known(family, genome_form):
    with pytest.raises(UsageError, match=r"model\.family: .*correct the configuration"):
        configuration(genome_form, {"family": family}).shape({"human": 1})


def test_layers_of_both_families(trained):
    network = load_model(trained).network
    names = {id(module): name for name, module in network.named_modules()}
    found = [names[id(layer)] for layer in network.layers]
    assert found == [*(f"tower.{stage}" for stage in range(4)), "blocks.0", "blocks.1", "final", "heads"]
    assert len(frozen_layers(network, "layers:5")) == 5
    enformer = load_model("example").network
    names = {id(module): name for name, module in enformer.named_modules()}
    found = [names[id(layer)] for layer in enformer.layers]
    tower = [f"tower.{stage}" for stage in range(6)]
    assert found == ["stem", *tower, "blocks.0", "blocks.1", "blocks.2", "final", "heads"]
