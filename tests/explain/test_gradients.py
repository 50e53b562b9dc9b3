"""Gradients against an independent implementation of DeepMind's model, basenji's own code and plain backward passes."""

import copy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.effects.network import Network, one_hot
from enformer_vep.errors import ModelError, UsageError
from enformer_vep.explain import gradients as module
from enformer_vep.explain.contributions import contributions, pooled
from enformer_vep.explain.gradients import Target, differentiate, input_gradients, integrated_gradients
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer import attention
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Precision, Recipe
from tests.builders import randomise
from tests.comparison import WINDOW, relative_error
from tests.models.toy_family import WEIGHTS, ToyConfig, ToyNetwork

FLOAT64_NOISE = 1e-9
FLOAT32_NOISE = 5e-5
TARGETS = ("human_3_7_center", "human_4_center", "human_all", "mouse_2_center")
RANDOM = torch.Generator().manual_seed(4)


@pytest.fixture(scope="module")
def tiny(data_directory: Path) -> Network:
    """Shared: do not change it."""
    return load_model(data_directory / "tiny", None, WINDOW).network


@pytest.fixture(scope="module", params=["excerpt", "complete"])
def golden(request: pytest.FixtureRequest, data_directory: Path) -> tuple[Mapping[str, np.ndarray], slice]:
    """Inputs, the stored positional table and what was computed of them; every how many-th base of gradients."""
    if request.param == "excerpt":
        paths = [data_directory / f"golden_{name}.npz" for name in ("tiny", "contributions")]
        return {**np.load(paths[0]), **np.load(paths[1])}, slice(5, None, 16)
    folder = request.getfixturevalue("shared_directory") / "golden"
    inputs, numbers = np.load(folder / "tiny.npz"), np.load(folder / "attribution" / "attribution.npz")
    kept = {
        name: numbers[name] for name in numbers.files if name.startswith(("target", *TARGETS)) and "ism" not in name
    }
    return {"in/x": inputs["in/x"], "fp64/pos_features": inputs["fp64/pos_features"], **kept}, slice(None)


def target_of(mask: np.ndarray) -> Target:
    """The mean over the bins and tracks of a mask [bins, tracks]."""
    weights = torch.from_numpy(mask.any(axis=0) / mask.sum())
    return Target(weights, np.flatnonzero(mask.any(axis=1)).tolist())


