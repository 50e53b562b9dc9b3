"""Weights in, from any layout; one safetensors file out.

Reading is strict (a tensor that is missing, extra or of another shape is an error that names it), runs no code
from the file, and is lean: the network is built without memory and the file's own pages become its parameters.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from enformer_vep.errors import ModelError, OutputError
from enformer_vep.model import hub, huggingface, sonnet
from enformer_vep.model.config import FULL_WINDOW, EnformerConfig
from enformer_vep.model.enformer import Enformer
from enformer_vep.model.files import replacing
from enformer_vep.model.identity import digest_parts, identity, part_of
from enformer_vep.model.layouts import NATIVE, Layout, Shape
from enformer_vep.model.stores import SafetensorsStore, WeightStore, open_store

logger = logging.getLogger(__name__)

METADATA_KEY = "enformer_vep"
"""The one metadata entry of our files: JSON. (safetensors writes several entries in random order.)"""
_COUNTER = "num_batches_tracked"
_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that are open but not yet read.

    Attributes:
        name: What to call the model: "enformer", "example", or the file's or directory's name.
        store: The open file.
        layout: How the file names and shapes its tensors.
        config: Shape of the model.
        metadata: Text that travels with the weights; track tables are "targets_human" and "targets_mouse".
        digests: What the file says its parts' digests are; empty when it says nothing.
    """

    name: str
    store: WeightStore
    layout: Layout
    config: EnformerConfig
    metadata: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network that is ready to predict.

    Attributes:
        network: In evaluation mode, float32, on the CPU, with the wanted heads only. Its parameters do not
            require gradients (those with respect to the input flow all the same); to train it, call
            `network.requires_grad_(True)`.
        config: Shape of the model; `output_tracks` names every head of the file.
        name: What to call the model: "enformer", "example", or the file's or directory's name.
        sha256: Identity of all weights of the file, see `enformer_vep.model.identity`.
        metadata: Text that came with the weights; track tables are "targets_human" and "targets_mouse".
    """

    network: Enformer
    config: EnformerConfig
    name: str
    sha256: str
    metadata: Mapping[str, str]


def load_model(
    source: str | Path,
    organisms: Collection[str] | None = ("human",),
    window: int | None = None,
    *,
    target_length: int | None = None,
    offline: bool = False,
) -> LoadedModel:
    """Load a model.

    Args:
        source: "enformer", "example", or a path; see `open_checkpoint`.
        organisms: Heads to load; all of them when None.
        window: Base pairs to read, if not what the model says (196,608 where it says nothing).
        target_length: Bins to predict, if not what the model says; -1 for no crop.
        offline: Use what is on this machine, never the network.

    Returns:
        The model.

    Raises:
        ModelError: When the weights are missing, damaged or do not fit.
        DependencyError: When reading them needs a package that is not installed.
    """
    checkpoint = open_checkpoint(source, window, target_length=target_length, offline=offline)
    wanted = _wanted_heads(checkpoint, organisms)
    network = build_on_meta(checkpoint.config)
    shapes = tensor_shapes(network)
    check_tensors(checkpoint, shapes)
    state = {name: _read(checkpoint, name, shape) for name, shape in shapes.items() if _is_part(name, wanted)}
    digests = _digest(checkpoint, shapes, state)
    for organism in set(network.heads) - set(wanted):
        del network.heads[organism]
    assign_weights(network, state)
    logger.info("model %s: %d weights, sha256 %s", checkpoint.name, count_weights(shapes), identity(digests))
    metadata = dict(checkpoint.metadata)
    if checkpoint.name == hub.OFFICIAL_NAME:
        metadata |= hub.track_tables(wanted, offline=offline)
    return LoadedModel(network, checkpoint.config, checkpoint.name, identity(digests), metadata)


def save_model(
    network: Enformer,
    path: Path,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> str:
    """Write one safetensors file that holds everything. The same network and metadata give the same bytes.

    Args:
        network: What to write. Heads that were not loaded are left out of the configuration.
        path: Destination; appears when complete.
        metadata: Text to carry along, such as track tables under "targets_human".
        dtype: Type of the stored tensors; loading casts them back to float32.

    Returns:
        Identity of the weights as they are stored, see `enformer_vep.model.identity`.

    Raises:
        OutputError: When the file cannot be written.
    """
    state = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    digests = digest_parts(state, lambda name: state[name].float())
    tracks = {organism: head.out_features for organism, head in network.heads.items()}
    record = {
        "config": replace(network.config, output_tracks=tracks).to_dict(),
        "digests": digests,
        "metadata": dict(metadata or {}),
        "sha256": identity(digests),
    }
    try:
        with replacing(path) as temporary:
            save_file(state, temporary, {METADATA_KEY: json.dumps(record, sort_keys=True)})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path}: cannot write the model ({error}): choose another place") from error
    return identity(digests)


def open_checkpoint(
    source: str | Path,
    window: int | None = None,
    *,
    target_length: int | None = None,
    offline: bool = False,
) -> Checkpoint:
    """Find and open weights.

    Args:
        source: "enformer" (the official weights), "example" (the model that is part of this package), or a path:
            a file that `save_model` wrote; a directory with config.json and model.safetensors or
            pytorch_model.bin, or either of these files; DeepMind's TensorFlow checkpoint (prefix, .index file or
            directory).
        window: Base pairs to read, if not what the model says.
        target_length: Bins to predict, if not what the model says; -1 for no crop.
        offline: Never use the network.

    Returns:
        The open weights.

    Raises:
        ModelError: When there is no such model, or its configuration is damaged.
        DependencyError: When reading it needs a package that is not installed.
    """
    geometry = Geometry(window, target_length)
    if str(source) == hub.OFFICIAL_NAME:
        return replace(_open_hub_layout(hub.official_weights(offline=offline), geometry), name=hub.OFFICIAL_NAME)
    if str(source) == hub.EXAMPLE_NAME:
        return replace(_open_safetensors(hub.example_weights(), geometry), name=hub.EXAMPLE_NAME)
    return _open_path(Path(source), geometry)


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the user says about the sequence, against what the file says.

    Attributes:
        window: Base pairs; None to follow the file.
        target_length: Bins, -1 for no crop; None to follow the file.
    """

    window: int | None = None
    target_length: int | None = None

    def complete(self, values: Mapping[str, Any], path: Path) -> EnformerConfig:
        """Make the configuration.

        Args:
            values: Keyword arguments of `EnformerConfig` from the file at `path`.
            path: Named in errors.

        Raises:
            ModelError: When the result is no possible model.
        """
        merged = dict(values)
        if self.window is not None:
            merged["window"] = self.window
        if self.target_length is not None:
            merged["target_length"] = self.target_length
        try:
            if merged.get("target_length") == -1:
                bin_width = 2 ** merged.get("pooling_stages", EnformerConfig.pooling_stages)
                merged["target_length"] = merged.get("window", FULL_WINDOW) // bin_width
            return EnformerConfig.from_dict(merged)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise ModelError(f"{path}: damaged model configuration ({error}): copy it again") from error


