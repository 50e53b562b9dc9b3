"""Quotes: letters in a tab-separated table, quotes in a comma-separated one; no row is ever swallowed."""

import csv
import gzip
import io

import numpy as np
import pytest

from enformer_vep.eqtl.score_tables import open_tables
from enformer_vep.errors import InputError
from enformer_vep.tables import text_tables
from enformer_vep.tables.text_tables import read_text_columns
from tests.builders import write_text
from tests.eqtl import toy

GENES = ("GENE_ID", "GENE_NAME", "TSS_DISTANCE")


@pytest.mark.parametrize("column", range(8), ids=(*toy.IDENTITY, *GENES)[:8])
@pytest.mark.parametrize("name", ["s.tsv", "s.tsv.gz"])
def test_a_quote_in_a_score_table_is_a_letter(tmp_path, column, name):
    rows = [["chr1", str(n), f"v{n}", "A", "C", "ok", f"G{n}", f"N{n}", "7", f"{n}", f"-{n}"] for n in range(1, 31)]
    for marked in (10, 20):
        rows[marked][column] = '"' + rows[marked][column]
    rows[25][column] = '"' + rows[25][column] + '"'
    path = toy.scores(tmp_path / name, rows, extra=GENES)
    (chunk,) = open_tables([path], "SAD").chunks()
    assert chunk.identity.to_numpy().tolist() == [row[:9] for row in rows]
    np.testing.assert_array_equal(chunk.values, [[n, -n] for n in range(1, 31)])


def test_scores_are_separated_by_tabs(tmp_path):
    path = toy.table(tmp_path / "s.csv", (*toy.IDENTITY, "SAD_A"), [("1", 5, ".", "A", "C", "ok", 1)], ",")
    with pytest.raises(InputError, match="no column #CHROM; give a table written by enformer-vep score"):
        open_tables([path], "SAD")


@pytest.mark.parametrize("odd", ['"v', 'v"', '"v"', '"', '""', 'a"b'])
def test_a_quote_in_a_label_table_is_a_letter(tmp_path, odd):
    rows = [("1", str(n), f"v{n}", "0.5") for n in range(30)]
    rows[10], rows[20] = ("1", "10", odd, "0.5"), ("1", "20", odd, "0.5")
    table = read_text_columns(toy.table(tmp_path / "l.tsv", ("chrom", "pos", "id", "pip"), rows))
    assert table.to_numpy().tolist() == [list(row) for row in rows]


def test_a_table_of_r_is_understood(tmp_path):
    """write.table(sep="\\t") puts every name and every text value in quotes, no number."""
    text = '"chrom"\t"pos"\t"id"\n"chr1"\t5\t"rs1"\n"chr1"\t6\t"\n'
    table = read_text_columns(write_text(tmp_path / "l.tsv", text))
    assert list(table.columns) == ["chrom", "pos", "id"]
    assert table.to_numpy().tolist() == [["chr1", "5", "rs1"], ["chr1", "6", '"']]


def test_comma_separated_as_the_csv_module_writes_it(tmp_path):
    rows = [
        ["chrom", "pos", "gene, name"],
        ["1", "5", 'a "b", c'],
        ["1", "6", '"'],
        ["1", "7", "d"],
        ["1", "8", ""],
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    path = tmp_path / "l.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8-sig")))
    table = read_text_columns(path)
    assert [list(table.columns), *table.to_numpy().tolist()] == rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('1,"v_a,0\n1,x,0\n1,"v_b,0\n', 'row 1: a " is not closed'),
        ('1,x,0\n1,"v_a,0\n1,v_b",0\n', 'row 2: a " is not closed'),
        ('1,x,0\n1,"v"a,0\n', 'row 2: a " is not closed, or text follows it'),
        ("1,x,0\n1,a,b,0\n", "row 2: 4 fields under 3 names"),
        ("", "a header but no rows"),
    ],
)
def test_stray_quotes_and_commas_are_named(tmp_path, rows, message):
    path = write_text(tmp_path / "l.csv", "chrom,id,pip\n" + rows)
    with pytest.raises(InputError, match=message) as error:
        read_text_columns(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_short_rows_are_filled_and_blank_ones_passed_over(tmp_path):
    for name, mark in (("l.csv", ","), ("l.tsv", "\t")):
        path = write_text(tmp_path / name, mark.join("abc") + "\n1\n\n" + mark.join("123") + "\n")
        assert read_text_columns(path).to_numpy().tolist() == [["1", "", ""], ["1", "2", "3"]]


@pytest.mark.parametrize("mark", ["\t", ","])
def test_rows_that_are_not_kept_leave_the_numbers_of_others(tmp_path, monkeypatch, mark):
    """Over several chunks: rows are numbered as in the file, and errors name that number."""
    monkeypatch.setattr(text_tables, "_CHUNK", 3)
    rows = [f"{'ab'[row % 2]}{mark}{row if row != 7 else 'x'}\n" for row in range(10)]
    path = write_text(tmp_path / "t.txt", f"name{mark}value\n" + "".join(rows))
    table = read_text_columns(path, keep=lambda table: table["name"] == "b")
    assert table.index.tolist() == [1, 3, 5, 7, 9]
    for read in (text_tables.read_numbers, text_tables.read_positions):
        with pytest.raises(InputError, match="row 8: value x is not a"):
            read(table["value"], path, "value")
        assert read(table["value"].drop(7), path, "value").tolist() == [1, 3, 5, 9]
    assert read_text_columns(path, keep=lambda table: table["name"] == "c").empty


def test_missing_numbers(tmp_path):
    column = read_text_columns(write_text(tmp_path / "t.tsv", "a\tb\n1.5\t0\nNA\t0\n\t0\n -2e3\t0\n"))["a"]
    np.testing.assert_array_equal(text_tables.read_numbers(column, tmp_path, "a"), [1.5, np.nan, np.nan, -2000])


def test_bed_is_told_from_a_table_by_its_numbers(tmp_path):
    names = ("chrom", "start", "end")
    bed = read_text_columns(write_text(tmp_path / "a.bed", "# x\nchr1\t5\t9\tn\t.\nchr1\t6\t9\t\t.\n"), names)
    assert bed.columns.tolist() == [*names, "column_4", "column_5"]
    assert bed["column_4"].tolist() == ["n", ""]
    table = read_text_columns(write_text(tmp_path / "b.tsv", "#chrom\tend\tstart\nchr1\t5\t9\n"), names)
    assert table.columns.tolist() == ["#chrom", "end", "start"]
    assert len(read_text_columns(tmp_path / "a.bed", ("chrom",))) == 2


def test_numbers_are_written_with_six_digits():
    assert text_tables.table_text(("A", "B"), [(1, 0.123456789), ("x", float("nan"))]) == "A\tB\n1\t0.123457\nx\tNA\n"
