"""`enformer-vep export` as a user calls it."""

import gzip
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest

from tests.builders import make_fasta
from tests.cli.conftest import Outcome
from tests.export.toy import SNPS, Toy, make_toy, position, write_z

Command = Callable[..., Outcome]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"))


def test_a_table_becomes_an_indexed_vcf(command: Command, toy: Toy, tmp_path: Path):
    fasta = make_fasta(tmp_path / "genome.fa", {"22": "ACGT" * 25})
    path = tmp_path / "scores.vcf.gz"
    outcome = command("export", toy.table, "-o", path, "--tabix", "-f", fasta, "-c", "SAD_CAGE1")
    assert outcome.code == 0, outcome.err
    with pysam.VariantFile(str(path)) as file:
        assert dict(file.header.contigs.items())["chr22"].length == 100
        assert list(file.header.info) == ["STATUS", "SAD_CAGE1"]
        assert [record.pos for record in file.fetch("chr22", position(2), position(4))] == [position(3)] * 2 + [
            position(4)
        ] * 2


def test_a_prior_for_one_locus(command: Command, toy: Toy, tmp_path: Path):
    z = write_z(toy, tmp_path / "x.z", [0.0] * SNPS)
    (tmp_path / "loci.bed").write_text(f"chr22\t{position(0) - 1}\t{position(9)}\n")
    words = ["--to", "susie", "--sumstats", z, "-c", "SAD_*", "--weight", "0", "-o", "-"]
    outcome = command("export", toy.table, *words, "--locus", f"22:{position(0)}-{position(9)}")
    assert outcome.out.splitlines() == ["SNP\tprior_weight", *(f"rs{number}\t0.1" for number in range(10))]
    assert "200 of 240 variants" in outcome.err
    assert command("export", toy.table, *words, "--loci", tmp_path / "loci.bed").out == outcome.out


@pytest.mark.parametrize(("words", "ratio"), [([], 100), (["--max-ratio", "9"], 9), (["--max-ratio", "inf"], None)])
def test_prior_weights_have_a_floor_and_a_cap(
    command: Command, toy: Toy, tmp_path: Path, words: list[str], ratio: int | None
):
    path = tmp_path / "prior.tsv"
    asked = ["--to", "susie", "--bim", toy.bim, "-c", "SAD_CAGE1", "--weight", "4", "-o", path]
    assert command("export", toy.table, *asked, *words).code == 0
    priors = pd.read_csv(path, sep="\t")["prior_weight"]
    if ratio is None:
        logs = pd.Series(np.log(np.abs(toy.values[:, 0].astype(float))))
        ratio = np.exp(4 * (logs.max() - logs.min()) / logs.std(ddof=0))
        assert ratio > 1e6
    np.testing.assert_allclose(priors.max() / priors.min(), ratio, rtol=1e-5)


def test_text_formats_stream(command: Command, toy: Toy):
    outcome = command("export", toy.table, "-o", "-", "--to", "bed")
    assert len(outcome.out.splitlines()) == 2 * (SNPS - SNPS // 10)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x", "--to", "xlsx"], "unknown --to xlsx: choose from tsv, vcf"),
        (["-o", "-", "--to", "parquet"], ".parquet cannot be streamed"),
        (["-o", "none/x.vcf"], "folder"),
        (["-o", "x.tsv", "-c", "JS_*"], "no column JS_*"),
    ],
)
def test_errors_are_one_line(command: Command, toy: Toy, words: list[str], said: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = command("export", toy.table, *words)
    assert outcome.code in (1, 2)
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["scores.parquet", "scores.h5", "scores.bcf", "scores.vcf.gz", "scores.bed.gz"])
def test_score_writes_every_format_with_the_same_numbers(
    command: Command, vcf: Path, fasta: Path, small_model: Path, tmp_path: Path, name: str
):
    words = ["score", vcf, "-f", fasta, "-m", small_model, "--device", "cpu", "-s", "SAD,SADR"]
    assert command(*words, "-o", tmp_path / "scores.tsv").code == 0
    outcome = command(*words, "-o", tmp_path / name)
    assert outcome.code == 0, outcome.err
    table = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()]
    expected = np.array([[np.nan if cell == "NA" else float(cell) for cell in row[6:]] for row in table[1:]])
    assert np.isfinite(expected).any()
    found = _values(tmp_path / name)
    if found is None:
        assert gzip.decompress((tmp_path / name).read_bytes()).count(b"\n") == len(expected)
    else:
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def _values(path: Path) -> np.ndarray | None:
    """float32 [alleles, columns]."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).iloc[:, 6:].to_numpy(np.float32)
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return np.hstack([file["SAD"], file["SADR"]])
    if ".bed" in path.suffixes:
        return None
    rows = []
    with pysam.VariantFile(str(path)) as file:
        keys = [key for key in file.header.info if key.startswith("SAD")]
        for record in file:
            nothing = (None,) * len(record.alts or ())
            columns = [record.info.get(key, nothing) for key in keys]
            rows += [[np.nan if cell is None else cell for cell in row] for row in zip(*columns, strict=True)]
    return np.array(rows, np.float32)
