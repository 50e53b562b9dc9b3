"""The trained model as one safetensors file that carries its track tables, settings and figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from enformer_vep import __version__
from enformer_vep.effects.network import Network
from enformer_vep.models.checkpoints import save_model
from enformer_vep.tracks.table import Track, TrackTable
from enformer_vep.training.configuration import TrainingConfig
from enformer_vep.training.datasets import OrganismData
from enformer_vep.training.targets import scale_of, summary_of, takes_root

MODEL_NAME = "model.safetensors"
_DTYPES = {"float32": torch.float32, "float16": torch.float16}
_COLUMNS = ("index", "identifier", "clip", "clip_soft", "scale", "sum_stat", "description")


def export_model(
    network: Network,
    folder: Path,
    config: TrainingConfig,
    data: Sequence[OrganismData],
    record: dict[str, Any],
) -> str:
    """Writes the model of a run into its folder, with its evaluation on the validation split.

    Returns:
        Identity of the weights.
    """
    metadata = {f"targets_{own.organism}": targets_text(own.targets) for own in data}
    metadata["training"] = json.dumps(describe(config), sort_keys=True)
    metadata["provenance"] = json.dumps({**config.provenance, "enformer_vep": __version__}, sort_keys=True)
    metadata["evaluation"] = json.dumps(record, sort_keys=True)
    return save_model(network, folder / MODEL_NAME, metadata, _DTYPES[config.run.dtype])


def describe(config: TrainingConfig) -> dict[str, Any]:
    """A configuration as plain values, without paths, which mean nothing elsewhere."""
    sections = {name: asdict(getattr(config, name)) for name in ("init", "optimizer", "augmentation", "run")}
    files = [
        {name: value.name if isinstance(value, Path) else value for name, value in asdict(data).items()}
        for data in config.data
    ]
    return {"data": files, "model": dict(config.model), **sections}


def targets_text(targets: TrackTable) -> str:
    """A targets table without the files, in the published layout; with `strand_pair` where a track is of one."""
    stranded = targets.with_partners(range(len(targets)))[1] is not None
    columns = (*_COLUMNS[:-1], *(["strand_pair"] if stranded else []), _COLUMNS[-1])
    rows = [columns, *(_fields(track, stranded) for track in targets)]
    return "".join("\t".join(row) + "\n" for row in rows)


def _fields(track: Track, stranded: bool) -> tuple[str, ...]:
    numbers = (track.clip, track.clip_soft, scale_of(track))
    partner = "" if track.strand_partner is None else str(track.strand_partner)
    return (
        str(track.index),
        track.identifier,
        *("" if number is None else f"{number:g}" for number in numbers),
        f"{summary_of(track)}_sqrt" if takes_root(track) else summary_of(track),
        *([partner] if stranded else []),
        track.description,
    )
