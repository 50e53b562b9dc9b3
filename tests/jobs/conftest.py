"""An input of a thousand alleles, some of which cannot be scored."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.settings import ComputeSettings, OutputSettings, ScoreRequest
from tests.builders import index_variants, make_fasta, make_vcf, random_sequence
from tests.cli.conftest import Outcome, runner

RECORDS = 1500
Request = Callable[..., ScoreRequest]


@pytest.fixture(scope="session")
def genome_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(3)
    contigs = {"chr1": random_sequence(random, 6000), "chr2": random_sequence(random, 4000)}
    return make_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", contigs)


@pytest.fixture(scope="session")
def variants_path(tmp_path_factory: pytest.TempPathFactory, genome_path: Path) -> Path:
    """1,500 records on two contigs; every seventh has two ALTs, every fifth cannot be scored."""
    lines = genome_path.read_text().split(">")[1:]
    sequences = {text.split()[0]: "".join(text.split()[1:]) for text in lines}
    records = []
    for number in range(RECORDS):
        contig, position = ("chr1", 100 + number) if number < 1000 else ("chr2", number - 900)
        reference = sequences[contig][position - 1]
        first, second, _ = (letter for letter in "ACGT" if letter != reference)
        alternate = "<DEL>" if number % 5 == 0 else f"{first},{second}" if number % 7 == 0 else first
        records.append((contig, position, f"rs{number}", reference, alternate))
    folder = tmp_path_factory.mktemp("variants")
    path = make_vcf(folder / "variants.vcf.gz", records, ["chr1", "chr2"])
    index_variants(path)
    return path


@pytest.fixture
def request_for(variants_path: Path, genome_path: Path) -> Request:
    """Makes the request of a run that writes a file."""

    def make(destination: Path, *, overwrite: bool = False, tabix: bool = False, **changes: object) -> ScoreRequest:
        values: dict[str, object] = {
            "variants": str(variants_path),
            "genome": genome_path,
            "compute": ComputeSettings("cpu", piece_size=50),
            "output": OutputSettings(str(destination), tabix, overwrite=overwrite),
        }
        return ScoreRequest(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory, variants_path: Path, genome_path: Path) -> dict[str, bytes]:
    """What an uninterrupted run writes, by suffix."""
    from tests.jobs.toy import complete

    folder, found = tmp_path_factory.mktemp("expected"), {}
    for suffix in ("tsv", "tsv.gz", "vcf.gz", "bed", "parquet", "h5", "bcf"):
        path = folder / f"scores.{suffix}"
        compute, output = ComputeSettings("cpu", piece_size=50), OutputSettings(str(path))
        assert complete(ScoreRequest(str(variants_path), genome_path, compute=compute, output=output)).code == 0
        found[suffix] = path.read_bytes()
        assert [entry.name for entry in folder.iterdir() if "journal" in entry.name or "part" in entry.name] == []
    return found


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `enformer-vep` with the given words."""
    return runner(capfd)
