"""Fitted classifiers in one safetensors file: arrays and JSON, nothing that could be executed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from enformer_vep.eqtl.eqtl_settings import FeatureSettings
from enformer_vep.eqtl.forest import Forest
from enformer_vep.errors import InputError

_KEY = "enformer_vep_eqtl"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class FittedModels:
    """One forest per tissue, and what they need to be applied.

    Attributes:
        features: Score and transform.
        tracks: Track identifiers, in feature order.
        by_gene: Fitted on scores of a variant and a gene.
        forests: By tissue.
        notes: How they were made: thresholds, counts, seed, versions, the scoring model; plain JSON values.
    """

    features: FeatureSettings
    tracks: tuple[str, ...]
    by_gene: bool
    forests: Mapping[str, Forest]
    notes: Mapping[str, Any] = field(default_factory=dict)


def to_bytes(models: FittedModels) -> bytes:
    """The file's content; equal models give equal bytes."""
    arrays = {
        f"{index}/{name}": array
        for index, forest in enumerate(models.forests.values())
        for name, array in forest.arrays().items()
    }
    about = {
        "format": _FORMAT,
        "score": models.features.score,
        "pseudocount": models.features.pseudocount,
        "tracks": models.tracks,
        "by_gene": models.by_gene,
        "tissues": list(models.forests),
        "notes": models.notes,
        "sha256": _checksum(arrays),
    }
    # One key: safetensors writes several in any order.
    return save(arrays, {_KEY: json.dumps(about, sort_keys=True)})


def read_models(path: Path) -> FittedModels:
    """Reads what `to_bytes` made, and checks all of it.

    Raises:
        InputError: It is something else (a pickle is never opened), of a newer format, or damaged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; make it with enformer-vep eqtl fit") from None
    about = _about(data, path)
    try:
        return _models(about, load(data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); copy it or fit it again") from error


def _about(data: bytes, path: Path) -> dict[str, Any]:
    """The JSON part, before anything else of the file is looked at."""
    foreign = InputError(f"{path} was not made by enformer-vep eqtl fit; give the file that its -o named")
    try:
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise foreign from None
    if not isinstance(about, dict):
        raise foreign
    if about.get("format") != _FORMAT:
        raise InputError(f"{path} has format {about.get('format')}, not {_FORMAT}; use the version that made it")
    return about


def _models(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> FittedModels:
    if _checksum(arrays) != about["sha256"]:
        raise InputError("its checksum is wrong; copy it or fit it again")
    tracks = tuple(about["tracks"])
    forests = {
        tissue: Forest.from_arrays(_prefixed(arrays, f"{index}/"), len(tracks))
        for index, tissue in enumerate(about["tissues"])
    }
    features = FeatureSettings(about["score"], about["pseudocount"])
    return FittedModels(features, tracks, bool(about["by_gene"]), forests, about["notes"])


def _prefixed(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
