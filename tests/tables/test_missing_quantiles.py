"""A scored row may lack quantiles: how each format says so, and reads it back."""

import gzip
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pysam
import pytest

from enformer_vep.export.exporter import ExportRequest, export
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import MISSING, VARIANT_CLASS, Layout, ScoredVariant, ValueBlock
from tests.tables.rows import open_writer

LAYOUT = Layout(
    (ValueBlock("SAD", ("a", "b")), ValueBlock("SADQ", ("a", "b"))),
    (VARIANT_CLASS,),
    (("calibrated-classes", "snv (100 alleles)"),),
)


def row(alternate: str, kind: str, *values: float | np.float32, record: int = 0, allele: int = 1) -> ScoredVariant:
    variant = Variant("chr1", 10 + record, ".", "A", alternate, record, allele)
    return ScoredVariant(variant, Status.OK, np.array(list(map(np.float32, values)), dtype=np.float32), (kind,))


ROWS = [
    row("C", "snv", 1, -2, 0.5, -0.75),
    row("AC", "insertion_1", 3, 4, MISSING, MISSING, allele=2),
    ScoredVariant(Variant("chr1", 10, ".", "A", "<DEL>", 0, 3), Status.SYMBOLIC_ALLELE, None),
    row("G", "snv", np.nan, 5, MISSING, 0.25, record=1),
]


def write(path: Path) -> Path:
    with open_writer(str(path), LAYOUT, contigs={"chr1": 100}) as writer:
        for one in ROWS:
            writer.write(one)
    return path


def test_a_table_has_na(tmp_path):
    lines = write(tmp_path / "t.tsv").read_text().splitlines()
    assert [line.split("\t")[6:] for line in lines] == [
        ["CLASS", "SAD_a", "SAD_b", "SADQ_a", "SADQ_b"],
        ["snv", "1", "-2", "0.5", "-0.75"],
        ["insertion_1", "3", "4", "NA", "NA"],
        ["NA"] * 5,
        ["snv", "nan", "5", "NA", "0.25"],
    ]


def test_a_vcf_has_a_dot(tmp_path):
    header, *_, first, second = write(tmp_path / "t.vcf").read_text().splitlines()
    assert header == "##fileformat=VCFv4.3"
    assert "calibrated-classes: snv (100 alleles)" in (tmp_path / "t.vcf").read_text()
    assert first.endswith(
        "STATUS=ok,ok,symbolic_allele;CLASS=snv,insertion_1,.;SAD_a=1,3,.;SAD_b=-2,4,.;SADQ_a=0.5,.,.;SADQ_b=-0.75,.,."
    )
    assert second.endswith("STATUS=ok;CLASS=snv;SAD_a=nan;SAD_b=5;SADQ_a=.;SADQ_b=0.25")


def test_bcf_has_missing_values(tmp_path):
    with pysam.VariantFile(str(write(tmp_path / "t.bcf"))) as file:
        first, second = file
        assert first.info["CLASS"] == ("snv", "insertion_1", ".")
        assert first.info["SADQ_a"] == (0.5, None, None)
        assert second.info["SADQ_b"] == (0.25,)


def test_parquet_has_null_and_keeps_computed_nan(tmp_path):
    table = pq.read_table(write(tmp_path / "t.parquet"))
    assert table["CLASS"].to_pylist() == ["snv", "insertion_1", None, "snv"]
    assert table["SADQ_a"].to_pylist() == [0.5, None, None, None]
    assert table["SADQ_b"].to_pylist() == [-0.75, None, None, 0.25]
    assert table["SAD_a"].null_count == 1
    assert np.isnan(table["SAD_a"][3].as_py())


def test_hdf5_has_nan_and_the_class(tmp_path):
    with h5py.File(write(tmp_path / "t.h5")) as file:
        assert file["class"][:].tolist() == [b"snv", b"insertion_1", b"", b"snv"]
        np.testing.assert_array_equal(file["SADQ"][:, 0], np.float32([0.5, np.nan, np.nan, np.nan]))


def test_bed_shows_the_score(tmp_path):
    names = [line.split("\t")[3] for line in write(tmp_path / "t.bed").read_text().splitlines()]
    assert names == ["chr1:10;A>C;SAD_b=-2", "chr1:10;A>AC;SAD_b=4", "chr1:10;A><DEL>;symbolic_allele",
                     "chr1:11;A>G;SAD_b=5"]  # fmt: skip


@pytest.mark.parametrize("source", ["t.tsv", "t.tsv.gz", "t.parquet"])
@pytest.mark.parametrize("target", ["u.tsv", "u.parquet"])
def test_it_is_missing_again_when_it_was_read(tmp_path, source, target):
    path = write(tmp_path / source)
    export(ExportRequest(str(path), str(tmp_path / target)))
    if target == "u.tsv":
        assert (tmp_path / target).read_text() == (write(tmp_path / "expected.tsv")).read_text()
    else:
        found, expected = (pq.read_table(tmp_path / name) for name in (target, write(tmp_path / "expected.parquet")))
        for name in expected.column_names:
            assert str(found[name].to_pylist()) == str(expected[name].to_pylist())


def test_exports_take_it_for_a_variant_without_a_score(tmp_path, caplog):
    """It is not the least effect, and not a large one: it gets no annotation, and a message counts it."""
    path = write(tmp_path / "t.tsv")
    (tmp_path / "x.bim").write_text("1 n1 0 10 C A\n1 n2 0 10 AC A\n1 n3 0 11 G A\n")
    request = ExportRequest(str(path), str(tmp_path / "e"), "ldsc", ("SADQ_*",), bims=(tmp_path / "x.bim",))
    (name,) = export(request)
    lines = gzip.decompress(Path(name).read_bytes()).decode().splitlines()
    assert [line.split("\t")[4:] for line in lines[1:]] == [["0.5", "0.75"], ["0", "0"], ["0", "0.25"]]
    assert "1 variants without a score get 0 in every annotation" in caplog.text
    assert "1 values that are no numbers, of variants with others, are written as 0" in caplog.text


def test_priors_take_it_for_a_variant_without_a_score(tmp_path, caplog):
    path = write(tmp_path / "t.tsv")
    (tmp_path / "x.bim").write_text("1 n1 0 10 C A\n1 n2 0 10 AC A\n1 n3 0 11 G A\n")
    request = ExportRequest(str(path), str(tmp_path / "p.tsv"), "susie", ("SADQ_b",), bims=(tmp_path / "x.bim",))
    (name,) = export(request)
    weights = [float(line.split("\t")[-1]) for line in Path(name).read_text().splitlines()[1:]]
    assert weights[1] == pytest.approx((weights[0] + weights[2]) / 2)
    assert "1 variants without a score get the average prior" in caplog.text
