"""What both readers were, in one: rows and chunks of the same table say the same."""

import gzip

import numpy as np
import pyarrow.parquet as pq
import pytest

from enformer_vep.eqtl.score_tables import open_tables
from enformer_vep.errors import InputError
from enformer_vep.tables.reader import open_scores
from tests.tables.rows import LAYOUT, ROWS, open_writer

NAMES = ["scores.tsv", "scores.tsv.gz", "scores.parquet"]


def written(path):
    with open_writer(str(path), LAYOUT) as writer:
        for row in ROWS:
            writer.write(row)
    return path


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("name", NAMES)
def test_chunks_are_the_rows_as_they_stand_there(tmp_path, name, size):
    written(tmp_path / "scores.tsv")
    lines = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()]
    chosen = [3, 0]
    chunks = list(open_scores(written(tmp_path / name)).chunks(chosen, size))
    assert [len(texts) for texts, _ in chunks] == [len(lines[1:][at : at + size]) for at in range(0, 7, size)]
    assert [text for texts, _ in chunks for text in texts] == [line[:7] for line in lines[1:]]
    cells = [[line[7 + number].replace("NA", "nan") for number in chosen] for line in lines[1:]]
    np.testing.assert_array_equal(np.vstack([values for _, values in chunks]), np.float32(cells))


@pytest.mark.parametrize("name", NAMES)
def test_columns_in_an_order_of_ones_own(tmp_path, name):
    path = written(tmp_path / name)
    (chunk,) = open_tables([path], "JS", ["x-y", "CNhs1"]).chunks()
    (other,) = open_tables([path], "JS").chunks()
    np.testing.assert_array_equal(chunk.values, other.values[:, ::-1])
    np.testing.assert_array_equal(other.values[0], ROWS[0].values[2:])


def test_what_spreadsheets_and_programs_put_before_the_header(tmp_path):
    path = written(tmp_path / "scores.tsv")
    plain = list(open_scores(path).rows())
    content = path.read_bytes()
    for before in (b"\xef\xbb\xbf", b"##made by hand\n##twice\n"):
        path.write_bytes(before + content.replace(b"\n", b"\r\n"))
        assert [row.variant for row in open_scores(path).rows()] == [row.variant for row in plain]
    path.write_bytes(b"##one\n" + content + b"chr1\t1\n")
    with pytest.raises(InputError, match="line 10: cannot be understood; give a table written by"):
        list(open_scores(path).rows())


def cut_gzip(path):
    path.write_bytes(gzip.compress(path.read_bytes() * 99)[:400])


def short_row(path):
    path.write_text(path.read_text() + "chr2\t9\t.\tA\tC\tok\t1\t2\n")


def long_row(path):
    path.write_text(path.read_text() + "chr2\t9\t.\tA\tC\tok\t1\t2\t3\t4\t5\t6\n")


def no_number(path):
    path.write_text(path.read_text().replace("-2.5", "2,5"))


def cut_parquet(path):
    path.write_bytes(path.read_bytes()[:-300])


def text_in_parquet(path):
    table = pq.read_table(path)
    pq.write_table(table.set_column(7, "SAD_CNhs1", table.column("ALT")), path)


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("s.tsv", cut_gzip, "is damaged or truncated and cannot be read"),
        ("s.tsv", short_row, "line 9: cannot be understood"),
        ("s.tsv", long_row, "line 9: cannot be understood"),
        ("s.tsv", no_number, "line 2: cannot be understood"),
        ("s.parquet", cut_parquet, "cannot be read as Parquet"),
        ("s.parquet", text_in_parquet, "cannot be read as Parquet"),
    ],
)
def test_damage_is_one_line_whoever_reads(tmp_path, name, damage, said):
    path = written(tmp_path / name)
    damage(path)
    for read in (lambda: open_scores(path).rows(), lambda: open_tables([path], "SAD").chunks()):
        with pytest.raises(InputError) as error:
            list(read())
        assert said in str(error.value)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
