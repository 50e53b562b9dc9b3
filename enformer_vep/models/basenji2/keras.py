"""Basenji's Keras files (.h5): their reader, their names, their shapes. TensorFlow is not needed.

Layers are numbered in the order of the attribute `layer_names`, kind by kind, as names in the file depend on how many
models the process that saved it had made before. The configuration is part of the file, but for the activation: the
custom layer that computes it says nothing of which GELU it is.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from enformer_vep.errors import DependencyError, ModelError
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.network import NORM_EPSILON
from enformer_vep.models.layouts import Layout, Shape

PUBLISHED_TRACKS = {5313: "human", 1643: "mouse"}
"""Whose head it is, by its number of tracks."""

_LEAVES = {"weight": "kernel", "bias": "bias"}
_NORM_LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_OTHER_ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU")
_KINDS = ("conv1d", "batch_normalization", "dense")


class KerasStore:
    """The weights of a Keras file; raises ModelError when it is none.

    Attributes:
        path: The file.
        shapes: Name such as "conv1d/0/kernel" to shape.
        layers: Class and configuration of every layer, in order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.layers: Sequence[tuple[str, Mapping[str, Any]]] = ()
        self._datasets: dict[str, str] = {}
        shapes: dict[str, Shape] = {}
        try:
            with _require_h5py().File(path, "r") as file:
                self.layers = _layers(file)
                for name, dataset in _numbered(file["model_weights"]):
                    self._datasets[name] = dataset.name
                    shapes[name] = tuple(dataset.shape)
        except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
            raise self._damaged(error) from error
        self.shapes: Mapping[str, Shape] = shapes

    def read(self, name: str) -> Tensor:
        """Read one tensor as it is stored, float32."""
        try:
            with _require_h5py().File(self.path, "r") as file:
                return torch.from_numpy(np.asarray(file[self._datasets[name]], dtype=np.float32))
        except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ModelError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ModelError(f"{self.path}: not a complete Keras model of Basenji2 ({reason}): copy it again")


def deduce_config(store: KerasStore) -> dict[str, Any]:
    """Read keyword arguments of `Basenji2Config` off a file, all but the activation.

    Raises:
        ModelError: When its layers are not those of a Basenji2, or their settings cannot be understood.
    """
    try:
        _require_arithmetic(store)
        return _config_of(store)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelError(
            f"{store.path}: settings of its layers are not as Keras 2 writes them ({type(error).__name__}: {error}): "
            "save the model with the Keras that basenji uses, for one length of sequence"
        ) from error


def _require_arithmetic(store: KerasStore) -> None:
    """Refuse what has the same weights as a Basenji2 and computes something else with them."""
    for kind, settings in store.layers:
        # Some versions write the nearest float32.
        if kind == "BatchNormalization" and not math.isclose(settings["epsilon"], NORM_EPSILON, rel_tol=1e-6):
            found = f"BatchNorm with an epsilon of {settings['epsilon']}, where Basenji2 has {NORM_EPSILON}"
        elif kind == "Dense" and settings["activation"] != "softplus":
            found = f"a head with the activation {settings['activation']}, where Basenji2 has softplus"
        elif kind in _OTHER_ACTIVATIONS:
            found = f"a layer {kind}, where Basenji2 has GELU"
        else:
            continue
        raise ModelError(f"{store.path}: {found}: give another model")


def _config_of(store: KerasStore) -> dict[str, Any]:
    layers = store.layers
    convolutions = [settings for kind, settings in layers if kind == "Conv1D"]
    pools = sum(kind == "MaxPooling1D" for kind, _ in layers)
    dense = [settings for kind, settings in layers if kind == "Dense"]
    crops = [settings for kind, settings in layers if kind == "Cropping1D"]
    inputs = [settings for kind, settings in layers if kind == "InputLayer"]
    dilated = len(convolutions) - pools - 1
    if not (pools and dilated >= 0 and dilated % 2 == 0 and len(dense) == 1 and len(inputs) == 1 and len(crops) <= 1):
        counts = f"{len(convolutions)} convolutions, {pools} pools, {len(dense)} heads, {len(crops)} crops"
        raise ModelError(f"{store.path}: not the layers of a Basenji2 ({counts}): give another model")
    tower, narrow = convolutions[:pools], convolutions[pools:-1:2]
    window, tracks = inputs[0]["batch_input_shape"][1], dense[0]["units"]
    tokens = window // 2**pools
    before, after = crops[0]["cropping"] if crops else (0, 0)
    values = {
        "tower_widths": tuple(one["filters"] for one in tower),
        "stem_kernel": tower[0]["kernel_size"][0],
        "tower_kernel": tower[-1]["kernel_size"][0],
        "dilations": tuple(one["dilation_rate"][0] for one in narrow),
        "final_width": convolutions[-1]["filters"],
        "target_length": tokens - before - after,
        "window": window,
        "output_tracks": {PUBLISHED_TRACKS.get(tracks, "human"): tracks},
    }
    return {**values, "narrow_width": narrow[0]["filters"]} if narrow else values


def keras_layout(config: Basenji2Config) -> Layout:
    """How a file of this shape names and shapes its tensors."""
    stages, dilated = len(config.tower_widths), len(config.dilations)
    numbers = {f"tower.{stage}": stage for stage in range(stages)}
    numbers |= {f"blocks.{block}.narrow": stages + 2 * block for block in range(dilated)}
    numbers |= {f"blocks.{block}.wide": stages + 2 * block + 1 for block in range(dilated)}
    numbers["final"] = stages + 2 * dilated

    def locate(name: str, shape: Shape) -> tuple[str, Shape]:
        module, leaf = name.rsplit(".", 1)
        if module.startswith("heads."):
            return f"dense/0/{_LEAVES[leaf]}", shape[::-1]
        block, layer = module.rsplit(".", 1)
        if layer == "conv":
            return f"conv1d/{numbers[block]}/{_LEAVES[leaf]}", shape[::-1]
        return f"batch_normalization/{numbers[block]}/{_NORM_LEAVES[leaf]}", shape

    return Layout(locate, lambda tensor, name, shape: tensor.permute(*reversed(range(tensor.dim()))))


def _numbered(weights: Any) -> Sequence[tuple[str, Any]]:
    """Every dataset by the kind of its layer, the layer's number among its kind, and its own name."""
    counts = dict.fromkeys(_KINDS, 0)
    found = []
    for layer in map(_text, weights.attrs["layer_names"]):
        kind = re.sub(r"_\d+$", "", layer)
        names = [_text(name) for name in weights[layer].attrs["weight_names"]]
        if not names:
            continue
        if kind not in counts:
            raise ValueError(f"layer {layer} is of no kind that Basenji2 has")
        for name in names:
            leaf = name.rsplit("/", 1)[-1].removesuffix(":0")
            found.append((f"{kind}/{counts[kind]}/{leaf}", weights[layer][name]))
        counts[kind] += 1
    return found


def _layers(file: Any) -> list[tuple[str, Mapping[str, Any]]]:
    model = json.loads(_text(file.attrs["model_config"]))
    return [(layer["class_name"], layer["config"]) for layer in model["config"]["layers"]]


def _text(value: Any) -> str:
    """Attributes are text in new files and bytes in old ones."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _require_h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise DependencyError("Keras models need h5py; pip install 'enformer-vep[formats]'") from None
    return h5py