@pytest.mark.parametrize("name", TARGETS)
def test_golden(
    name: str, golden: tuple[Mapping[str, np.ndarray], slice], tiny: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, and with TensorFlow's own positional table, nothing but the algorithm is left to differ."""
    numbers, some = golden
    table = torch.from_numpy(numbers["fp64/pos_features"])
    monkeypatch.setattr(attention, "positional_features", lambda tokens, count: table)
    network = copy.deepcopy(tiny).double()
    x = torch.from_numpy(numbers["in/x"]).double()
    found = differentiate(network, name.partition("_")[0], x, [target_of(numbers[f"target/{name}/mask"])])
    scores = (found.inputs[:, 0] * x).sum(dim=2)
    assert relative_error(found.values[:, 0], numbers[f"{name}/value"]) < FLOAT64_NOISE
    assert relative_error(found.inputs[:, 0, some], numbers[f"{name}/gradient"]) < FLOAT64_NOISE
    assert relative_error(scores[:, some], numbers[f"{name}/contribution"]) < FLOAT64_NOISE
    assert relative_error(pooled(scores), numbers[f"{name}/pooled"]) < FLOAT64_NOISE


@pytest.mark.parametrize("name", TARGETS)
def test_golden_in_float32(name: str, data_directory: Path, tiny: Network) -> None:
    """From base codes on, with our positional table."""
    numbers = {**np.load(data_directory / "golden_tiny.npz"), **np.load(data_directory / "golden_contributions.npz")}
    x = numbers["in/x"]
    codes = torch.from_numpy(np.where(x.any(axis=2), x.argmax(axis=2), 4).astype(np.uint8))
    target = target_of(numbers[f"target/{name}/mask"])
    found = input_gradients(tiny, name.partition("_")[0], codes, [target])
    assert found.shape == (2, 1, WINDOW, 4)
    assert relative_error(found[:, 0, 5::16], numbers[f"{name}/gradient"]) < FLOAT32_NOISE
    scores = contributions(found[:, 0], codes, Recipe.NOTEBOOK)
    assert relative_error(pooled(scores), numbers[f"{name}/pooled"]) < FLOAT32_NOISE
    unknown = codes == 4
    assert unknown.any()
    assert not scores[unknown].any()
    assert found[:, 0][unknown].abs().max() > 0


@pytest.mark.parametrize("sequence", [0, 1])
def test_basenji2(data_directory: Path, sequence: int) -> None:
    """Basenji's own gradient of the sum of track 3 over all bins."""
    golden = np.load(data_directory / "golden_basenji2.npz")
    network = load_model(data_directory / "tiny_basenji2.h5", None, activation="sigmoid").network.double()
    weights = torch.eye(network.head("human").out_features)[3]
    codes = torch.from_numpy(golden["codes"][sequence : sequence + 1])
    found = input_gradients(network, "human", codes, [Target(weights, slice(None))])
    # Where neighbouring maxima are equal, as in runs of N, a pool's gradient is anybody's choice.
    unique = golden["grad_unique/1"] if sequence == 1 else slice(None)
    assert relative_error(found[0, 0, 5::16][unique], golden[f"sigmoid/grad/{sequence}"][unique]) < 1e-6


def make_networks(data_directory: Path) -> dict[str, Network]:
    config = EnformerConfig(
        channels=24, transformer_layers=0, attention_heads=2, key_size=8, channel_multiple=4, target_length=8,
        window=2048, output_tracks={"human": 5},
    )  # fmt: skip
    without_transformer = Enformer(config).eval()
    randomise(without_transformer, 3)
    return {
        "enformer": load_model(data_directory / "tiny", None, WINDOW).network,
        "no_transformer": without_transformer,
        "basenji2": load_model(data_directory / "tiny_basenji2.h5", None).network,
        "toy": ToyNetwork(ToyConfig()).eval(),
    }


@pytest.mark.parametrize("bins", [None, slice(2, 5)])
@pytest.mark.parametrize("family", ["enformer", "no_transformer", "basenji2", "toy"])
@torch.no_grad()
def test_segments_one_after_the_other_are_the_network(data_directory: Path, family: str, bins: slice | None) -> None:
    network = make_networks(data_directory)[family]
    x = one_hot(torch.randint(0, 5, (2, network.output.window), generator=RANDOM, dtype=torch.uint8))
    result = x
    for segment in network.segments(bins):
        result = segment(result)
    expected = network.embed(x, bins)
    assert result.shape == expected.shape
    torch.testing.assert_close(result, expected, rtol=0, atol=0)


@pytest.mark.parametrize("family", ["enformer", "no_transformer", "basenji2", "toy"])
def test_a_plain_backward_pass_gives_the_same(data_directory: Path, family: str) -> None:
    """Of several targets at once, more than are carried down together."""
    network = make_networks(data_directory)[family].double()
    tracks, bins = network.head("human").out_features, network.output.bins
    codes = torch.randint(0, 5, (2, network.output.window), generator=RANDOM, dtype=torch.uint8)
    weights = torch.rand(module.TARGETS_AT_ONCE + 2, tracks, generator=RANDOM, dtype=torch.float64)
    weights[:, 0] = 0
    targets = [Target(row, [number, number + 2]) for number, row in enumerate(weights)]
    targets[0] = Target(weights[0], slice(bins - 2, None))
    found = input_gradients(network, "human", codes, targets)
    x = one_hot(codes, torch.float64).clone().requires_grad_()
    predicted = network.activate(network.head("human")(network.embed(x)))
    for number, target in enumerate(targets):
        some = predicted[:, bins - 2 :] if number == 0 else predicted[:, list(target.bins)]
        (expected,) = torch.autograd.grad((some @ target.weights).sum(), x, retain_graph=True)
        torch.testing.assert_close(found[:, number], expected, rtol=1e-9, atol=1e-12)


def test_a_counting_network_by_hand() -> None:
    """Predictions are softplus(count), so a base that counts has the slope of the logistic function there."""
    network = ToyNetwork(ToyConfig()).eval()
    with torch.no_grad():
        network.head("human").weight.copy_(torch.tensor(WEIGHTS))
        network.head("human").bias.zero_()
    codes = torch.randint(0, 4, (1, 1024), generator=RANDOM, dtype=torch.uint8)
    found = input_gradients(network, "human", codes, [Target(torch.tensor([0.0, 0.5, 0.0]), [3])])[0, 0]
    inside = slice(128 + 3 * 32, 128 + 4 * 32)
    slope = torch.sigmoid((codes[0, inside] == 3).sum().float())
    expected = torch.zeros(1024, 4)
    expected[inside, 3] = 0.5 * slope
    torch.testing.assert_close(found, expected)
    assert not any(parameter.grad is not None for parameter in network.parameters())


def test_inference_mode_and_training_do_not_matter(tiny: Network) -> None:
    codes = torch.randint(0, 4, (1, WINDOW), generator=RANDOM, dtype=torch.uint8)
    target = Target(torch.ones(13), [4])
    expected = input_gradients(tiny, "human", codes, [target])
    with torch.inference_mode():
        found = input_gradients(tiny, "human", codes.clone(), [target])
    assert torch.equal(found, expected)
    learning = copy.deepcopy(tiny).requires_grad_(True).train()
    torch.testing.assert_close(input_gradients(learning, "human", codes, [target]), expected)
    assert learning.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in learning.parameters())


