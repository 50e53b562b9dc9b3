"""Weights in, from any layout; one safetensors file out.

Reading is strict (a tensor that is missing, extra or of another shape is an error that names it), runs no
code from the file, and is lean: the network is built without memory and the file's own pages become its
parameters.
"""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from enformer_vep.effects.network import Network
from enformer_vep.errors import ModelError, OutputError
from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.models import hub
from enformer_vep.models.basenji2.config import ACTIVATIONS
from enformer_vep.models.digest import digest_parts, identity, part_of
from enformer_vep.models.families import FAMILIES, Configuration, Family, family_of
from enformer_vep.models.layouts import Shape
from enformer_vep.models.sources import METADATA_KEY, Checkpoint, Choice, open_checkpoint
from enformer_vep.models.stores import require_finite

logger = logging.getLogger(__name__)

_COUNTER = "num_batches_tracked"
_STATISTICS = ("running_mean", "running_var")
_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network that is ready to predict.

    Attributes:
        network: In evaluation mode, float32, on the CPU, with the wanted heads only. Its parameters do not
            require gradients (those with respect to the input flow all the same); to train it, call
            `network.requires_grad_(True)`.
        family: What kind of network it is.
        config: Shape of the model; `output_tracks` names every head of the file.
        name: What to call the model: "enformer", "example", or the file's or directory's name.
        sha256: Identity of all weights of the file, see `enformer_vep.models.digest`.
        metadata: Text that came with the weights; track tables are "targets_human" and "targets_mouse".
    """

    network: Network
    family: Family
    config: Configuration
    name: str
    sha256: str
    metadata: Mapping[str, str]


def load_model(
    source: str | Path,
    organisms: Collection[str] | None = ("human",),
    window: int | None = None,
    *,
    target_length: int | None = None,
    activation: str | None = None,
    offline: bool = False,
    finite: bool = True,
) -> LoadedModel:
    """Load a model.

    Args:
        source: "enformer", "example", or a path; see `enformer_vep.models.sources.open_checkpoint`.
        organisms: Heads to load; all of them when None.
        window: Base pairs to read, if not what the model says (196,608 where it says nothing).
        target_length: Bins to predict, if not what the model says; -1 for no crop.
        activation: Which GELU a Basenji2 has, if not what the model says.
        offline: Use what is on this machine, never the network.
        finite: Refuse weights that are not all finite numbers.

    Raises:
        ModelError: When the weights are missing, damaged or do not fit.
        DependencyError: When reading them needs a package that is not installed.
    """
    checkpoint = open_checkpoint(source, Choice(window, target_length, activation), offline=offline)
    wanted = wanted_heads(checkpoint, organisms)
    network = build_on_meta(checkpoint.family, checkpoint.config)
    shapes = tensor_shapes(network)
    check_tensors(checkpoint, shapes)
    network = build_on_meta(checkpoint.family, checkpoint.config, wanted)
    state = {name: _read(checkpoint, name, shape) for name, shape in tensor_shapes(network).items()}
    sha256 = _identity(_digest(checkpoint, shapes, state), checkpoint.config)
    if finite:
        require_finite(checkpoint.store.path, state)
    _assign(network, state)
    logger.info("model %s: %d parameters, sha256 %s", checkpoint.name, count_parameters(shapes), sha256)
    metadata = dict(checkpoint.metadata)
    if checkpoint.name == hub.OFFICIAL_NAME:
        metadata |= hub.track_tables(wanted, offline=offline)
    return LoadedModel(network, checkpoint.family, checkpoint.config, checkpoint.name, sha256, metadata)


def save_model(
    network: Network,
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
        Identity of the weights as they are stored, see `enformer_vep.models.digest`.

    Raises:
        OutputError: When the file cannot be written.
    """
    state = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    digests = digest_parts(state, lambda name: state[name].float())
    tracks = {organism: network.head(organism).out_features for organism in network.organisms}
    family = family_of(network)
    record = {
        "config": replace(network.config, output_tracks=tracks).to_dict(),
        **({} if family is FAMILIES["enformer"] else {"family": family.name}),
        "digests": digests,
        "metadata": dict(metadata or {}),
    }
    try:
        with complete_or_absent(path) as temporary:
            mode = temporary.stat().st_mode
            save_file(state, temporary, {METADATA_KEY: json.dumps(record, sort_keys=True)})
            # safetensors makes files that their owner alone can read, whatever the umask.
            temporary.chmod(mode)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path}: cannot write the model ({error}): choose another place") from error
    return _identity(digests, network.config)


