"""Lays out the data that the example model is trained on, for the two configurations in example_data/.

    python tools/make_training_data.py DATA
    enformer-vep train --config example_data/train_example_short.toml --bake
    enformer-vep train --config example_data/train_example_short.toml -o example_data/runs/example_short
    enformer-vep train --config example_data/train_example.toml -o runs/example

DATA is a folder with (example_data/README.md says where they come from):

    genome/hg38.subset.fa.gz     GRCh38 chr19, chr22, chr1:1-10,000,000 (BGZF, .fai, .gzi)
    tracks.tsv                   identifier and description of the tracks
    predicted/<identifier>.bw    their coverage at 128-bp resolution; absent where it is unknown

`example_data/training/` gets links to the data, targets.txt (tracks scaled to a mean of 0.5 over the
training regions, so that none outweighs another in the loss), sequences.bed and test.bed. chr22 is the test:
nothing is fitted to it or chosen by it, the scales included.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import pybigtools

FOLDER = Path(__file__).resolve().parents[1] / "example_data" / "training"
SEQUENCES = (
    ("chr19", 0, 58_617_616, "train"),
    ("chr1", 0, 7_500_000, "train"),
    ("chr1", 7_500_000, 10_000_000, "valid"),
)
TEST_SEQUENCES = (("chr22", 0, 50_818_468, "test"),)
TARGET_MEAN = 0.5
BIN_WIDTH = 128


def main() -> None:
    """Runs the script."""
    parser = argparse.ArgumentParser(description="Lays out the training data of the example model.")
    parser.add_argument("data", type=Path, help="folder with genome/, predicted/ and tracks.tsv")
    data = parser.parse_args().data.resolve()
    FOLDER.mkdir(exist_ok=True)
    for name in ("genome", "predicted"):
        link(FOLDER / name, data / name)
    with (data / "tracks.tsv").open() as handle:
        tracks = list(csv.DictReader(handle, delimiter="\t"))
    write_targets(FOLDER / "targets.txt", tracks)
    write_sequences(FOLDER / "sequences.bed", SEQUENCES)
    write_sequences(FOLDER / "test.bed", TEST_SEQUENCES)


def link(path: Path, target: Path) -> None:
    """Links to the data, replacing an older link."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def write_sequences(path: Path, rows: tuple[tuple[str, int, int, str], ...]) -> None:
    """Writes a BED file with a split column."""
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


def write_targets(path: Path, tracks: list[dict[str, str]]) -> None:
    """Writes the targets table."""
    lines = ["index\tidentifier\tfile\tscale\tsum_stat\tdescription"]
    for index, track in enumerate(tracks):
        file = f"predicted/{track['identifier']}.bw"
        scale = f"{TARGET_MEAN / training_mean(FOLDER / file):.2g}"
        lines.append("\t".join([str(index), track["identifier"], file, scale, "mean", track["description"]]))
    path.write_text("\n".join(lines) + "\n")


def training_mean(path: Path) -> float:
    """Mean coverage over the bins of the training regions that are known: absent is unknown here."""
    reader = pybigtools.open(str(path))
    values = [
        reader.values(contig, start, end, bins=(end - start) // BIN_WIDTH, exact=True, fillna=np.nan)
        for contig, start, end, split in SEQUENCES
        if split == "train"
    ]
    return float(np.nanmean(np.concatenate(values)))


if __name__ == "__main__":
    main()
