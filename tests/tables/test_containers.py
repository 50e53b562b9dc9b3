"""Parquet and HDF5: read by pandas, pyarrow and h5py."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from enformer_vep.errors import DependencyError, OutputError, UsageError
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables import hdf5, parquet
from enformer_vep.tables.formats import Format, choose_format, parse_format, require_joinable
from enformer_vep.tables.row import GENE_ID, TSS_DISTANCE, Layout, ScoredVariant, ValueBlock
from enformer_vep.tables.writers import WRITERS, FormatWriter, choose_writer
from tests.tables.rows import LAYOUT, ROWS, SAD, open_writer

VALUES = np.array([np.full(4, np.nan) if row.values is None else row.values for row in ROWS], np.float32)


def write(path: Path, layout: Layout = LAYOUT, rows: list[ScoredVariant] = ROWS) -> Path:
    with open_writer(str(path), layout) as writer:
        for row in rows:
            writer.write(row)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    return path


def test_parquet_for_pandas(tmp_path):
    frame = pd.read_parquet(write(tmp_path / "scores.parquet"))
    assert list(frame) == ["CHROM", "POS", "ID", "REF", "ALT", "STATUS", "WINDOW_START", *LAYOUT.values]
    assert frame["ALT"].tolist() == ["G", "T", "<DEL>", "CAA", ".", "c", "A"]
    assert frame["POS"].dtype == np.int64
    assert frame["STATUS"].tolist() == [row.status.value for row in ROWS]
    assert (frame.dtypes[list(LAYOUT.values)] == np.float32).all()
    np.testing.assert_array_equal(frame[list(LAYOUT.values)], VALUES)


def test_null_is_not_scored_and_nan_is_computed(tmp_path):
    column = pq.read_table(write(tmp_path / "scores.parquet"))["SAD_CNhs1"]
    assert [value is None for value in column.to_pylist()] == [row.values is None for row in ROWS]
    assert np.isnan(column[5].as_py())


def test_parquet_says_what_is_in_it(tmp_path):
    file = pq.ParquetFile(write(tmp_path / "scores.parquet"))
    schema = file.schema_arrow
    notes = json.loads(schema.metadata[b"enformer_vep"])
    assert notes["notes"] == {"model": "toy", "scores": "SAD,JS"}
    assert notes["scores"] == {"SAD": "sum of differences", "JS": "divergence"}
    assert schema.field("SAD_x-y").metadata == {b"description": b"DNASE:K562"}
    group = file.metadata.row_group(0)
    for number, name in enumerate(schema.names):
        stored = group.column(number)
        assert stored.compression == "ZSTD"
        expected = "RLE_DICTIONARY" if name in ("CHROM", "ID", "REF", "ALT", "STATUS") else "RLE"
        assert expected in stored.encodings


def test_row_groups_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_BYTES", 4 * 4 * 3)
    monkeypatch.setattr(parquet, "FOOTER_BYTES", 0)
    monkeypatch.setattr(parquet, "_TURNED", 2)
    file = pq.ParquetFile(write(tmp_path / "scores.parquet"))
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [3, 3, 1]
    np.testing.assert_array_equal(file.read(list(LAYOUT.values)).to_pandas(), VALUES)


def test_row_groups_grow_with_the_square_root_of_the_table():
    assert parquet.group_rows(5313) == parquet.group_rows(5313, 100_000) == (128 << 20) // (4 * 5313)
    # Four times as many rows, twice as many in a group.
    assert parquet.group_rows(5313, 4_000_000) == pytest.approx(2 * parquet.group_rows(5313, 1_000_000), rel=1e-3)
    assert parquet.group_rows(1, 10**9) == parquet.LARGEST_GROUP
    assert parquet.group_rows(0) == parquet.LARGEST_GROUP


def test_parquet_holds_gene_rows(tmp_path):
    variant = Variant("1", 5, ".", "A", "C")
    layout = Layout((SAD,), (GENE_ID, TSS_DISTANCE))
    rows = [
        ScoredVariant(variant, Status.OK, np.float32([1, 2]), ("ENSG1", -7)),
        ScoredVariant(variant, Status.OK, np.float32([3, 4]), ("ENSG2", None)),
        ScoredVariant(variant, Status.NO_GENE, None),
    ]
    table = pq.read_table(write(tmp_path / "scores.parquet", layout, rows))
    assert table["GENE_ID"].to_pylist() == ["ENSG1", "ENSG2", None]
    assert table["TSS_DISTANCE"].to_pylist() == [-7, None, None]


def test_hdf5_reads_like_the_published_files(tmp_path):
    with h5py.File(write(tmp_path / "scores.h5")) as file:
        # As scripts for 1000G.MAF_threshold=0.005.22.h5 do.
        assert file["chr"][:].astype(str).tolist() == [row.variant.contig for row in ROWS]
        assert file["pos"][:].astype(int).tolist() == [row.variant.position for row in ROWS]
        assert file["ref"][:].astype(str).tolist() == [row.variant.reference for row in ROWS]
        assert file["alt"][:].astype(str).tolist() == [row.variant.alternate for row in ROWS]
        assert file["snp"][:].astype(str).tolist() == [row.variant.id for row in ROWS]
        np.testing.assert_array_equal(file["SAD"][:, [0, 1]], VALUES[:, :2])
        np.testing.assert_array_equal(file["JS"][:], VALUES[:, 2:])
        # As basenji's do.
        assert file["ref_allele"] == file["ref"]
        assert [text.decode("utf-8") for text in file["alt_allele"]][:2] == ["G", "T"]
        assert file["target_ids"][:].astype(str).tolist() == ["CNhs1", "x-y"]
        assert file["target_labels"][:].astype(str).tolist() == ['CAGE:"liver"', "DNASE:K562"]
        assert (file["pos"].dtype, file["SAD"].dtype) == (np.uint32, np.float32)
        assert file["status"][:].astype(str).tolist() == [row.status.value for row in ROWS]
        assert file["window_start"][:3].tolist() == [-5, 1, -1]
        assert dict(file.attrs) == {"model": "toy", "scores": "SAD,JS"}


def test_hdf5_of_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_BLOCK_BYTES", 3 * 4 * 4)
    with h5py.File(write(tmp_path / "scores.h5")) as file:
        np.testing.assert_array_equal(np.hstack([file["SAD"], file["JS"]]), VALUES)
        assert file["snp"][:].astype(str).tolist() == [row.variant.id for row in ROWS]


def test_a_score_with_other_targets_names_them(tmp_path):
    layout = Layout((SAD, ValueBlock("PC", ("1",))))
    row = ScoredVariant(ROWS[0].variant, Status.OK, np.float32([1, 2, 3]))
    with h5py.File(write(tmp_path / "scores.h5", layout, [row])) as file:
        assert file["PC_ids"][:].tolist() == [b"1"]
        assert file["PC"].shape == (1, 1)
        assert "SAD_ids" not in file


@pytest.mark.parametrize("name", ["scores.parquet", "scores.h5", "scores.bcf"])
def test_no_rows_and_the_same_bytes_again(tmp_path, name):
    for folder, rows in (("a", []), ("b", ROWS)):
        first, second = tmp_path / folder / "1" / name, tmp_path / folder / "2" / name
        for path in (first, second):
            path.parent.mkdir(parents=True)
            write(path, rows=rows)
        assert first.read_bytes() == second.read_bytes()
    if name.endswith("parquet"):
        assert len(pd.read_parquet(tmp_path / "a" / "1" / name)) == 0


@pytest.mark.parametrize("name", ["scores.parquet", "scores.h5", "scores.bcf"])
def test_a_failed_conversion_leaves_nothing(tmp_path, name, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    from enformer_vep.tables import converted as containers

    monkeypatch.setattr(containers, "_sync", fail)
    with pytest.raises(OutputError, match=f"{name}: cannot write: No space left on device; free some"):
        write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "package"), [("scores.parquet", "pyarrow"), ("scores.h5", "h5py")])
def test_a_missing_package_is_named_before_anything_is_done(tmp_path, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DependencyError, match=rf"needs {package}; pip install 'enformer-vep\[formats\]'"):
        choose_writer(str(tmp_path / name), LAYOUT)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("-", "tsv"),
        ("scores", "tsv"),
        ("scores.txt.gz", "tsv.gz"),
        ("a.vcf.d/x.bgz", "tsv.gz"),
        ("x.chr1.VCF", "vcf"),
        ("x.vcf.gz", "vcf.gz"),
        ("x.bed.bgz", "bed.gz"),
        ("x.pq", "parquet"),
        ("x.hdf5", "h5"),
        ("x.bcf", "bcf"),
    ],
)
def test_names_say_the_format(name, chosen):
    assert str(choose_format(name)) == chosen
    assert str(choose_format(name, "vcf.gz")) == "vcf.gz"


@pytest.mark.parametrize("text", ["vcf", "VCF.gz", "parquet", "hdf5"])
def test_formats_by_name(text):
    assert str(parse_format(text)) == {"hdf5": "h5"}.get(text, text.lower())


@pytest.mark.parametrize("text", ["", "gz", "csv", "parquet.gz", "vcf.bz2", "tsv.gz.gz"])
def test_no_such_format(text):
    with pytest.raises(UsageError, match="unknown format"):
        parse_format(text)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(UsageError, match="compressed within"):
        choose_format("x.parquet.gz")
    with pytest.raises(UsageError, match=r"\.parquet cannot be streamed"):
        choose_writer("-", LAYOUT, wanted="parquet")
    with pytest.raises(UsageError, match="--tabix cannot index"):
        choose_writer("x.parquet", LAYOUT, tabix=True)
    with pytest.raises(UsageError, match=r"shards of a \.h5 file cannot be joined"):
        require_joinable("x.h5")
    require_joinable("x.vcf.gz")


def test_a_format_is_one_entry(tmp_path, monkeypatch):
    """Every format has its writer, and whatever stands in the table is what writes the file."""
    assert set(WRITERS) == set(Format)

    def convert(rows, path):
        path.write_text(f"{list(rows.contigs)} {len(list(rows))} rows")

    monkeypatch.setitem(WRITERS, Format.BCF, FormatWriter(convert=convert))
    with open_writer(str(tmp_path / "x.bcf"), LAYOUT, contigs={"chr1": None}) as writer:
        for row in ROWS:
            writer.write(row)
    assert (tmp_path / "x.bcf").read_text() == f"['chr1'] {len(ROWS)} rows"
    assert [path.name for path in tmp_path.iterdir()] == ["x.bcf"]
