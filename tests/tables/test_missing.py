"""Values that were left out of a row stay so in every format, and are told from those that are no numbers."""

import gzip
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pysam
import pytest

from enformer_vep.tables.reader import open_scores
from enformer_vep.tables.row import MISSING, ScoredVariant, is_missing
from tests.tables.rows import CONTIGS, LAYOUT, ROWS, ok, open_writer

HALF = ok(ROWS[0].variant, 0.5, MISSING, np.nan, -1.0, window=7)
GONE = ok(ROWS[1].variant, MISSING, MISSING, MISSING, MISSING)
KEPT = ROWS[5]
WRITTEN = [HALF, GONE, ROWS[2], KEPT]


@pytest.fixture
def write(tmp_path: Path):
    def run(suffix: str, rows: list[ScoredVariant] = WRITTEN) -> Path:
        path = tmp_path / f"scores.{suffix}"
        with open_writer(str(path), LAYOUT, contigs=CONTIGS) as writer:
            for row in rows:
                writer.write(row)
        return path

    return run


def test_a_nan_like_any_other_but_for_its_bits():
    values = np.array([MISSING, np.nan, 1, -MISSING], np.float32)
    assert is_missing(values).tolist() == [True, False, False, False]
    assert np.isnan(values).tolist() == [True, True, False, True]


def test_a_table_says_na(write):
    rows = [line.split("\t")[6:] for line in write("tsv").read_text().splitlines()[1:]]
    assert rows == [
        ["7", "0.5", "NA", "nan", "-1"],
        ["1", "NA", "NA", "NA", "NA"],
        ["NA", "NA", "NA", "NA", "NA"],
        ["1", "nan", "inf", "-inf", "0.5"],
    ]


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz", "parquet"])
def test_what_is_read_back_is_written_again(write, suffix, tmp_path):
    path = write(suffix)
    read = list(open_scores(path).rows())
    for one, two in zip(WRITTEN, read, strict=True):
        assert one.status is two.status
        if one.values is not None:
            np.testing.assert_array_equal(one.values, two.values)
            np.testing.assert_array_equal(is_missing(one.values), is_missing(two.values))
    first = path.read_bytes()
    assert write(suffix, read).read_bytes() == first


def test_parquet_has_nulls(write):
    table = pd.read_parquet(write("parquet"), dtype_backend="pyarrow")
    assert table["SAD_x-y"].isna().tolist() == [True, True, True, False]
    assert table["JS_CNhs1"].isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize("suffix", ["vcf", "vcf.gz", "bcf"])
def test_variant_files_have_dots(write, suffix):
    with pysam.VariantFile(str(write(suffix))) as file:
        first, second, third = file
        assert (first.info["SAD_CNhs1"], first.info["SAD_x_y"]) == ((0.5,), (None,))
        assert np.isnan(first.info["JS_CNhs1"][0])
        # Of the two alleles of this record one was scored, and all its values left out.
        assert second.info["STATUS"] == ("ok", "symbolic_allele")
        assert second.info["SAD_CNhs1"] == (None, None)
        assert third.info["JS_x_y"] == (0.5,)


def test_a_vcf_in_letters(write):
    last = gzip.decompress(write("vcf.gz").read_bytes()).decode().splitlines()[-3]
    assert last.endswith("STATUS=ok;WINDOW_START=7;SAD_CNhs1=0.5;SAD_x_y=.;JS_CNhs1=nan;JS_x_y=-1")


def test_a_browser_shows_what_is_left(write):
    lines = write("bed").read_text().splitlines()
    assert len(lines) == len(WRITTEN)
    assert lines[0].split("\t")[3].endswith("SAD_CNhs1=0.5")
    assert lines[1].split("\t")[4] == "0"


def test_hdf5_has_nan(write):
    with h5py.File(write("h5")) as file:
        np.testing.assert_array_equal(file["SAD"][0], [0.5, np.nan])
        assert np.isnan(file["SAD"][1]).all()
