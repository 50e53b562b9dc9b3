"""Sequence and binned coverage of a few contigs in one compact file.

Training reads the same windows again and again; from a baked file that takes no FASTA, no bigWig and none of
the packages that read them, and any window on the bin grid can be drawn. The file is an npz: per contig
`codes/<contig>` (uint8 base codes) and `values/<contig>` (float16 [tracks, bins], summaries that are not
squashed yet, NaN where they are unknown), and `meta` (JSON: the tracks, the bins, and the rule that said what is
unknown).
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.genome.encoding import UNKNOWN, Codes
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.coverage import ContigReader, CoverageRule
from enformer_vep.training.targets import Values, summary_of

# Version 1 took whatever a bigWig leaves out for unknown.
FORMAT_VERSION = 2
_CHUNK_BINS = 8192


class BakedReader:
    """A baked file, held in memory.

    Args:
        path: File that `bake` wrote.
        targets: Tracks that are expected in it.
        bin_width: Base pairs per bin that is expected.
        rule: What is expected to have been known where the bigWigs were silent.

    Raises:
        InputError: The file is missing, damaged, holds other tracks or bins, or was made under another rule.
    """

    def __init__(self, path: Path, targets: TrackTable, bin_width: int, rule: CoverageRule) -> None:
        arrays = _load(path)
        meta = json.loads(str(arrays.pop("meta")))
        _check(meta, _meta(targets, bin_width, rule), path)
        self._bin_width = bin_width
        self._codes: dict[str, Codes] = _family(arrays, "codes/")
        self._values = {name: values.T for name, values in _family(arrays, "values/").items()}

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of every contig that was baked."""
        return {name: len(codes) for name, codes in self._codes.items()}

    @property
    def grid(self) -> bool:
        """True: bins start at multiples of the bin width."""
        return True

    def codes(self, contig: str, start: int, end: int) -> Codes:
        """Returns uint8 [end - start] base codes, 4 past the contig's ends."""
        return take(self._codes[contig], start, end, UNKNOWN)

    def values(self, contig: str, start: int, bins: int) -> Values:
        """Returns float32 [bins, tracks] summaries; `start` must be a multiple of the bin width."""
        if start % self._bin_width:
            raise ValueError(f"baked coverage has bins of {self._bin_width} bp, none starts at {start}")
        first = start // self._bin_width
        return take(self._values[contig], first, first + bins, np.nan).astype(np.float32)


def bake(
    path: Path,
    reader: ContigReader,
    extents: Mapping[str, int],
    targets: TrackTable,
    bin_width: int,
    rule: CoverageRule,
) -> None:
    """Writes a baked file of what a reader has; `extents` is how many bp of a contig are kept, from its start."""
    arrays: dict[str, npt.NDArray[Any]] = {"meta": np.array(json.dumps(_meta(targets, bin_width, rule)))}
    for contig, length in extents.items():
        arrays[f"codes/{contig}"] = reader.codes(contig, 0, length)
        arrays[f"values/{contig}"] = _bins(reader, contig, -(-length // bin_width), bin_width)
    with path.open("wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **arrays)


def _bins(reader: ContigReader, contig: str, bins: int, bin_width: int) -> npt.NDArray[np.float16]:
    largest = np.finfo(np.float16).max
    chunks = [
        np.clip(reader.values(contig, first * bin_width, min(_CHUNK_BINS, bins - first)), -largest, largest)
        for first in range(0, bins, _CHUNK_BINS)
    ]
    # Track by track: neighbours in memory are alike, and the file is a third smaller for it.
    return np.ascontiguousarray(np.concatenate(chunks).astype(np.float16).T)


def _meta(targets: TrackTable, bin_width: int, rule: CoverageRule) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "bin_width": bin_width,
        "tracks": [[target.identifier, summary_of(target)] for target in targets],
        **rule.signature(),
    }


def _load(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"baked file {path} cannot be read ({error}); bake it again") from None


def _check(meta: Mapping[str, Any], expected: Mapping[str, Any], path: Path) -> None:
    words = {"absent": "rule for absent positions"}
    for key, value in expected.items():
        if meta.get(key) != value:
            word = words.get(key, key.replace("_", " "))
            raise InputError(f"baked file {path} has another {word} than the configuration; bake it again")


def _family(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def take(array: npt.NDArray[Any], start: int, end: int, fill: float) -> npt.NDArray[Any]:
    """Returns array[start:end], with `fill` where the interval leaves the array."""
    if start >= 0 and end <= len(array):
        return array[start:end]
    result = np.full((end - start, *array.shape[1:]), fill, dtype=array.dtype)
    first, last = max(start, 0), min(end, len(array))
    if first < last:
        result[first - start : last - start] = array[first:last]
    return result
