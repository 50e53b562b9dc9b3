"""The features of an eQTL test come through the one reader of score tables: same errors, same pipes."""

import os
import threading

import numpy as np
import pytest

from enformer_vep.eqtl.score_tables import open_tables
from enformer_vep.errors import InputError
from tests.builders import write_text
from tests.eqtl import toy

ROWS = [("1", n, ".", "A", "C", "ok", n, -n) for n in range(1, 9)]


def read(path):
    return np.concatenate([chunk.values for chunk in open_tables([path], "SAD").chunks()])


@pytest.mark.parametrize(
    ("cells", "line"),
    [("1\t5\t.\tA\tC\tok\t1", 10), ("1\t5\t.\tA\tC\tok\t1\t2\t3", 10), ("1\t5\t.\tA\tC\tok\t1\tx", 10)],
)
def test_a_row_that_is_short_long_or_no_number_is_named(tmp_path, cells, line):
    path = toy.scores(tmp_path / "s.tsv", ROWS)
    path.write_text(path.read_text() + cells + "\n")
    with pytest.raises(InputError, match=f"line {line}: cannot be understood; give a table"):
        read(path)


def test_a_cut_table_is_one_line(tmp_path):
    path = toy.scores(tmp_path / "s.tsv.gz", ROWS)
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(InputError, match="truncated"):
        read(path)


def test_scores_from_a_pipe(tmp_path):
    path = toy.scores(tmp_path / "s.tsv.gz", ROWS)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(path.read_bytes()), daemon=True)
    writer.start()
    np.testing.assert_array_equal(read(tmp_path / "pipe"), read(path))
    writer.join(20)


def test_lines_of_comment_are_passed_over_and_counted(tmp_path):
    text = "##made by hand\n" + toy.scores(tmp_path / "s.tsv", ROWS).read_text()
    path = write_text(tmp_path / "t.tsv", text)
    np.testing.assert_array_equal(read(path), [[n, -n] for n in range(1, 9)])
    path.write_text(text.replace("\t8\t-8", "\t8\tx"))
    with pytest.raises(InputError, match="line 10"):
        read(path)
