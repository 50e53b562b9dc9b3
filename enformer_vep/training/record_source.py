"""Examples out of TFRecord files: which file, which record, and what lies around it."""

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.encoding import UNKNOWN, Codes, encode
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.baked import take
from enformer_vep.training.example_message import decode_example
from enformer_vep.training.example_sources import Example, Variation, orient
from enformer_vep.training.record_files import RecordStream
from enformer_vep.training.sequences import Sequence as SequenceRow
from enformer_vep.training.targets import Values

# Records of so many files are mixed; each takes an open stream, and twice as many at the end of an epoch.
_MIXED_FILES = 8
_LARGEST_MISMATCH = 0.01


@dataclass(frozen=True, slots=True)
class Statistics:
    """What `statistics.json` says about every record.

    Attributes:
        seq_length: Base pairs of a record.
        target_length: Bins of a record, the central ones.
        pool_width: Base pairs per bin.
        num_targets: Tracks.
        counts: Records of each split, where the file tells them.
    """

    seq_length: int
    target_length: int
    pool_width: int
    num_targets: int
    counts: Mapping[str, int]


class RecordSource:
    """The examples of one split.

    Records cannot be reached but through those before them, so `order` is one that reads files from the front
    and mixes a few of them; what lies between two wanted records is inflated and thrown away. Published sets
    are shuffled before they are cut into files.

    Args:
        files: File to its number of records, in order.
        statistics: Shape of the records.
        geometry: The model's lengths.
        targets: The tracks.
        surroundings: Where longer windows come from; None to pad with N.
    """

    def __init__(
        self,
        files: Mapping[Path, int],
        statistics: Statistics,
        geometry: Geometry,
        targets: TrackTable,
        surroundings: "Surroundings | None",
    ) -> None:
        self._files, self._statistics, self._geometry = dict(files), statistics, geometry
        self._partners = targets.with_partners(range(len(targets)))[1]
        self._surroundings = surroundings
        self._streams = _Streams()

    def __len__(self) -> int:
        """Number of records."""
        return sum(self._files.values())

    def order(self, generator: np.random.Generator, batch_size: int) -> npt.NDArray[np.int64]:
        """Returns all numbers: files shuffled, a few of them at a time mixed, each read from its front."""
        counts = np.array(list(self._files.values()))
        firsts = np.cumsum(counts) - counts
        shuffled = generator.permutation(len(counts))
        groups = [shuffled[i : i + _MIXED_FILES] for i in range(0, len(shuffled), _MIXED_FILES)]
        return np.concatenate([_mix(firsts[group], counts[group], generator) for group in groups])

    def read(self, number: int, variation: Variation) -> Example:
        """Returns one record; `variation.travel` does not apply, for a record has nothing around it."""
        path, position = self._locate(number)
        codes, values = self._decode(self._streams.read(path, position), path, position)
        window, margin = self._geometry.window, (self._geometry.window - len(codes)) // 2
        start = variation.shift - margin
        if self._surroundings is not None and (start < 0 or start + window > len(codes)):
            codes = self._surroundings.codes(number, codes, start, start + window)
        else:
            codes = take(codes, start, start + window, UNKNOWN)
        crop = (len(values) - self._geometry.bins) // 2
        values = take(values, crop, crop + self._geometry.bins, np.nan).astype(np.float32)
        return orient(Example(codes, values), variation.reverse, self._partners)

    def _locate(self, number: int) -> tuple[Path, int]:
        for path, count in self._files.items():
            if number < count:
                return path, number
            number -= count
        raise IndexError(number)

    def _decode(self, payload: bytes, path: Path, position: int) -> tuple[Codes, Values]:
        where, own = f"TFRecord file {path}, record {position}", self._statistics
        try:
            features = decode_example(payload)
        except ValueError as error:
            raise InputError(f"{where}: not a tf.train.Example ({error}); make the file again") from None
        one_hot = _array(features, "sequence", np.uint8, (own.seq_length, 4), where)
        values = _array(features, "target", np.float16, (own.target_length, own.num_targets), where)
        codes = np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), UNKNOWN).astype(np.uint8)
        return codes, values


class Surroundings:
    """The genome around records that are shorter than the model's window.

    Args:
        fasta: The genome that the records were cut from.
        rows: Where each record lies.
        name: What errors call the list of rows.
    """

    def __init__(self, fasta: Path, rows: Sequence[SequenceRow], name: str) -> None:
        # pyfaidx is only needed here; records alone are read without.
        from enformer_vep.genome.fasta import Genome

        self._genome, self._rows, self._name = Genome(fasta), tuple(rows), name

    def codes(self, number: int, record: Codes, start: int, end: int) -> Codes:
        """Reads around a record whose own sequence, uint8 [length], the genome has to have in the row's middle.

        Args:
            number: Which record.
            record: Its own sequence.
            start: First position relative to the record's, may be negative.
            end: End relative to the record's start.

        Raises:
            InputError: The genome has another sequence there.
        """
        row = self._rows[number]
        first = (row.start + row.end - len(record)) // 2
        around = encode(self._genome.fetch(row.contig, first + start, first + end))
        expected = take(record, start, end, UNKNOWN)
        known = (expected != UNKNOWN) & (around != UNKNOWN)
        if (expected != around)[known].sum() > _LARGEST_MISMATCH * known.sum():
            raise InputError(
                f"{self._name}, row {number} of split {row.split}: the FASTA has another sequence at "
                f"{row.contig}:{first}-{first + len(record)} than the record; give the genome of the data"
            )
        return around


class _Streams:
    """Open files of this process, those that were used last; a stream must not be shared over fork."""

    def __init__(self) -> None:
        self._process = 0
        self._open: OrderedDict[Path, RecordStream] = OrderedDict()

    def read(self, path: Path, position: int) -> bytes:
        """Returns a record, from an open stream where one has not passed it yet."""
        stream = self._stream(path, position)
        while stream.position < position:
            stream.skip()
        return stream.read()

    def _stream(self, path: Path, position: int) -> RecordStream:
        if self._process != os.getpid():
            self._open, self._process = OrderedDict(), os.getpid()
        stream = self._open.pop(path, None)
        if stream is None or stream.position > position:
            if stream is not None:
                stream.close()
            stream = RecordStream(path)
        self._open[path] = stream
        while len(self._open) > 2 * _MIXED_FILES:
            self._open.popitem(last=False)[1].close()
        return stream

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the streams behind."""
        return {"_process": 0, "_open": OrderedDict()}


def _mix(
    firsts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Numbers of the records of some files, the files at random, within a file in order."""
    files = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    result = np.empty(len(files), dtype=np.int64)
    for file, (first, count) in enumerate(zip(firsts, counts, strict=True)):
        result[files == file] = first + np.arange(count)
    return result


def _array(
    features: Mapping[str, bytes], name: str, kind: type[np.generic], shape: tuple[int, int], where: str
) -> npt.NDArray[Any]:
    if name not in features:
        raise InputError(f"{where}: no feature {name!r}; make the file again")
    expected = shape[0] * shape[1] * np.dtype(kind).itemsize
    if len(features[name]) != expected:
        raise InputError(
            f"{where}: {name} has {len(features[name])} bytes, not the {expected} that statistics.json implies; "
            "copy both again"
        )
    return np.frombuffer(features[name], dtype=np.dtype(kind).newbyteorder("<")).reshape(shape)
