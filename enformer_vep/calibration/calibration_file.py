"""A calibration in a file: safetensors, with what is not numbers as JSON in its header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from enformer_vep.calibration.calibration import Calibration, ScoreCalibration
from enformer_vep.calibration.distribution import Distribution
from enformer_vep.calibration.ranks import Nodes
from enformer_vep.calibration.transform import Components, RobustScale, Transform
from enformer_vep.errors import InputError
from enformer_vep.files.atomic import complete_or_absent, explained
from enformer_vep.genome.alleles import VariantClass

FORMAT = 2
"""1 had one distribution for all variants, and did not say of which kinds they were."""

# The only key: safetensors writes several in no fixed order, and the same calibration is to be the same bytes.
_KEY = "enformer-vep calibration"
_ALL, _COMPONENTS = "all", "components"
_REFIT = "make it again with enformer-vep calibrate"

Arrays = dict[str, npt.NDArray[Any]]


def write_calibration(calibration: Calibration, path: str | Path) -> None:
    """Write a file that appears under its name only when complete; equal calibrations give equal bytes.

    Raises:
        OutputError: When it cannot be written.
    """
    header = {
        "format": FORMAT,
        "identity": dict(calibration.identity),
        "recorded": dict(calibration.recorded),
        "counts": {str(one): count for one, count in calibration.counts.items()},
        "least": calibration.least,
        "rank_error": calibration.rank_error,
        "scores": [{"score": score.score, "labels": list(score.labels)} for score in calibration.scores],
    }
    arrays: Arrays = {}
    for score in calibration.scores:
        arrays |= _arrays(score)
    content = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        {_KEY: json.dumps(header, sort_keys=True, separators=(",", ":"))},
    )
    with complete_or_absent(path) as temporary, explained(path):
        temporary.write_bytes(content)


def read_calibration(path: str | Path) -> Calibration:
    """Read what `write_calibration` wrote.

    Raises:
        InputError: When there is no such file, or it is something else, damaged, or of another format.
    """
    header, arrays = _open(Path(path))
    try:
        return _calibration(json.loads(header), arrays, path)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: this calibration is damaged ({error!r}): {_REFIT}") from None


def _open(path: Path) -> tuple[str, Arrays]:
    try:
        with safe_open(path, framework="np") as file:
            header = (file.metadata() or {}).get(_KEY)
            if header is None:
                raise InputError(f"{path}: holds no calibration: {_REFIT}")
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such calibration: check the name, or {_REFIT}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): check the file") from None
    except SafetensorError as error:
        raise InputError(f"{path}: no calibration, or an incomplete one ({error}): {_REFIT}") from None


def _arrays(score: ScoreCalibration) -> Arrays:
    arrays: Arrays = {}
    for one, fitted in score.classes.items():
        place = f"{score.score}/{one}"
        arrays |= _scale_arrays(place, fitted.scale) | _node_arrays(f"{place}/sizes", fitted.sizes)
        if fitted.signed is not None:
            arrays |= _node_arrays(f"{place}/signed", fitted.signed)
    if score.transform is not None:
        place = f"{score.score}/{_COMPONENTS}"
        arrays |= _scale_arrays(f"{score.score}/{_ALL}", score.transform.scale)
        arrays |= _scale_arrays(place, score.transform.components.rescale)
        arrays[f"{place}/directions"] = score.transform.components.directions
    return arrays


def _scale_arrays(place: str, scale: RobustScale) -> Arrays:
    return {f"{place}/centre": scale.centre, f"{place}/scale": scale.scale}


def _node_arrays(place: str, nodes: Nodes) -> Arrays:
    return {f"{place}/probabilities": nodes.probabilities, f"{place}/values": nodes.values}


def _calibration(header: Mapping[str, Any], arrays: Arrays, path: str | Path) -> Calibration:
    _check_format(header["format"], path)
    counts = {VariantClass(name): int(count) for name, count in header["counts"].items()}
    least = int(header["least"])
    classes = {one: count for one, count in counts.items() if count >= least}
    return Calibration(
        header["identity"],
        header["recorded"],
        counts,
        least,
        float(header["rank_error"]),
        tuple(_score(entry, arrays, classes) for entry in header["scores"]),
    )


def _check_format(found: int, path: str | Path) -> None:
    if found > FORMAT:
        raise InputError(
            f"{path}: this calibration is of format {found}, known are those up to {FORMAT}: "
            "pip install --upgrade enformer-vep"
        )
    if found < FORMAT:
        raise InputError(
            f"{path}: this calibration was made by a version that ranked SNVs and indels together and did not record "
            f"what it was made of: {_REFIT}"
        )


def _score(entry: Mapping[str, Any], arrays: Arrays, classes: Mapping[VariantClass, int]) -> ScoreCalibration:
    name, labels = entry["score"], tuple(entry["labels"])
    width = len(labels)
    return ScoreCalibration(
        name,
        labels,
        {one: _distribution(arrays, f"{name}/{one}", width, count) for one, count in classes.items()},
        _transform(arrays, name, width),
    )


def _distribution(arrays: Arrays, place: str, width: int, count: int) -> Distribution:
    signed = _nodes(arrays, f"{place}/signed", width) if f"{place}/signed/values" in arrays else None
    return Distribution(count, _nodes(arrays, f"{place}/sizes", width), _scale(arrays, place, width), signed)


def _transform(arrays: Arrays, name: str, width: int) -> Transform | None:
    place = f"{name}/{_COMPONENTS}"
    if f"{place}/directions" not in arrays:
        return None
    number = len(arrays[f"{place}/directions"])
    directions = _shaped(arrays, f"{place}/directions", number, width)
    return Transform(_scale(arrays, f"{name}/{_ALL}", width), Components(directions, _scale(arrays, place, number)))


def _nodes(arrays: Arrays, place: str, width: int) -> Nodes:
    probabilities = arrays[f"{place}/probabilities"]
    if probabilities.dtype != np.float64 or probabilities.ndim != 1 or len(probabilities) < 2:
        raise ValueError(f"{place}/probabilities is {probabilities.dtype} {probabilities.shape}")
    return Nodes(probabilities, _shaped(arrays, f"{place}/values", width, len(probabilities)))


def _scale(arrays: Arrays, place: str, width: int) -> RobustScale:
    return RobustScale(_shaped(arrays, f"{place}/centre", width), _shaped(arrays, f"{place}/scale", width))


def _shaped(arrays: Arrays, name: str, *shape: int) -> npt.NDArray[np.float32]:
    array = arrays[name]
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")
    return array
