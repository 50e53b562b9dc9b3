"""A task with a known answer: a motif, on either strand, switches its bin of the one track on."""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enformer_vep.genome.encoding import encode
from enformer_vep.training.configuration import TrainingConfig, parse_config
from tests.builders import make_fasta, random_sequence

MOTIF, TURNED_MOTIF = "TGACGTAC", "GTACGTCA"
BIN_WIDTH = 16
ON, OFF = 4.0, 0.25
LENGTHS = {"chr1": 32_768, "chr2": 8_192}
SPLITS = {"chr1": "train", "chr2": "valid"}
TARGETS = "identifier\tfile\tsum_stat\tdescription\nMOTIF\tmotif.bw\tmean\tTOY:motif\n"

SHAPE = {
    "window": 256,
    "target_length": 8,
    "channels": 24,
    "channel_multiple": 8,
    "transformer_layers": 1,
    "attention_heads": 2,
    "key_size": 4,
    "pooling_stages": 4,
    "dropout": 0.0,
    "attention_dropout": 0.0,
}
OPTIMIZER = {"rate": 0.01, "warmup_steps": 20, "clip_norm": 1.0, "decay": "cosine"}


@dataclass(frozen=True)
class Toy:
    """Sequences, and the track's value in every bin."""

    sequences: dict[str, str]
    values: dict[str, np.ndarray]


def make_toy() -> Toy:
    random = np.random.default_rng(3)
    sequences, values = {}, {}
    for contig, length in LENGTHS.items():
        letters = list(random_sequence(random, length))
        on = random.random(length // BIN_WIDTH) < 0.15
        for index in np.flatnonzero(on):
            start = index * BIN_WIDTH + random.integers(BIN_WIDTH - len(MOTIF) + 1)
            letters[start : start + len(MOTIF)] = MOTIF if random.random() < 0.5 else TURNED_MOTIF
        sequences[contig] = "".join(letters)
        values[contig] = np.where(on, ON, OFF)
    return Toy(sequences, values)


def write_genome_form(folder: Path, toy: Toy) -> dict[str, Any]:
    """FASTA, bigWig, BED and targets; returns the data section."""
    make_fasta(folder / "genome.fa", toy.sequences)
    write_bigwig(folder / "motif.bw", toy.values)
    (folder / "targets.txt").write_text(TARGETS)
    rows = "".join(f"{contig}\t0\t{LENGTHS[contig]}\t{split}\n" for contig, split in SPLITS.items())
    (folder / "sequences.bed").write_text(rows)
    return {"fasta": "genome.fa", "targets": "targets.txt", "sequences": "sequences.bed"}


def write_bigwig(path: Path, values: Mapping[str, np.ndarray], bin_width: int = BIN_WIDTH) -> None:
    """Writes one value per bin; NaN bins are not covered."""
    import pybigtools

    lengths = {contig: len(bins) * bin_width for contig, bins in values.items()}
    intervals = (
        (contig, index * bin_width, (index + 1) * bin_width, float(value))
        for contig, bins in values.items()
        for index, value in enumerate(bins)
        if np.isfinite(value)
    )
    pybigtools.open(str(path), "w").write(lengths, intervals)


def write_tfrecord_form(folder: Path, toy: Toy, per_file: int = 20, length: int = 256) -> dict[str, Any]:
    """The published layout; returns the data section."""
    (folder / "tfrecords").mkdir(parents=True)
    (folder / "targets.txt").write_text(TARGETS)
    bins = SHAPE["target_length"]
    margin = (length - bins * BIN_WIDTH) // 2
    rows, counts = [], {}
    for contig, split in SPLITS.items():
        starts = range(0, LENGTHS[contig] - length + 1, bins * BIN_WIDTH)
        records = [
            example_message(
                one_hot(toy.sequences[contig][start : start + length]),
                toy.values[contig][(start + margin) // BIN_WIDTH :][:bins, None],
            )
            for start in starts
        ]
        for number, first in enumerate(range(0, len(records), per_file)):
            path = folder / "tfrecords" / f"{split}-0-{number}.tfr"
            write_records(path, records[first : first + per_file])
        rows += [f"{contig}\t{start}\t{start + length}\t{split}\n" for start in starts]
        counts[f"{split}_seqs"] = len(records)
    statistics = {"seq_length": length, "target_length": bins, "pool_width": BIN_WIDTH, "num_targets": 1}
    (folder / "statistics.json").write_text(json.dumps(statistics | counts))
    (folder / "sequences.bed").write_text("".join(rows))
    return {"tfrecords": str(folder)}


def one_hot(sequence: str) -> np.ndarray:
    return (encode(sequence)[:, None] == np.arange(4)).astype(np.uint8)


def example_message(sequence: np.ndarray, target: np.ndarray) -> bytes:
    """A `tf.train.Example`, encoded by hand."""
    features = {"sequence": sequence.tobytes(), "target": target.astype("<f2").tobytes()}
    entries = [
        field(1, field(1, name.encode()) + field(2, field(1, field(1, content)))) for name, content in features.items()
    ]
    return field(1, b"".join(entries))


def field(number: int, content: bytes) -> bytes:
    size, digits = len(content), bytearray()
    while size >= 0x80:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *digits, size]) + content


def write_records(path: Path, payloads: Iterable[bytes]) -> None:
    path.write_bytes(zlib.compress(b"".join(frame(payload) for payload in payloads)))


def frame(payload: bytes) -> bytes:
    size = struct.pack("<Q", len(payload))
    return size + masked_checksum(size) + payload + masked_checksum(payload)


def masked_checksum(content: bytes) -> bytes:
    import google_crc32c

    plain = google_crc32c.value(content)
    return struct.pack("<I", ((plain >> 15 | plain << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def make_config(folder: Path, data: dict[str, Any], **sections: Any) -> TrainingConfig:
    """A run of the toy; `run`, `optimizer`, `init` ... override single keys."""
    run = {"steps": 160, "batch_size": 16, "evaluate_every": 80, "checkpoint_every": 1000, "workers": 0}
    values: dict[str, Any] = {"data": [data], "model": SHAPE, "optimizer": OPTIMIZER, "run": run}
    for name, changes in sections.items():
        values[name] = values.get(name, {}) | changes
    return parse_config(values, folder)
