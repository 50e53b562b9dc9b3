"""Basenji2 against basenji's own code."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.network import one_hot
from enformer_vep.errors import ModelError
from enformer_vep.genome.bins import Geometry
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.keras import keras_layout
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.models.checkpoints import build_on_meta, count_parameters, load_model, save_model, tensor_shapes
from enformer_vep.models.families import find_family
from tests.comparison import relative_error

Golden = Mapping[str, np.ndarray]


@pytest.fixture(scope="session")
def golden(data_directory: Path) -> Golden:
    return np.load(data_directory / "golden_basenji2.npz")


def load(path: Path, activation: str | None = None) -> Basenji2:
    network = load_model(path, None, activation=activation).network
    assert isinstance(network, Basenji2)
    return network


@pytest.fixture(scope="session")
def tiny_file(data_directory: Path) -> Path:
    return data_directory / "tiny_basenji2.h5"


def compute_stages(network: Basenji2, x: Tensor) -> dict[str, Tensor]:
    """What the network makes of `x` [1, L, 4] by stage, positions before channels, as basenji's."""
    stem, stages = network.stages[0], {}
    x = x.transpose(1, 2)
    stages["first_activation"] = stem.activation(x)
    stages["stem.conv"] = stem.conv(stages["first_activation"])
    for number, stage in enumerate(network.stages):
        x = stage(x)
        if number == 0:
            stages["stem.norm"] = x
        x = F.max_pool1d(x, 2)
        stages[f"tower.{number - 1}" if number else "stem"] = x
    for number, block in enumerate(network.dilated_blocks):
        if number == 3:
            stages["dilated.3.first_norm"] = block.narrow(x)
        x = block(x)
        stages[f"dilated.{number}"] = x
    stages["crop"] = x[:, :, network.kept_tokens()]
    stages["final.norm"] = network.final(stages["crop"])
    result = {name: value[0].t() for name, value in stages.items()}
    return {**result, "trunk": network.finish(stages["crop"])[0]}


@pytest.mark.parametrize("sequence", [0, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_every_stage(tiny_file: Path, golden: Golden, sequence: int, dtype: torch.dtype, tolerance: float) -> None:
    network = load(tiny_file).to(dtype)
    x = one_hot(torch.from_numpy(golden["codes"][sequence : sequence + 1]), dtype)
    stages = compute_stages(network, x)
    names = [name.rsplit("/", 1)[-1] for name in golden if name.startswith(f"sigmoid/stage/{sequence}/")]
    assert set(names) == set(stages)
    for name in names:
        ours, theirs = stages[name][:256][::16], golden[f"sigmoid/stage/{sequence}/{name}"]
        if theirs.any():
            assert relative_error(ours, theirs) < tolerance, name
        else:
            assert not ours.any(), f"{name}: nothing but N"
    assert relative_error(network(x)["human"][0], golden[f"sigmoid/human/{sequence}"]) < tolerance


def test_the_other_activation(tiny_file: Path, golden: Golden) -> None:
    network = load(tiny_file, "tanh").double()
    x = one_hot(torch.from_numpy(golden["codes"][:1]), torch.float64)
    # TensorFlow rounds a constant of its GELU.
    assert relative_error(network(x)["human"][0], golden["tanh/human/0"]) < 1e-7


@pytest.mark.parametrize("sequence", [0, 1])
def test_gradients(tiny_file: Path, golden: Golden, sequence: int) -> None:
    network = load(tiny_file).double()
    x = one_hot(torch.from_numpy(golden["codes"][sequence : sequence + 1]), torch.float64).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(x)["human"][..., 3].sum(), x)
    # Where neighbouring maxima are equal, as in runs of N, a pool's gradient is anybody's choice.
    unique = golden["grad_unique/1"] if sequence == 1 else slice(None)
    assert relative_error(gradient[0, 5::16][unique], golden[f"sigmoid/grad/{sequence}"][unique]) < 1e-6


@pytest.mark.parametrize("name", ["tiny_human", "tiny_human_renumbered", "tiny_human_old_attributes", "tiny_mouse"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_every_file_that_the_original_wrote(shared_directory: Path, name: str, activation: str) -> None:
    golden = np.load(shared_directory / "golden" / "basenji2" / "tiny.npz")
    network = load(shared_directory / "golden" / "basenji2" / f"{name}.h5", activation)
    (head,) = network.organisms
    predicted = network(torch.from_numpy(golden["in/x"]).float())[head]
    organism = "mouse" if "mouse" in name else "human"
    assert relative_error(predicted, golden[f"{activation}/fp64/{organism}"]) < 1e-5


def test_a_converted_file_is_the_same_model(tiny_file: Path, tmp_path: Path) -> None:
    model = load_model(tiny_file, None, activation="tanh")
    sha256 = save_model(model.network, tmp_path / "ours.safetensors")
    again = load_model(tmp_path / "ours.safetensors", None)
    assert sha256 == again.sha256 == model.sha256
    assert again.config == model.config
    assert again.config.to_dict()["activation"] == "tanh"
    assert again.family.name == "basenji2"
    # The same weights: another model.
    assert load_model(tiny_file, None).sha256 != model.sha256


def test_the_published_shape_has_the_published_number_of_weights() -> None:
    network = build_on_meta(find_family("basenji2"), Basenji2Config())
    shapes = tensor_shapes(network)
    # Stored and trainable numbers of the full human model, built by basenji's own code.
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 30_123_584
    assert count_parameters(shapes) == 30_088_228
    assert network.output == Geometry(131_072, 64 * 128, 128, 896)


def test_the_published_layers_are_found(shared_directory: Path) -> None:
    """Names and shapes of the full model's file, as basenji's own code would save it."""
    rows = (shared_directory / "golden" / "basenji2" / "full_weights_human.tsv").read_text().splitlines()[1:]
    stored = sorted(tuple(map(int, row.split("\t")[1].split("x"))) for row in rows)
    network, layout = build_on_meta(find_family("basenji2"), Basenji2Config()), keras_layout(Basenji2Config())
    wanted = dict(layout.locate(name, shape) for name, shape in tensor_shapes(network).items())
    assert sorted(wanted.values()) == stored


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.attrs.pop("model_config"), "not a complete Keras model"),
        (lambda file: file.__delitem__("model_weights/dense"), "not a complete Keras model"),
        (lambda file: file["model_weights"].attrs.__setitem__("layer_names", ["conv1d"]), "missing"),
        (lambda file: file.attrs.__setitem__("model_config", '{"config": {"layers": []}}'), "not the layers"),
        (lambda file: file.attrs.__setitem__("model_config", "{"), "not a complete Keras model"),
    ],
)
def test_damaged_files(tiny_file: Path, tmp_path: Path, damage: Callable[[h5py.File], object], message: str) -> None:
    path = tmp_path / "damaged.h5"
    path.write_bytes(tiny_file.read_bytes())
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(ModelError, match=message):
        load_model(path, None)


