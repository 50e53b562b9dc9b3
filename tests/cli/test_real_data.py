"""`enformer-vep score` on the sites of the 1000 Genomes Project on chr22 and the real sequence around them."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

from tests.cli.conftest import Outcome

REGION = "chr22:20,000,000-20,050,000"


@pytest.fixture(scope="module")
def sites(shared_directory: Path) -> Path:
    return shared_directory / "data" / "variants" / "1000G.chr22.sites.vcf.gz"


@pytest.fixture
def score(command: Callable[..., Outcome], sites: Path, shared_directory: Path, small_model: Path):
    """Scores two tracks of a region's sites on the CPU."""
    genome = shared_directory / "data" / "genome" / "hg38.subset.fa.gz"

    def run(*options: object, variants: Path = sites) -> Outcome:
        fixed = ("-f", genome, "-m", small_model, "-t", "0,1", "--device", "cpu", "-q")
        return command("score", variants, *fixed, *options)

    return run


def test_one_row_per_allele_in_order_whatever_the_batch_size(score, sites):
    with pysam.VariantFile(str(sites)) as file:
        expected = [
            [record.chrom, str(record.pos), record.id or ".", record.ref, alternate]
            for record in file.fetch(region=REGION.replace(",", ""))
            for alternate in record.alts or ["."]
        ]
    assert len(expected) > 100
    outcome = score("-r", REGION, "--batch-size", 16)
    rows = outcome.table[1:]
    assert [row[:5] for row in rows] == expected
    assert {row[5] for row in rows} == {"ok"}

    assert score("-r", REGION, "--batch-size", 16).out == outcome.out

    other = score("-r", REGION, "--batch-size", 7).table[1:]
    assert [row[:6] for row in other] == [row[:6] for row in rows]
    values, other_values = (np.array([row[6:] for row in table], dtype=float) for table in (rows, other))
    np.testing.assert_allclose(values, other_values, rtol=0, atol=1e-5)
    assert np.median(np.abs(values)) > 1e-4  # so the tolerance above is no excuse


def test_another_assembly_is_noticed(score, sites, tmp_path):
    shifted = tmp_path / "shifted.vcf"
    with pysam.VariantFile(str(sites)) as file, shifted.open("w") as handle:
        handle.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n")
        for record in itertools.islice(file.fetch("chr22", 20_000_000), 200):
            handle.write(f"22\t{record.pos + 1}\t.\t{record.ref}\t{(record.alts or ['.'])[0]}\n")
    rows = score(variants=shifted).table[1:]
    mismatches = [row for row in rows if row[5] == "ref_mismatch"]
    assert len(rows) == 200
    assert 120 < len(mismatches) < 190  # three in four, were bases independent
    assert all(row[6:] == ["NA", "NA"] for row in mismatches)
    strict = score("--strict", variants=shifted)
    assert strict.code == 1
    assert f"22:{mismatches[0][1]}" in strict.err
