"""Training data in the layout in which Basenji2's and Enformer's are published, read without TensorFlow.

A folder has `statistics.json` (seq_length, target_length, pool_width, num_targets), `targets.txt`,
`sequences.bed` and `tfrecords/<split>-*.tfr`. A record has `sequence` (one-hot, a byte a letter, [seq_length,
4] in the order A, C, G, T) and `target` (float16 [target_length, num_targets], squashed already). The records
of a split, file by file in the order of the numbers in the names, are the rows of that split in sequences.bed.
Source: bin/basenji_data.py and basenji/dataset.py of calico/basenji.
"""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.genome.bins import Geometry
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.example_sources import ExampleSource
from enformer_vep.training.record_files import count_records
from enformer_vep.training.record_source import RecordSource, Statistics, Surroundings
from enformer_vep.training.sequences import SPLITS, read_sequences
from enformer_vep.training.sequences import Sequence as SequenceRow

logger = logging.getLogger(__name__)


def open_tfrecords(
    folder: Path, fasta: Path | None, targets: TrackTable, geometry: Geometry
) -> dict[str, ExampleSource]:
    """Opens a folder of published training data: split to source, for every split that there are files of.

    Windows longer than the records have their flanks from the genome `fasta`, with the folder's `sequences.bed`;
    without it they are padded with N.

    Raises:
        InputError: A file is missing, damaged, or does not fit the model or the tracks.
        DependencyError: google-crc32c is not installed.
    """
    statistics = read_statistics(folder / "statistics.json")
    _check_fit(statistics, folder, targets, geometry)
    counts = {split: _count(folder, split, statistics) for split in SPLITS}
    found = {split: files for split, files in counts.items() if files}
    if not found:
        raise InputError(f"folder {folder / 'tfrecords'} has no files such as train-0.tfr; check the path")
    rows = _rows_by_split(folder, found) if fasta else {}
    if geometry.window > statistics.seq_length and not rows:
        logger.warning(
            "%s: records of %d bp are padded with N to windows of %d bp; give `fasta` (and keep sequences.bed "
            "beside) for their real flanks",
            folder,
            statistics.seq_length,
            geometry.window,
        )
    bed = f"sequence file {folder / 'sequences.bed'}"
    around = {split: Surroundings(fasta, own, bed) for split, own in rows.items()} if fasta else {}
    return {
        split: RecordSource(files, statistics, geometry, targets, around.get(split)) for split, files in found.items()
    }


def read_statistics(path: Path) -> Statistics:
    """Reads `statistics.json`.

    Raises:
        InputError: It is missing, or lacks one of the numbers that are needed.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        names = ("seq_length", "target_length", "pool_width", "num_targets")
        numbers = {name: int(values[name]) for name in names}
        counts = {split: int(values[f"{split}_seqs"]) for split in SPLITS if f"{split}_seqs" in values}
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}); copy it from where the TFRecords are") from None
    except KeyError as error:
        raise InputError(f"{path} does not say {error}; copy it from where the TFRecords are") from None
    return Statistics(counts=counts, **numbers)


def _check_fit(statistics: Statistics, folder: Path, targets: TrackTable, geometry: Geometry) -> None:
    if statistics.pool_width != geometry.width:
        raise InputError(
            f"{folder}: bins of {statistics.pool_width} bp, but the model's have {geometry.width}; "
            "use data with the model's bins"
        )
    if statistics.num_targets != len(targets):
        raise InputError(
            f"{folder}: {statistics.num_targets} tracks, but the targets table has {len(targets)}; "
            "use the table that belongs to the data"
        )


def _count(folder: Path, split: str, statistics: Statistics) -> dict[Path, int]:
    """File to number of records.

    All files but the last are as long as the first, and `statistics.json` has the sum: inflating one file is
    enough, unless that does not add up.
    """
    paths = sorted((folder / "tfrecords").glob(f"{split}-*.tfr"), key=_numbers)
    if not paths:
        return {}
    total, first = statistics.counts.get(split, 0), count_records(paths[0])
    if first and len(paths) == -(-total // first):
        return {path: min(first, total - index * first) for index, path in enumerate(paths)}
    return {path: count_records(path) for path in paths}


def _numbers(path: Path) -> tuple[int, ...]:
    """The numbers in a file's name, so that train-0-10 comes after train-0-9."""
    return tuple(int(number) for number in re.findall(r"\d+", path.stem))


def _rows_by_split(folder: Path, found: Mapping[str, Mapping[Path, int]]) -> dict[str, list[SequenceRow]]:
    """Split to the rows of sequences.bed; empty when there is no such file."""
    path = folder / "sequences.bed"
    if not path.is_file():
        return {}
    every = read_sequences(path)
    rows = {split: [row for row in every if row.split == split] for split in found}
    for split, files in found.items():
        if len(rows[split]) != sum(files.values()):
            raise InputError(
                f"sequence file {path}: {len(rows[split])} {split} rows for {sum(files.values())} records; "
                "copy both from the same place"
            )
    return rows