def configured(kind: str, **values: object) -> Callable[[dict[str, Any]], None]:
    """Changes settings of all layers of a kind; None takes them away."""

    def change(layer: dict[str, Any]) -> None:
        if layer["class_name"] == kind:
            kept = {**layer["config"], **values}
            layer["config"] = {name: value for name, value in kept.items() if value is not None}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (configured("BatchNormalization", epsilon=1e-5), "BatchNorm with an epsilon of 1e-05"),
        (configured("Dense", activation="linear"), "a head with the activation linear"),
        (lambda layer: layer.update({"class_name": layer["class_name"].replace("GELU", "ReLU")}), "a layer ReLU"),
        (configured("InputLayer", batch_input_shape=None, batch_shape=[None, 16384, 4]), "not as Keras 2 writes them"),
        (configured("InputLayer", batch_input_shape=[None, None, 4]), "for one length of sequence"),
        (configured("InputLayer", batch_input_shape="x"), "not as Keras 2 writes them"),
        (configured("Conv1D", filters=None), "KeyError: 'filters'"),
        (configured("Conv1D", kernel_size=15), "not as Keras 2 writes them"),
        (configured("Cropping1D", cropping=[1, 2, 3]), "not as Keras 2 writes them"),
    ],
)
def test_settings_that_are_not_basenji2_s(
    tiny_file: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "other.h5"
    path.write_bytes(tiny_file.read_bytes())
    with h5py.File(path, "a") as file:
        model = json.loads(file.attrs["model_config"])
        for layer in model["config"]["layers"]:
            change(layer)
        file.attrs["model_config"] = json.dumps(model)
    with pytest.raises(ModelError, match=message) as error:
        load_model(path, None)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_epsilon_as_the_nearest_float32(tiny_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "same.h5"
    path.write_bytes(tiny_file.read_bytes())
    with h5py.File(path, "a") as file:
        text = file.attrs["model_config"]
        assert '"epsilon": 0.001,' in text
        file.attrs["model_config"] = text.replace('"epsilon": 0.001,', f'"epsilon": {float(np.float32(0.001))!r},')
    assert load_model(path, None).sha256 == load_model(tiny_file, None).sha256


def test_what_is_no_hdf5(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"no model")
    with pytest.raises(ModelError, match="copy it again"):
        load_model(tmp_path / "model.h5", None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"activation": "relu"}, "choose from sigmoid, tanh"),
        ({"window": 1000}, "multiple of 256"),
        ({"target_length": 3}, "cannot be cut"),
        ({"tower_widths": (8, 0)}, "positive whole numbers"),
        ({"stem_kernel": 4}, "odd"),
    ],
)
def test_impossible_shapes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Basenji2Config(**values)
