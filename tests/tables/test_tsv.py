"""The table: its header, its values to the last bit, its index."""

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from enformer_vep.errors import OutputError, UsageError
from enformer_vep.files.bgzf import EOF_MARKER
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import GENE_ID, TSS_DISTANCE, Layout, ScoredVariant, ValueBlock
from enformer_vep.tables.tsv import TsvWriter
from tests.tables.rows import open_writer

HEADER = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS"


def scored(contig: str = "chr22", position: int = 100, *values: float) -> ScoredVariant:
    variant = Variant(contig, position, "rs1", "A", "g")
    return ScoredVariant(variant, Status.OK, np.array(values or [1.5], dtype=np.float32))


def not_scored(status: Status = Status.SYMBOLIC_ALLELE) -> ScoredVariant:
    return ScoredVariant(Variant("1", 7, ".", "N", "<DEL>"), status, None)


def layout(columns: int = 1) -> Layout:
    return Layout((ValueBlock("SAD", tuple(map(str, range(columns)))),))


def write(destination: Path | str, rows: list[ScoredVariant], columns: int = 1, **options: bool) -> None:
    with open_writer(str(destination), layout(columns), **options) as writer:
        for row in rows:
            writer.write(row)


def test_rows_read_as_documented(tmp_path):
    path = tmp_path / "scores.tsv"
    write(path, [scored("chr22", 100, 0.1, -2.0), not_scored()], columns=2)
    assert path.read_text() == (
        f"{HEADER}\tSAD_0\tSAD_1\n"
        "chr22\t100\trs1\tA\tg\tok\t0.100000001\t-2\n"
        "1\t7\t.\tN\t<DEL>\tsymbolic_allele\tNA\tNA\n"
    )


def test_context_stands_between_status_and_values(tmp_path):
    variant = Variant("1", 5, ".", "A", "C")
    columns = Layout((ValueBlock("SADR", ("x",)),), (GENE_ID, TSS_DISTANCE))
    with open_writer(str(tmp_path / "scores.tsv"), columns) as writer:
        writer.write(ScoredVariant(variant, Status.OK, np.float32([1]), ("ENSG1", -7)))
        writer.write(ScoredVariant(variant, Status.OK, np.float32([2]), ("ENSG2", None)))
        writer.write(not_scored())
    assert (tmp_path / "scores.tsv").read_text() == (
        f"{HEADER}\tGENE_ID\tTSS_DISTANCE\tSADR_x\n"
        "1\t5\t.\tA\tC\tok\tENSG1\t-7\t1\n"
        "1\t5\t.\tA\tC\tok\tENSG2\tNA\t2\n"
        "1\t7\t.\tN\t<DEL>\tsymbolic_allele\tNA\tNA\tNA\n"
    )


def test_no_rows_give_a_header(tmp_path):
    write(tmp_path / "scores.tsv", [])
    assert (tmp_path / "scores.tsv").read_text() == f"{HEADER}\tSAD_0\n"


def test_no_columns_give_the_variants(tmp_path):
    write(tmp_path / "scores.tsv", [not_scored()], columns=0)
    assert (tmp_path / "scores.tsv").read_text() == f"{HEADER}\n1\t7\t.\tN\t<DEL>\tsymbolic_allele\n"


class Lines:
    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> None:
        self.text += data


@given(st_numpy.arrays(np.float32, 8, elements=st.floats(width=32, allow_nan=False)))
def test_every_float32_reads_back_exactly(values):
    lines = Lines()
    TsvWriter(lines, layout(8)).write(scored("chr22", 1, *values))
    fields = lines.text.decode().splitlines()[0].split("\t")[6:]
    np.testing.assert_array_equal(np.array(fields, dtype=np.float32), values)


def test_a_computed_value_that_is_not_a_number_is_not_na(tmp_path):
    write(tmp_path / "scores.tsv", [scored("chr22", 1, np.nan, np.inf, -np.inf)], columns=3)
    assert (tmp_path / "scores.tsv").read_text().endswith("\tok\tnan\tinf\t-inf\n")


@pytest.mark.parametrize(
    "row",
    [
        ScoredVariant(Variant("1", 1, ".", "A", "G"), Status.OK, None),
        ScoredVariant(Variant("1", 1, ".", "A", "G"), Status.TOO_LONG, np.zeros(1, np.float32)),
        scored("1", 1, 1.0, 2.0),
        ScoredVariant(Variant("1", 1, ".", "A", "G"), Status.OK, np.zeros(0, np.float32)),
    ],
    ids=["ok without values", "values without ok", "too many", "too few"],
)
def test_values_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path, row):
    with pytest.raises(ValueError, match="values do not fit"):
        write(tmp_path / "scores.tsv", [scored(), row])
    assert list(tmp_path.iterdir()) == []


