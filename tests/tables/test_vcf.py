"""VCF, BCF: read by bcftools, pysam and this package's own reader."""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.errors import OutputError, UsageError
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.tables.row import GENE_ID, Layout, ScoredVariant
from enformer_vep.tables.vcf import VcfWriter, info_keys
from enformer_vep.tables.writers import choose_writer
from tests.builders import bgzip, index_variants
from tests.tables.rows import CONTIGS, LAYOUT, ROWS, SAD, open_writer

NAMES = ["scores.vcf", "scores.vcf.gz", "scores.bcf"]
needs_bcftools = pytest.mark.skipif(not shutil.which("bcftools"), reason="needs bcftools")


def write(path: Path, rows: list[ScoredVariant] = ROWS, **options: object) -> Path:
    with open_writer(str(path), LAYOUT, contigs=CONTIGS, **options) as writer:
        for row in rows:
            writer.write(row)
            writer.end_batch()
    return path


def bcftools(*words: object) -> list[str]:
    done = subprocess.run(["bcftools", *map(str, words)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_text(tmp_path):
    lines = write(tmp_path / "scores.vcf").read_text().splitlines()
    assert lines == [
        "##fileformat=VCFv4.3",
        "##source=enformer-vep",
        "##enformer_vep=model: toy; scores: SAD,JS",
        "##contig=<ID=chr1,length=1000>",
        "##contig=<ID=chr2,length=500>",
        '##INFO=<ID=STATUS,Number=A,Type=String,Description="ok, or why the allele has no values">',
        '##INFO=<ID=WINDOW_START,Number=A,Type=Integer,Description="1-based first position of the shared '
        'reference window">',
        '##INFO=<ID=SAD_CNhs1,Number=A,Type=Float,Description="sum of differences: CAGE:\\"liver\\"">',
        '##INFO=<ID=SAD_x_y,Number=A,Type=Float,Description="sum of differences: DNASE:K562">',
        '##INFO=<ID=JS_CNhs1,Number=A,Type=Float,Description="divergence: CAGE:\\"liver\\"">',
        '##INFO=<ID=JS_x_y,Number=A,Type=Float,Description="divergence: DNASE:K562">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        "chr1\t10\trs1\tA\tG\t.\t.\tSTATUS=ok;WINDOW_START=-5;SAD_CNhs1=0.100000001;SAD_x_y=-2.5;"
        "JS_CNhs1=3.00000003e-09;JS_x_y=1e+09",
        "chr1\t20\trs2\tC\tT,<DEL>,CAA\t.\t.\tSTATUS=ok,symbolic_allele,ok;WINDOW_START=1,.,1;"
        "SAD_CNhs1=1,.,-0.25;SAD_x_y=2,.,0;JS_CNhs1=3,.,0.5;JS_x_y=4,.,7",
        "chr1\t30\t.\tN\t.\t.\t.\tSTATUS=missing_alt",
        "chr1\t30\t.\tA\tc\t.\t.\tSTATUS=ok;WINDOW_START=1;SAD_CNhs1=nan;SAD_x_y=inf;JS_CNhs1=-inf;JS_x_y=0.5",
        "chr2\t5\trs5;rs6\tACGT\tA\t.\t.\tSTATUS=ok;WINDOW_START=1;SAD_CNhs1=5;SAD_x_y=6;JS_CNhs1=7;JS_x_y=8",
    ]


@needs_bcftools
@pytest.mark.parametrize("name", NAMES)
def test_bcftools_reads_and_filters(tmp_path, name):
    path = write(tmp_path / name)
    table = bcftools("query", "-f", r"%CHROM %POS %ALT %INFO/STATUS %INFO/SAD_CNhs1 %INFO/WINDOW_START\n", path)
    assert table[:3] == [
        "chr1 10 G ok 0.1 -5",
        "chr1 20 T,<DEL>,CAA ok,symbolic_allele,ok 1,.,-0.25 1,.,1",
        "chr1 30 . missing_alt . .",
    ]
    found = bcftools("query", "-i", "INFO/SAD_CNhs1>0.5", "-f", r"%ID\n", path)
    assert found == ["rs2", "rs5;rs6"]
    found = bcftools("query", "-i", "abs(INFO/SAD_x_y[0])>2", "-f", r"%ID\n", path)
    assert found[:1] + found[-1:] == ["rs1", "rs5;rs6"]
    assert len(bcftools("view", "-H", "-i", 'INFO/STATUS="symbolic_allele"', path)) == 1


@needs_bcftools
def test_bcftools_splits_alleles_with_their_values(tmp_path):
    path = write(tmp_path / "scores.vcf.gz")
    done = subprocess.run(["bcftools", "norm", "-m-", str(path)], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("chr1\t20")]
    assert [row[4] for row in rows] == ["T", "<DEL>", "CAA"]
    assert [row[7].split(";")[2:3] for row in rows] == [["SAD_CNhs1=1"], ["SAD_CNhs1=."], ["SAD_CNhs1=-0.25"]]


@needs_bcftools
def test_bcftools_annotates_another_vcf(tmp_path):
    scores = write(tmp_path / "scores.vcf.gz", tabix=True)
    other = tmp_path / "other.vcf"
    other.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr1\t20\tmine\tC\tCAA\t.\t.\t.\n"
    )
    index_variants(bgzip(tmp_path / "other.vcf.gz", other.read_bytes()))
    done = subprocess.run(
        ["bcftools", "annotate", "-a", str(scores), "-c", "INFO/SAD_CNhs1", str(tmp_path / "other.vcf.gz")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1].split("\t")[2::5] == ["mine", "SAD_CNhs1=-0.25"]


@pytest.mark.parametrize("name", NAMES)
def test_pysam_reads_every_value(tmp_path, name):
    with pysam.VariantFile(str(write(tmp_path / name))) as file:
        records = list(file)
        info = file.header.info["SAD_CNhs1"]
        assert (info.number, info.type) == ("A", "Float")
        assert {name: contig.length for name, contig in file.header.contigs.items()} == CONTIGS
    alleles = [(record, number) for record in records for number in range(len(record.alts or "."))]
    assert len(alleles) == len(ROWS)
    for (record, number), row in zip(alleles, ROWS, strict=True):
        one = row.variant
        assert (record.chrom, record.pos, record.id or ".") == (one.contig, one.position, one.id)
        assert (record.ref, (record.alts or (".",))[number]) == (one.reference, one.alternate)
        if row.values is not None:
            keys = info_keys(LAYOUT.values)
            values = np.array([record.info[key][number] for key in keys], np.float32)
            np.testing.assert_array_equal(values, row.values)


@pytest.mark.parametrize("name", NAMES)
def test_the_alleles_come_back_in_order(tmp_path, name):
    assert list(read_variants(str(write(tmp_path / name)))) == [row.variant for row in ROWS]


@pytest.mark.parametrize(("name", "index"), [("scores.vcf.gz", ".tbi"), ("scores.bcf", ".csi")])
def test_an_index_finds_a_region(tmp_path, name, index):
    path = write(tmp_path / name, tabix=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name, name + index]
    with pysam.VariantFile(str(path)) as file:
        assert [record.id for record in file.fetch("chr1", 15, 25)] == ["rs2"]


@pytest.mark.parametrize("name", ["scores.vcf.gz", "scores.bcf"])
def test_an_index_needs_sorted_rows(tmp_path, name):
    with pytest.raises(OutputError, match="out of order"):
        write(tmp_path / name, ROWS[::-1], tabix=True)
    assert list(tmp_path.iterdir()) == []


@needs_bcftools
def test_contigs_of_a_bcf_need_not_be_known(tmp_path):
    path = tmp_path / "scores.bcf"
    with open_writer(str(path), LAYOUT) as writer:
        for row in ROWS:
            writer.write(row)
    assert [line for line in bcftools("view", "-h", path) if line.startswith("##contig")] == [
        "##contig=<ID=chr1>",
        "##contig=<ID=chr2>",
    ]


@needs_bcftools
def test_every_kind_of_allele_in_a_bcf(tmp_path):
    alternates = ["<CN0>", "*", "G]chr2:5]", "<INS>", ".", "<*>", "AT"]
    rows = [
        ScoredVariant(Variant("chr1", 10 + record, ".", "A", alternate, record), Status.SYMBOLIC_ALLELE, None)
        for record, alternate in enumerate(alternates)
    ]
    path = write(tmp_path / "scores.bcf", rows)
    assert bcftools("query", "-f", r"%ALT\n", path) == alternates


class Sink:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


@given(st.integers(0, len(ROWS)), st.booleans())
def test_a_writer_goes_on_anywhere_even_within_a_record(cut, compressed):
    whole, parts = Sink(), Sink()
    make = {"contigs": CONTIGS, "compressed": compressed}
    first = VcfWriter(whole, LAYOUT, **make)
    first.begin()
    for row in ROWS:
        first.write(row)
    first.finish()
    before = VcfWriter(parts, LAYOUT, **make)
    before.begin()
    for row in ROWS[:cut]:
        before.write(row)
    after = VcfWriter(parts, LAYOUT, **make)
    after.restore(before.state())
    for row in ROWS[cut:]:
        after.write(row)
    after.finish()
    assert parts.data == whole.data


def test_keys_are_legal_and_different():
    assert info_keys(["SAD_a+b", "SAD_a-b", "SAD_a_b", "1x", "STATUS"]) == (
        "SAD_a_b",
        "SAD_a_b_2",
        "SAD_a_b_3",
        "_1x",
        "STATUS_2",
    )


@pytest.mark.parametrize("name", [*NAMES, "scores.h5"])
def test_gene_rows_are_refused_with_advice(tmp_path, name):
    with pytest.raises(UsageError, match=r"one per allele and gene; write \.tsv\.gz or \.parquet"):
        choose_writer(str(tmp_path / name), Layout((SAD,), (GENE_ID,)))
    assert list(tmp_path.iterdir()) == []


def test_vcf_on_standard_output(capfdbinary):
    with open_writer("-", LAYOUT, wanted="vcf", contigs=CONTIGS) as writer:
        for row in ROWS[:2]:
            writer.write(row)
    out = capfdbinary.readouterr().out
    assert out.startswith(b"##fileformat=VCFv4.3\n")
    assert out.count(b"\nchr1\t") == 2


def test_the_full_table_of_tracks(tmp_path):
    """5,313 fields in every record: htslib takes them."""
    from enformer_vep.tables.row import ValueBlock

    layout = Layout((ValueBlock("SAD", tuple(f"T{number}" for number in range(5313))),))
    values = np.random.default_rng(1).normal(size=5313).astype(np.float32)
    path = tmp_path / "scores.bcf"
    with open_writer(str(path), layout, contigs=CONTIGS) as writer:
        writer.write(ScoredVariant(ROWS[0].variant, ROWS[0].status, values))
    with warnings.catch_warnings(), pysam.VariantFile(str(path)) as file:
        info = next(file).info
        np.testing.assert_array_equal([info[f"SAD_T{number}"][0] for number in range(5313)], values)
