"""BED: what a browser is shown."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import GENE_ID, GENE_NAME, Layout, ScoredVariant
from tests.tables.rows import LAYOUT, ROWS, SAD, open_writer


def write(path: Path, layout: Layout = LAYOUT, rows: list[ScoredVariant] = ROWS, **options: bool) -> list[list[str]]:
    with open_writer(str(path), layout, **options) as writer:
        for row in rows:
            writer.write(row)
    return [line.split("\t") for line in path.read_text().splitlines()] if path.suffix == ".bed" else []


def test_the_lines(tmp_path):
    lines = write(tmp_path / "scores.bed")
    assert ["\t".join(line) for line in lines] == [
        # The strongest is -2.5 of SAD, not 1e9 of JS: 1000 * 2.5 / 3.5 = 714.
        "chr1\t9\t10\trs1;A>G;SAD_x-y=-2.5\t714\t.\t9\t10\t30,60,200",
        "chr1\t19\t20\trs2;C>T;SAD_x-y=2\t667\t.\t19\t20\t200,30,30",
        "chr1\t19\t20\trs2;C><DEL>;symbolic_allele\t0\t.\t19\t20\t150,150,150",
        "chr1\t19\t20\trs2;C>CAA;SAD_CNhs1=-0.25\t200\t.\t19\t20\t30,60,200",
        "chr1\t29\t30\tchr1:30;N>.;missing_alt\t0\t.\t29\t30\t150,150,150",
        "chr1\t29\t30\tchr1:30;A>c;SAD_x-y=inf\t1000\t.\t29\t30\t200,30,30",
        "chr2\t4\t8\trs5;rs6;ACGT>A;SAD_x-y=6\t857\t.\t4\t8\t200,30,30",
    ]


def test_genes_and_long_alleles_and_nothing_finite(tmp_path):
    layout = Layout((SAD,), (GENE_ID, GENE_NAME))
    variant = Variant("1", 5, "a b", "A" * 30, "C")
    rows = [
        ScoredVariant(variant, Status.OK, np.float32([0, 0]), ("ENSG1", "BRCA 1")),
        ScoredVariant(variant, Status.OK, np.float32([np.nan, np.nan]), ("ENSG1", None)),
    ]
    lines = write(tmp_path / "scores.bed", layout, rows)
    assert [line[3:5] for line in lines] == [
        ["a_b;A[30bp]>C;BRCA_1;SAD_CNhs1=0", "0"],
        ["a_b;A[30bp]>C", "0"],
    ]
    assert [line[:3] for line in lines] == [["1", "4", "34"]] * 2


@pytest.mark.parametrize("name", ["scores.bed.gz", "scores.bed.bgz"])
def test_tabix_finds_a_region(tmp_path, name):
    write(tmp_path / name, tabix=True)
    with pysam.TabixFile(str(tmp_path / name), parser=pysam.asBed()) as table:
        assert [(line.start, line.end) for line in table.fetch("chr2", 7, 8)] == [(4, 8)]
        assert [line.start for line in table.fetch("chr1", 9, 20)] == [9, 19, 19, 19]
