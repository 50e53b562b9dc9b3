"""Small score and label tables made on the spot."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tests.builders import write_text

IDENTITY = ("#CHROM", "POS", "ID", "REF", "ALT", "STATUS")


def table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = "\t") -> Path:
    """Writes a delimited table, BGZF if the name ends in .gz."""
    return write_text(path, "".join(delimiter.join(map(str, row)) + "\n" for row in (header, *rows)))


def scores(path: Path, rows: Iterable[Sequence[object]], tracks: Sequence[str] = ("A", "B"), extra=()) -> Path:
    """Writes a table as `enformer-vep score` does; rows are whole rows."""
    return table(path, (*IDENTITY, *extra, *(f"SAD_{track}" for track in tracks)), rows)


def labels(path: Path, header: str, *rows: str) -> Path:
    """Writes a label table; columns are given separated by blanks."""
    return table(path, header.split(), [row.split() for row in rows])


def position(index: int) -> int:
    """Where a cohort's variants lie: four to a locus, 10 bp apart."""
    return 1000 + 2_000_000 * (index // 4) + 10 * (index % 4)


def cohort(folder: Path, *, variants: int = 160, informative: bool = True, tissues: int = 1, seed: int = 0):
    """A score table and a label table with a quarter of positives.

    Informative: positives have ten times the effects, all of one sign, and the label's slope has that sign.
    Distance to the TSS says nothing. Four neighbours share a locus; loci are 2 Mb apart.

    Returns:
        Paths of scores and labels.
    """
    random = np.random.default_rng(seed)
    tracks = [f"T{index}" for index in range(8)]
    values = random.normal(size=(variants, len(tracks))) * 1e-3
    positive = np.arange(variants) % 4 == 0
    sign = random.choice([-1, 1], variants)
    if informative:
        values[positive] = np.abs(values[positive] * 10) * sign[positive, None]
    rows = [
        ("chr1", position(index), f"rs{index}", "A", "G", "ok", *(f"{value:.9g}" for value in row))
        for index, row in enumerate(values)
    ]
    marks = [
        (f"1\t{position(index)}\tA\tG\ttissue_{tissue}\t{0.95 if positive[index] else 0.001}"
         f"\t{distance}\t{sign[index] * 0.5}\tlocus{index // 4}").split("\t")
        for tissue in range(tissues)
        for index, distance in enumerate(random.integers(-90_000, 90_000, variants))
    ]  # fmt: skip
    header = ["chrom", "position", "ref", "alt", "tissue", "pip", "tss_distance", "slope", "locus"]
    return scores(folder / "scores.tsv.gz", rows, tracks), table(folder / "labels.tsv", header, marks)