def test_integrated_gradients_add_up() -> None:
    """Their sum comes to the difference from no bases, nearer with more steps."""
    network = ToyNetwork(ToyConfig()).double().eval()
    with torch.no_grad():
        network.head("human").weight.copy_(torch.tensor(WEIGHTS) / 8)
        network.head("human").bias.fill_(-1.0)
    codes = torch.randint(0, 5, (2, 1024), generator=RANDOM, dtype=torch.uint8)
    targets = [Target(torch.tensor(row, dtype=torch.float64), [6, 9]) for row in ([1, 0, 2], [0, 1, 0])]
    empty = differentiate(network, "human", torch.zeros(2, 1024, 4, dtype=torch.float64), targets).values
    missing = []
    for steps in (1, 8, 32):
        found = integrated_gradients(network, "human", codes, targets, Precision.FLOAT32, steps)
        scores = contributions(found.inputs, codes[:, None], Recipe.INTEGRATED)
        missing.append(float((scores.sum(dim=2) / (found.values - empty) - 1).abs().max()))
    expected = differentiate(network, "human", one_hot(codes, torch.float64), targets).values
    torch.testing.assert_close(found.values, expected)
    assert missing[2] < 1e-4
    assert missing[2] < missing[1] < missing[0]


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([], "no target"),
        ([Target(torch.ones(13), [])], "no bins"),
        ([Target(torch.ones(13), [16])], "bin 16, which is not predicted: choose from 0 to 15"),
        ([Target(torch.ones(13), [-1])], "bin -1"),
        ([Target(torch.ones(7), [0])], r"weights \[7\]: give one for each of the 13 human tracks"),
    ],
)
def test_targets_that_cannot_be(tiny: Network, targets: list[Target], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        input_gradients(tiny, "human", torch.zeros(1, WINDOW, dtype=torch.uint8), targets)


def test_windows_of_another_length_are_refused(tiny: Network) -> None:
    with pytest.raises(ModelError, match=r"the model reads \[B, 3072, 4\], not \[1, 100, 4\]"):
        input_gradients(tiny, "human", torch.zeros(1, 100, dtype=torch.uint8), [Target(torch.ones(13), [0])])
