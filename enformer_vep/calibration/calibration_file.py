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
from enformer_vep.calibration.comparison import SHARED
from enformer_vep.calibration.transform import Components, RobustScale
from enformer_vep.errors import InputError
from enformer_vep.files.atomic import complete_or_absent, explained

FORMAT = 1

# The only key: safetensors writes several in no fixed order, and the same calibration is to be the same bytes.
_KEY = "enformer-vep calibration"
_PROBABILITIES = "probabilities"
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
        "alleles": calibration.alleles,
        "rank_error": calibration.rank_error,
        "scores": [{"score": score.score, "labels": list(score.labels)} for score in calibration.scores],
    }
    arrays: Arrays = {_PROBABILITIES: calibration.probabilities}
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
        InputError: When there is no such file, or it is something else, damaged, or of a newer format.
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
    name = score.score
    arrays: Arrays = {
        f"{name}/nodes": score.nodes,
        f"{name}/centre": score.scale.centre,
        f"{name}/scale": score.scale.scale,
    }
    if score.components:
        arrays |= {
            f"{name}/components/directions": score.components.directions,
            f"{name}/components/centre": score.components.rescale.centre,
            f"{name}/components/scale": score.components.rescale.scale,
        }
    return arrays


def _calibration(header: Mapping[str, Any], arrays: Arrays, path: str | Path) -> Calibration:
    if header["format"] > FORMAT:
        raise InputError(
            f"{path}: this calibration is of format {header['format']}, known are those up to {FORMAT}: "
            "pip install --upgrade enformer-vep"
        )
    probabilities = arrays[_PROBABILITIES]
    identity, recorded = header["identity"], header["recorded"]
    if SHARED in recorded:  # Where versions before 0.2 had it.
        identity = {**identity, SHARED: recorded[SHARED]}
    return Calibration(
        identity,
        {name: value for name, value in recorded.items() if name != SHARED},
        int(header["alleles"]),
        float(header["rank_error"]),
        probabilities,
        tuple(_score(entry, arrays, len(probabilities)) for entry in header["scores"]),
    )


def _score(entry: Mapping[str, Any], arrays: Arrays, nodes: int) -> ScoreCalibration:
    name, labels = entry["score"], tuple(entry["labels"])
    width = len(labels)
    components = None
    if f"{name}/components/directions" in arrays:
        number = len(arrays[f"{name}/components/directions"])
        components = Components(
            _shaped(arrays, f"{name}/components/directions", number, width),
            RobustScale(
                _shaped(arrays, f"{name}/components/centre", number),
                _shaped(arrays, f"{name}/components/scale", number),
            ),
        )
    return ScoreCalibration(
        name,
        labels,
        _shaped(arrays, f"{name}/nodes", width, nodes),
        RobustScale(_shaped(arrays, f"{name}/centre", width), _shaped(arrays, f"{name}/scale", width)),
        components,
    )


def _shaped(arrays: Arrays, name: str, *shape: int) -> npt.NDArray[np.float32]:
    array = arrays[name]
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")
    return array