def test_standard_output_streams_by_batch(capfdbinary):
    with open_writer("-", layout()) as writer:
        writer.write(scored())
        writer.end_batch()
        assert capfdbinary.readouterr().out.count(b"\n") == 2


@pytest.mark.parametrize("name", ["scores.tsv.gz", "scores.bgz"])
def test_gz_is_bgzf_with_its_end_marker(tmp_path, name):
    rows = [scored("chr22", position) for position in range(1, 20_000)]
    write(tmp_path / name, rows)
    write(tmp_path / "plain.tsv", rows)
    data = (tmp_path / name).read_bytes()
    assert data.endswith(EOF_MARKER)
    assert gzip.decompress(data) == (tmp_path / "plain.tsv").read_bytes()


@pytest.mark.parametrize("name", ["scores.tsv", "scores.tsv.gz"])
def test_the_same_rows_give_the_same_bytes_whatever_the_batches(tmp_path, name):
    rows = [scored("chr22", position) for position in range(1, 20_000)]
    write(tmp_path / name, rows)
    with open_writer(str(tmp_path / f"other-{name}"), layout()) as writer:
        for row in rows:
            writer.write(row)
            writer.end_batch()
    assert (tmp_path / name).read_bytes() == (tmp_path / f"other-{name}").read_bytes()


def test_tabix_finds_a_region_s_rows(tmp_path):
    path = tmp_path / "scores.tsv.gz"
    rows = [scored(contig, position) for contig in ("chr2", "chr1") for position in (5, 1000, 1000, 70_000)]
    write(path, rows, tabix=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["scores.tsv.gz", "scores.tsv.gz.tbi"]
    with pysam.TabixFile(str(path)) as table:
        assert table.contigs == ["chr2", "chr1"]
        assert [line.split("\t")[1] for line in table.fetch("chr1", 999, 70_000)] == ["1000", "1000", "70000"]
        assert next(iter(table.header)).startswith(HEADER)


def test_tabix_of_no_rows(tmp_path):
    write(tmp_path / "scores.tsv.gz", [], tabix=True)
    with pysam.TabixFile(str(tmp_path / "scores.tsv.gz")) as table:
        assert table.contigs == []


def test_tabix_beyond_the_reach_of_tbi(tmp_path):
    path = tmp_path / "scores.tsv.gz"
    write(path, [scored("chr1", 5), scored("chr1", 600_000_000)], tabix=True)
    with pysam.TabixFile(str(path), index=f"{path}.csi") as table:
        assert len(list(table.fetch("chr1", 599_999_999, 600_000_000))) == 1


@pytest.mark.parametrize(
    "rows",
    [
        [scored("chr1", 9), scored("chr1", 8)],
        [scored("chr1", 9), scored("chr2", 9), scored("chr1", 10)],
    ],
    ids=["position", "contig"],
)
def test_tabix_of_unsorted_rows_says_how_to_sort(tmp_path, rows):
    with pytest.raises(OutputError, match=r"chr1:(8|10) is out of order .*bcftools sort"):
        write(tmp_path / "scores.tsv.gz", rows, tabix=True)
    assert list(tmp_path.iterdir()) == []


def test_unsorted_rows_are_fine_without_an_index(tmp_path):
    write(tmp_path / "scores.tsv.gz", [scored("chr1", 9), scored("chr1", 8)])
    assert len(gzip.decompress((tmp_path / "scores.tsv.gz").read_bytes()).splitlines()) == 3


@pytest.mark.parametrize("name", ["-", "scores.tsv", "/dev/null"])
def test_tabix_needs_a_bgzf_file(name):
    with pytest.raises(UsageError, match=r"--tabix cannot index .* ends in \.gz"):
        write(name, [], tabix=True)


@pytest.mark.parametrize("name", ["scores.csv", "scores.CSV.gz", "scores.zarr"])
def test_a_name_that_promises_another_format_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"cannot write \.(csv|zarr) files; name it \.tsv, \.tsv\.gz, \.vcf"):
        write(tmp_path / name, [])
    assert list(tmp_path.iterdir()) == []
