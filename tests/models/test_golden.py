"""Every stage of the network against DeepMind's own code."""

import copy
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.models.enformer import attention
from enformer_vep.models.enformer.network import Enformer
from tests.comparison import FLOAT32_NOISE, relative_error

FLOAT64_NOISE = 1e-9
STAGES = (
    *(f"stem.{index}" for index in range(3)),
    *(f"tower.{index}" for index in range(6)),
    *(f"{part}.{block}" for block in range(2) for part in ("content_logits", "rel_logits", "attn")),
    *(f"block.{block}{part}" for block in range(2) for part in (".mha", "")),
    *("crop", "final", "human", "mouse"),
)


def compute_stages(network: Enformer, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Returns what the network makes of `x` [B, L, 4] by stage, positions before channels, as DeepMind's."""
    stages: dict[str, torch.Tensor] = {}
    x = network.stem.conv(x.transpose(1, 2))
    stages["stem.0"] = x
    x = x + network.stem.pointwise(x)
    stages["stem.1"] = x
    x = network.stem.pool(x)
    stages["stem.2"] = x
    for index, stage in enumerate(network.tower):
        x = stage(x)
        stages[f"tower.{index}"] = x
    stages = {name: value.transpose(1, 2) for name, value in stages.items()}
    x = x.transpose(1, 2)
    for index, block in enumerate(network.blocks):
        normalised = block.attention_norm(x)
        stages[f"content_logits.{index}"] = without(block.attention, "relative_key").logits(normalised)
        stages[f"rel_logits.{index}"] = without(block.attention, "key").logits(normalised)
        stages[f"attn.{index}"] = block.attention.weights(normalised)
        stages[f"block.{index}.mha"] = x + block.attention(normalised)
        x = block(x)
        stages[f"block.{index}"] = x
    crop = network.config.crop
    stages["crop"] = x[:, crop : crop + network.config.target_length]
    stages["final"] = network.finish(stages["crop"])
    return {
        **stages,
        **{organism: network.predict_tracks(stages["final"], organism) for organism in network.heads},
    }


def without(layer: attention.RelativeAttention, projection: str) -> attention.RelativeAttention:
    """Returns a copy with one projection at zero, which takes one term out of the logits."""
    layer = copy.deepcopy(layer)
    getattr(layer, projection).weight.zero_()
    return layer


@pytest.fixture(scope="module")
def stages(tiny: LoadedModel, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return compute_stages(tiny.network, inputs)


@pytest.mark.parametrize("stage", STAGES)
def test_stage(stage: str, stages: Mapping[str, torch.Tensor], golden: Mapping[str, np.ndarray]) -> None:
    assert relative_error(stages[stage], golden[f"stage/{stage}"]) < FLOAT32_NOISE


def test_every_golden_stage_is_tested(golden: Mapping[str, np.ndarray]) -> None:
    named = {name.removeprefix("stage/") for name in golden if name.startswith("stage/")}
    assert named - {"pos_features"} == set(STAGES)


@torch.no_grad()
def test_forward_is_the_stages(tiny: LoadedModel, inputs: torch.Tensor, stages: Mapping[str, torch.Tensor]) -> None:
    for organism, prediction in tiny.network(inputs).items():
        assert relative_error(prediction, stages[organism]) < FLOAT32_NOISE


def test_gradient_of_both_heads(tiny: LoadedModel, inputs: torch.Tensor, golden: Mapping[str, np.ndarray]) -> None:
    x = inputs[:2].clone().requires_grad_()
    prediction = tiny.network(x)
    (prediction["human"].sum() + 0.5 * prediction["mouse"].sum()).backward()
    assert relative_error(x.grad, golden["grad/sum_human_plus_half_mouse"]) < FLOAT32_NOISE


def test_gradient_of_a_target_mask(tiny: LoadedModel, inputs: torch.Tensor, golden: Mapping[str, np.ndarray]) -> None:
    """DeepMind's `contribution_input_grad`: of the masked mean, times the input."""
    x, mask = inputs[:2].clone().requires_grad_(), torch.from_numpy(golden["grad/target_mask"])
    ((tiny.network(x)["human"] * mask).sum() / mask.sum()).backward()
    assert relative_error(x.grad, golden["grad/masked_grad"]) < FLOAT32_NOISE
    contribution = (x.grad * x.detach()).sum(dim=-1)
    assert relative_error(contribution, golden["grad/contribution_input_grad"]) < FLOAT32_NOISE


@pytest.mark.parametrize(
    "stage", ["tower.5", "block.0.mha", "block.0", "block.1.mha", "block.1", "final", "human", "mouse"]
)
def test_stage_in_float64(
    stage: str, tiny: LoadedModel, golden: Mapping[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With TensorFlow's own positional table nothing but the algorithm is left to differ."""
    table = torch.from_numpy(golden["fp64/pos_features"])
    monkeypatch.setattr(attention, "positional_features", lambda tokens, count: table)
    network = copy.deepcopy(tiny.network).double()
    with torch.no_grad():
        stages = compute_stages(network, torch.from_numpy(golden["in/x"]).double())
    assert relative_error(stages[stage], golden[f"fp64/{stage}"]) < FLOAT64_NOISE


@torch.no_grad()
def test_hub_model_is_the_same_network(
    tiny: LoadedModel, inputs: torch.Tensor, golden: Mapping[str, np.ndarray]
) -> None:
    """The TF-Hub model reads twice the window and cuts a quarter off each side before the same network."""
    prediction = tiny.network(inputs)
    compared = [name for name in golden if name.startswith("hub/seq")]
    assert len(compared) >= 4
    for name in compared:
        _, sequence, organism = name.split("/")
        assert relative_error(prediction[organism][int(sequence[3:])], golden[name]) < FLOAT32_NOISE
