"""From what a user calls a model to an open weight file with its configuration."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from enformer_vep.errors import ModelError
from enformer_vep.models import hub
from enformer_vep.models.basenji2 import keras
from enformer_vep.models.basenji2.config import ACTIVATIONS, Basenji2Config
from enformer_vep.models.enformer import huggingface, sonnet
from enformer_vep.models.enformer.config import FULL_WINDOW, EnformerConfig
from enformer_vep.models.families import FAMILIES, Configuration, Family, find_family
from enformer_vep.models.layouts import NATIVE, Layout
from enformer_vep.models.stores import SafetensorsStore, WeightStore, open_store
from enformer_vep.settings import DNABERT, is_masked_model

logger = logging.getLogger(__name__)

_ENFORMER, _BASENJI2 = FAMILIES["enformer"], FAMILIES["basenji2"]
KERAS_SUFFIXES = (".h5", ".hdf5")
METADATA_KEY = "enformer_vep"
"""The one metadata entry of our files: JSON. (safetensors writes several entries in random order.)"""
OWN_NAME = "model.safetensors"
"""What training calls the model in a run's directory."""
CROP = 320
"""Tokens that the published model cuts from each side."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that are open but not yet read.

    Attributes:
        name: What to call the model: "enformer", "example", or the file's or directory's name.
        store: The open file.
        layout: How the file names and shapes its tensors.
        family: What kind of network it is.
        config: Shape of the model.
        metadata: Text that travels with the weights; track tables are "targets_human" and "targets_mouse".
        digests: What the file says its parts' digests are; empty when it says nothing.
    """

    name: str
    store: WeightStore
    layout: Layout
    family: Family
    config: Configuration
    metadata: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user says about the model, before what the file says.

    Attributes:
        window: Base pairs; None to follow the file.
        target_length: Bins, -1 for no crop; None to follow the file.
        activation: Which GELU a Basenji2 has; None to follow the file, or the published models where it says nothing.
    """

    window: int | None = None
    target_length: int | None = None
    activation: str | None = None

    def complete(self, values: Mapping[str, Any], path: Path, family: Family) -> Configuration:
        """Make the configuration of a family from what the file at `path` says.

        Raises:
            ModelError: When the result is no possible model.
        """
        wishes = {"window": self.window, "target_length": self.target_length, "activation": self.activation}
        merged = {**values, **{name: value for name, value in wishes.items() if value is not None}}
        try:
            if self.activation is not None and "activation" not in {one.name for one in fields(family.configuration)}:
                raise ModelError(f"models of the family {family.name} have one activation: leave --activation out")
            _check_integers(merged, family)
            if merged.get("target_length") == -1:
                merged["target_length"] = family.configuration.from_dict({**merged, "target_length": 2}).tokens
            found: Configuration = family.configuration.from_dict(merged)
            return found
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise ModelError(f"{path}: damaged model configuration ({error}): copy it again") from error


def open_checkpoint(source: str | Path, choice: Choice, *, offline: bool = False) -> Checkpoint:
    """Find and open weights.

    Args:
        source: "enformer" (the official weights), "example" (the model that is part of this package), or a
            path: a file of ours; the directory of a training run; a directory with config.json and
            model.safetensors or pytorch_model.bin, or either of these files; DeepMind's TensorFlow
            checkpoint (prefix, .index file or directory); basenji's Keras file of a Basenji2 (.h5).
        choice: What to change about the sequence.
        offline: Never use the network.

    Raises:
        ModelError: When there is no such model, or its configuration is damaged.
        DependencyError: When reading it needs a package that is not installed.
    """
    name = str(source)
    if is_masked_model(name):
        raise ModelError(
            f"{name}: only enformer-vep score takes {DNABERT}, which predicts no tracks: give another model"
        )
    if name == hub.OFFICIAL_NAME:
        return replace(_open_hub_layout(hub.official_weights(offline=offline), choice), name=name)
    if name == hub.EXAMPLE_NAME:
        return replace(_open_safetensors(hub.example_weights(), choice), name=name)
    return _open_path(Path(source), choice)


def default_target_length(tokens: int) -> int:
    """Bins to predict when a checkpoint does not say.

    DeepMind's checkpoint records no length. Its model crops 320 of 1,536 tokens on each side, and so do we
    when that leaves anything; of a shorter window the central two thirds are kept.
    """
    return tokens - 2 * CROP if tokens > 2 * CROP else 2 * (tokens // 3)


def count_tokens(values: Mapping[str, Any]) -> int:
    """Bins of the window that keyword arguments of `EnformerConfig` describe."""
    stages = values.get("pooling_stages", EnformerConfig.pooling_stages)
    return int(values.get("window", FULL_WINDOW) // 2**stages)


def _check_integers(values: Mapping[str, Any], family: Family) -> None:
    integers = [item.name for item in fields(family.configuration) if item.type is int and item.name in values]
    numbers = {name: values[name] for name in integers} | dict(values.get("output_tracks", {}))
    for name, value in numbers.items():
        if type(value) is not int:
            raise ValueError(f"{name} is {value!r}, not a whole number")


def _open_path(path: Path, choice: Choice) -> Checkpoint:
    if (path / huggingface.CONFIG_NAME).is_file():
        return _open_hub_layout(path, choice)
    prefix = sonnet.find_prefix(path)
    if prefix is not None:
        return _open_sonnet(prefix, path, choice)
    if (path / OWN_NAME).is_file():
        return replace(_open_safetensors(path / OWN_NAME, choice), name=path.resolve().name)
    if path.is_dir():
        raise ModelError(
            f"{path}: a directory with neither config.json nor one TensorFlow checkpoint: "
            "name the model's own directory or file"
        )
    if not path.exists():
        raise ModelError(f"{path}: no such model: give enformer, example or a path (see `enformer-vep models`)")
    if path.suffix in KERAS_SUFFIXES:
        return _open_keras(path, choice)
    return _open_safetensors(path, choice) if path.suffix == ".safetensors" else _open_plain(path, choice)


def _open_hub_layout(directory: Path, choice: Choice) -> Checkpoint:
    for name in huggingface.WEIGHT_NAMES:
        if (directory / name).is_file():
            return replace(_open_plain(directory / name, choice), name=directory.resolve().name)
    raise ModelError(f"{directory}: no {' or '.join(huggingface.WEIGHT_NAMES)} beside config.json: copy it there")


def _open_plain(path: Path, choice: Choice) -> Checkpoint:
    """Weights whose configuration stands in a file beside them."""
    config_path = path.with_name(huggingface.CONFIG_NAME)
    if not config_path.is_file():
        raise ModelError(f"{path}: neither a model of ours nor one with a config.json beside it: copy that file there")
    config = choice.complete(huggingface.read_config(config_path), config_path, _ENFORMER)
    return Checkpoint(path.name, open_store(path), huggingface.HUGGING_FACE, _ENFORMER, config)


def _open_safetensors(path: Path, choice: Choice) -> Checkpoint:
    store = SafetensorsStore(path)
    if METADATA_KEY not in store.metadata:
        return _open_plain(path, choice)
    try:
        record = json.loads(store.metadata[METADATA_KEY])
        values, metadata, digests = (dict(record[key]) for key in ("config", "metadata", "digests"))
        family = find_family(record.get("family", _ENFORMER.name))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: damaged model metadata ({error}): convert the model again") from error
    config = choice.complete(values, path, family)
    return Checkpoint(path.name, store, NATIVE, family, config, metadata, digests)


def _open_keras(path: Path, choice: Choice) -> Checkpoint:
    store = keras.KerasStore(path)
    config = choice.complete(keras.deduce_config(store), path, _BASENJI2)
    assert isinstance(config, Basenji2Config)
    if choice.activation is None:
        logger.info(
            "%s does not say which GELU it was trained with: taking %s, as the published models were; "
            "`enformer-vep convert --activation %s` makes a file with the other",
            path, *ACTIVATIONS,
        )  # fmt: skip
    return Checkpoint(path.name, store, keras.keras_layout(config), _BASENJI2, config)


def _open_sonnet(prefix: Path, path: Path, choice: Choice) -> Checkpoint:
    store = sonnet.SonnetStore(prefix)
    values = sonnet.deduce_config(store.shapes, prefix)
    values["window"] = choice.window or FULL_WINDOW
    if choice.target_length is None:
        tokens = count_tokens(values)
        values["target_length"] = default_target_length(tokens)
        if values["window"] != FULL_WINDOW:
            logger.warning(
                "%s does not say how many of its %d bins to predict: taking the central %d; "
                "`enformer-vep convert --target-length` makes a file that says so",
                path,
                tokens,
                values["target_length"],
            )
    config = choice.complete(values, path, _ENFORMER)
    return Checkpoint(path.resolve().name, store, sonnet.SONNET, _ENFORMER, config)