def _identity(digests: Mapping[str, str], config: Configuration) -> str:
    """Of weights; and of the activation, where a family has several and it is not the published models'.

    The same weights under another activation are another model, whose shards and journals must not be joined.
    """
    activation = getattr(config, "activation", ACTIVATIONS[0])
    return identity(digests if activation == ACTIVATIONS[0] else {**digests, "activation": activation})


def build_on_meta(family: Family, config: Configuration, organisms: Collection[str] | None = None) -> Network:
    """Build a network, with some heads or all, without memory for its weights."""
    with torch.device("meta"):
        return family.network(config, organisms)


def tensor_shapes(network: Network) -> dict[str, Shape]:
    """Name and shape of every tensor that is a weight."""
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if not name.endswith(_COUNTER)}


def count_parameters(shapes: Mapping[str, Shape]) -> int:
    """Trainable numbers among the tensors: running statistics are not counted."""
    return sum(torch.Size(shape).numel() for name, shape in shapes.items() if not name.endswith(_STATISTICS))


def wanted_heads(checkpoint: Checkpoint, organisms: Collection[str] | None) -> tuple[str, ...]:
    """Heads to load, all of them when None; raises ModelError when the model does not have one."""
    present = tuple(checkpoint.config.output_tracks)
    wanted = present if organisms is None else tuple(organisms)
    absent = [organism for organism in wanted if organism not in present]
    if absent:
        raise ModelError(
            f"model {checkpoint.name} has no {absent[0]} head, only {', '.join(present)}: use --organism {present[0]}"
        )
    return wanted


def check_tensors(checkpoint: Checkpoint, shapes: Mapping[str, Shape]) -> None:
    """Compare what the network needs with what the file holds.

    Raises:
        ModelError: When a tensor is missing, extra, misshapen, or an alias that differs from its original.
    """
    stored, layout = checkpoint.store.shapes, checkpoint.layout
    expected = dict(layout.locate(name, shape) for name, shape in shapes.items())
    weights = [name for name in stored if not layout.is_state(name)]
    originals = {name for name in weights if layout.canonical(name) == name}
    problems = {
        "missing": sorted(expected.keys() - originals),
        "extra": sorted(originals - expected.keys()),
        "misshapen": [
            f"{name} {list(stored[name])} instead of {list(shape)}"
            for name, shape in expected.items()
            if name in originals and stored[name] != shape
        ],
        "unlike its second copy": [name for name in weights if not _repeats_original(checkpoint, name)],
    }
    found = [f"{len(names)} {kind}: {_abbreviate(names)}" for kind, names in problems.items() if names]
    if found:
        raise ModelError(
            f"{checkpoint.store.path}: tensors do not fit the configuration ({'; '.join(found)}): "
            "use the configuration that belongs to these weights"
        )


def _repeats_original(checkpoint: Checkpoint, name: str) -> bool:
    original = checkpoint.layout.canonical(name)
    if original == name:
        return True
    if original not in checkpoint.store.shapes:
        return False
    left, right = checkpoint.store.read(name), checkpoint.store.read(original)
    return left.data_ptr() == right.data_ptr() or torch.equal(left, right)


def _abbreviate(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _read(checkpoint: Checkpoint, name: str, shape: Shape) -> Tensor:
    theirs, _ = checkpoint.layout.locate(name, shape)
    tensor = checkpoint.layout.restore(checkpoint.store.read(theirs), name, shape)
    return tensor.to(torch.float32).contiguous()


def _digest(checkpoint: Checkpoint, shapes: Mapping[str, Shape], state: Mapping[str, Tensor]) -> dict[str, str]:
    """Digest what was loaded; take the rest from the file's record, or read it for this once."""

    def read(name: str) -> Tensor:
        return state[name] if name in state else _read(checkpoint, name, shapes[name])

    recorded = checkpoint.digests
    digests = digest_parts((name for name in shapes if name in state or part_of(name) not in recorded), read)
    damaged = sorted(part for part in digests if recorded.get(part, digests[part]) != digests[part])
    if damaged:
        raise ModelError(
            f"{checkpoint.store.path}: damaged, the hash of {', '.join(damaged)} is not the recorded one: "
            "copy or convert it again"
        )
    return {**recorded, **digests}


def _assign(network: Network, state: Mapping[str, Tensor]) -> None:
    counters = [name for name in network.state_dict() if name.endswith(_COUNTER)]
    zeros = {name: torch.zeros((), dtype=torch.int64) for name in counters}
    network.load_state_dict({**state, **zeros}, strict=True, assign=True)
    network.requires_grad_(False).eval()
