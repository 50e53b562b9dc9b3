"""Running the command in this process, as a shell would see it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.cli.main import run as entry_point
from tests.builders import make_fasta, make_vcf, random_sequence

CONTIGS = {"chr1": 9000, "chr2": 4000}


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def table(self) -> list[list[str]]:
        """Standard output, split into cells."""
        return [line.split("\t") for line in self.out.splitlines()]


def runner(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """A function that runs the command with the given words."""

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            entry_point([str(word) for word in words])
        captured = capfd.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `enformer-vep` with the given words."""
    return runner(capfd)


@pytest.fixture(scope="session")
def sequences() -> dict[str, str]:
    random = np.random.default_rng(11)
    return {name: random_sequence(random, length) for name, length in CONTIGS.items()}


@pytest.fixture
def fasta(tmp_path: Path, sequences: dict[str, str]) -> Path:
    return make_fasta(tmp_path / "genome.fa", sequences)


@pytest.fixture
def records(sequences: dict[str, str]) -> list[tuple[object, ...]]:
    """SNVs (one with two ALTs), an insertion, a deletion, and one allele that cannot be scored."""
    chr1, chr2 = sequences["chr1"], sequences["chr2"]
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    third = {"A": "G", "C": "T", "G": "A", "T": "C"}
    return [
        ("chr1", 100, "near_start", chr1[99], other[chr1[99]]),
        ("chr1", 4000, "two_alleles", chr1[3999], f"{other[chr1[3999]]},{third[chr1[3999]]}"),
        ("chr1", 4100, "insertion", chr1[4099], chr1[4099] + "ACGT"),
        ("chr1", 4200, "deletion", chr1[4199:4205], chr1[4199]),
        ("chr1", 5000, "symbolic", chr1[4999], "<DEL>"),
        ("chr2", 3900, "near_end", chr2[3899], other[chr2[3899]]),
    ]


@pytest.fixture
def vcf(tmp_path: Path, records: list[tuple[object, ...]]) -> Path:
    return make_vcf(tmp_path / "variants.vcf", records, CONTIGS)