def default_target_length(tokens: int) -> int:
    """Bins to predict when a checkpoint does not say.

    DeepMind's checkpoint records no length. Its model crops 320 of 1,536 tokens on each side, and so do we when
    that leaves anything; of a shorter window the central two thirds are kept.
    """
    return tokens - 640 if tokens > 640 else 2 * (tokens // 3)


def _open_path(path: Path, geometry: Geometry) -> Checkpoint:
    prefix = sonnet.find_prefix(path)
    if path.is_dir() and (path / huggingface.CONFIG_NAME).is_file():
        return _open_hub_layout(path, geometry)
    if prefix is not None:
        return _open_sonnet(prefix, path, geometry)
    if path.is_dir():
        raise ModelError(
            f"{path}: a directory with neither config.json nor one TensorFlow checkpoint: "
            "name the model's own directory or file"
        )
    if not path.exists():
        raise ModelError(f"{path}: no such model: give enformer, example or a path (see `enformer-vep models`)")
    if path.suffix == ".safetensors":
        return _open_safetensors(path, geometry)
    return _open_beside_config(path, geometry)


def _open_hub_layout(directory: Path, geometry: Geometry) -> Checkpoint:
    for name in huggingface.WEIGHT_NAMES:
        if (directory / name).is_file():
            return replace(_open_beside_config(directory / name, geometry), name=directory.name)
    raise ModelError(f"{directory}: no {' or '.join(huggingface.WEIGHT_NAMES)} beside config.json: copy it there")


def _open_beside_config(path: Path, geometry: Geometry) -> Checkpoint:
    config_path = path.with_name(huggingface.CONFIG_NAME)
    if not config_path.is_file():
        raise ModelError(f"{path}: no configuration in the file or in a config.json beside it: copy that there too")
    config = geometry.complete(huggingface.read_config(config_path), config_path)
    return Checkpoint(path.name, open_store(path), huggingface.HUGGING_FACE, config)


def _open_safetensors(path: Path, geometry: Geometry) -> Checkpoint:
    store = SafetensorsStore(path)
    if METADATA_KEY not in store.metadata:
        return _open_beside_config(path, geometry)
    try:
        record = json.loads(store.metadata[METADATA_KEY])
        values, metadata, digests = record["config"], record["metadata"], record["digests"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: damaged model metadata ({error}): convert the model again") from error
    return Checkpoint(path.name, store, NATIVE, geometry.complete(values, path), metadata, digests)


def _open_sonnet(prefix: Path, path: Path, geometry: Geometry) -> Checkpoint:
    store = sonnet.SonnetStore(prefix)
    values = sonnet.deduce_config(store.shapes)
    if geometry.target_length is None:
        tokens = (geometry.window or FULL_WINDOW) // 2 ** values["pooling_stages"]
        values["target_length"] = default_target_length(tokens)
        if geometry.window not in (None, FULL_WINDOW):
            logger.warning(
                "%s does not say how many of the %d bins it predicts: taking the central %d "
                "(say otherwise with `enformer-vep convert --target-length`)",
                path, tokens, values["target_length"],
            )  # fmt: skip
    return Checkpoint(path.name, store, sonnet.SONNET, geometry.complete(values, path))


def build_on_meta(config: EnformerConfig) -> Enformer:
    """Build the network without memory for its weights."""
    with torch.device("meta"):
        return Enformer(config)


def tensor_shapes(network: Enformer) -> dict[str, Shape]:
    """Name and shape of every tensor that is a weight."""
    return {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }


def count_weights(shapes: Mapping[str, Shape]) -> int:
    """Trainable numbers among the tensors; running statistics are not counted."""
    return sum(
        torch.Size(shape).numel()
        for name, shape in shapes.items()
        if not name.endswith(("running_mean", "running_var"))
    )


def check_tensors(checkpoint: Checkpoint, shapes: Mapping[str, Shape]) -> None:
    """Compare what the network needs with what the file holds.

    Args:
        checkpoint: Open weights.
        shapes: Our name to our shape of every tensor of the network.

    Raises:
        ModelError: When a tensor is missing, extra, misshapen, or an alias that differs from its original.
    """
    expected = dict(checkpoint.layout.locate(name, shape) for name, shape in shapes.items())
    stored, layout = checkpoint.store.shapes, checkpoint.layout
    held = {name for name in stored if not layout.is_state(name) and layout.canonical(name) == name}
    problems = {
        "missing": sorted(expected.keys() - held),
        "extra": sorted(held - expected.keys()),
        "misshapen": [
            f"{name} {list(stored[name])} for {list(shape)}"
            for name, shape in expected.items()
            if name in held and stored[name] != shape
        ],
        "unlike what it repeats": [name for name in stored if not _alias_agrees(checkpoint, name)],
    }
    found = [f"{len(names)} {kind}: {_abbreviate(names)}" for kind, names in problems.items() if names]
    if found:
        raise ModelError(
            f"{checkpoint.store.path}: tensors do not fit the configuration ({'; '.join(found)}): "
            "use the configuration that belongs to these weights"
        )


def _alias_agrees(checkpoint: Checkpoint, name: str) -> bool:
    original = checkpoint.layout.canonical(name)
    if original == name or original not in checkpoint.store.shapes:
        return original == name
    left, right = checkpoint.store.read(name), checkpoint.store.read(original)
    return left.data_ptr() == right.data_ptr() or torch.equal(left, right)


def _abbreviate(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def assign_weights(network: Enformer, state: Mapping[str, Tensor]) -> None:
    """Give a network without memory its tensors, and make it ready to predict."""
    counters = {name: torch.zeros((), dtype=torch.int64) for name in network.state_dict() if name.endswith(_COUNTER)}
    network.load_state_dict({**state, **counters}, strict=True, assign=True)
    network.requires_grad_(False).eval()


def _read(checkpoint: Checkpoint, name: str, shape: Shape) -> Tensor:
    theirs, _ = checkpoint.layout.locate(name, shape)
    tensor = checkpoint.layout.restore(checkpoint.store.read(theirs), name, shape)
    return tensor.to(torch.float32).contiguous()


def _digest(checkpoint: Checkpoint, shapes: Mapping[str, Shape], state: Mapping[str, Tensor]) -> dict[str, str]:
    """Digest what was loaded; take the rest from the file's record, or read it for this once."""

    def read(name: str) -> Tensor:
        return state[name] if name in state else _read(checkpoint, name, shapes[name])

    recorded = checkpoint.digests
    names = [name for name in shapes if name in state or part_of(name) not in recorded]
    digests = digest_parts(names, read)
    damaged = sorted(part for part in digests if recorded.get(part, digests[part]) != digests[part])
    if damaged:
        raise ModelError(
            f"{checkpoint.store.path}: damaged, the hash of {', '.join(damaged)} is not the recorded one: "
            "copy or convert it again"
        )
    return {**recorded, **digests}


def _wanted_heads(checkpoint: Checkpoint, organisms: Collection[str] | None) -> tuple[str, ...]:
    present = tuple(checkpoint.config.output_tracks)
    if organisms is None:
        return present
    wanted = (organisms,) if isinstance(organisms, str) else tuple(organisms)
    absent = [organism for organism in wanted if organism not in present]
    if absent:
        raise ModelError(
            f"model {checkpoint.name} has no {absent[0]} head, only {', '.join(present)}: use --organism {present[0]}"
        )
    return wanted


def _is_part(name: str, organisms: Iterable[str]) -> bool:
    return part_of(name) in {"trunk", *(f"heads.{organism}" for organism in organisms)}


