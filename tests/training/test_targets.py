"""Arithmetic of the targets table, by hand."""

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.tracks.table import TrackTable
from enformer_vep.training.saved_model import targets_text
from enformer_vep.training.targets import (
    CLIP_FIRST,
    SCALE_FIRST,
    SQUASH_ORDERS,
    Squash,
    read_targets,
    summarise,
)

NAN = np.nan


def squash(order, columns, row, values):
    targets = TrackTable.from_text(f"identifier\t{columns}\nA\t{row}\n", "t")
    return Squash(targets, order)(np.array(values, dtype=np.float32)[:, None])[:, 0]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # 20 and 32 and 32, times 2.
        (CLIP_FIRST, [40, 64, 64, -64, NAN]),
        # 40, 80 and 200, at most 32.
        (SCALE_FIRST, [32, 32, 32, -32, NAN]),
    ],
)
def test_order_of_clip_and_scale(order, expected):
    values = squash(order, "clip\tscale\tsum_stat", "32\t2\tmean", [20, 40, 100, -40, NAN])
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # 20; 32 + sqrt(8) = 34.8284; 32 + sqrt(68) = 40.2462; 32 + sqrt(0.25) = 32.5; all times 2.
        (CLIP_FIRST, [40, 69.656854, 80.492423, 65]),
        # 40, 80, 200, 64.5: 31 + sqrt(9) = 34; 31 + sqrt(49) = 38; 31 + sqrt(169) = 44; 31 + sqrt(33.5) = 36.7879.
        (SCALE_FIRST, [34, 38, 44, 36.787918]),
    ],
)
def test_order_of_soft_clip_and_scale(order, expected):
    values = squash(order, "clip_soft\tscale", "32\t2", [20, 40, 100, 32.25])
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("order", "expected"),
    [(CLIP_FIRST, [40, 69.656854, 80, 80]), (SCALE_FIRST, [34, 38, 40, 40])],
)
def test_hard_clip_comes_after_the_soft_one(order, expected):
    values = squash(order, "clip\tclip_soft\tscale", "40\t32\t2", [20, 40, 100, 1e4])
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("order", "columns", "row", "values", "expected"),
    [
        ("both", "clip", "4", [1, 4, 9, -9], [1, 4, 4, -4]),
        ("both", "scale", "0.5", [1, 4, NAN], [0.5, 2, NAN]),
        ("both", "sum_stat\tclip_soft\tclip", "mean\t\t", [1e6], [1e6]),
        # c + sqrt(x - c) above c = 4: 4 stays, 8 -> 4 + sqrt(4), 13 -> 4 + sqrt(9).
        (CLIP_FIRST, "clip_soft", "4", [3, 4, 8, 13, NAN], [3, 4, 6, 7, NAN]),
        # c - 1 + sqrt(x - c + 1) above c = 4: 4 stays, 7 -> 3 + sqrt(4), 12 -> 3 + sqrt(9).
        (SCALE_FIRST, "clip_soft", "4", [3, 4, 7, 12, NAN], [3, 4, 5, 6, NAN]),
        # sqrt(1 + x) - 1
        (SCALE_FIRST, "sum_stat", "sum_sqrt", [0, 3, 8], [0, 1, 2]),
    ],
)
def test_squash(order, columns, row, values, expected):
    for one in SQUASH_ORDERS if order == "both" else (order,):
        np.testing.assert_allclose(squash(one, columns, row, values), expected, rtol=1e-6)


def test_square_roots_are_younger_than_the_order_that_clips_first():
    with pytest.raises(InputError, match=r"track A: sum_stat sum_sqrt is younger .* choose 'scale-first'"):
        squash(CLIP_FIRST, "sum_stat", "sum_sqrt", [0])


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("sum", [10, NAN, NAN, 5]),
        ("mean", [2.5, NAN, NAN, 1.25]),
        ("max", [4, NAN, NAN, 5]),
        ("median", [2.5, NAN, NAN, 0]),
    ],
)
def test_summary_of_bins_of_four_bases(summary, expected):
    """A bin of which a base is unknown is unknown: nothing is made up from the others."""
    coverage = np.array([1, 2, 3, 4, 1, 5, NAN, 0, NAN, NAN, NAN, NAN, 0, 5, 0, 0])
    np.testing.assert_allclose(summarise(coverage, 4, summary), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nA\n", "line 1 has no column identifier"),
        ("identifier\n", "no rows"),
        ("identifier\tclip\nA\tx\n", "line 2: clip 'x' is not a number"),
        ("identifier\tsum_stat\nA\tmode\n", "line 2: sum_stat 'mode' is not known"),
        ("identifier\nA\nA\n", "line 3: identifier A is the same as in .*line 2"),
        ("identifier\tstrand_pair\nA\t7\n", "line 2: strand_pair '7' is not an index"),
    ],
)
def test_malformed_tables_are_named(text, message, tmp_path):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(InputError, match=rf"t\.txt.*{message}.*; \w+"):
        read_targets(tmp_path / "t.txt")


def test_some_rows_of_a_larger_table(tmp_path):
    """`index` is the larger table's, and `strand_pair` names the partner by it."""
    (tmp_path / "t.txt").write_text("index\tidentifier\tstrand_pair\n40\tA\t52\n47\tB\t47\n52\tC\t40\n")
    targets = read_targets(tmp_path / "t.txt")
    assert [track.index for track in targets] == [0, 1, 2]
    assert [track.strand_partner for track in targets] == [2, 1, 0]
    with pytest.raises(InputError, match="does not follow the line before"):
        TrackTable.read(tmp_path / "t.txt")


def test_a_saved_table_keeps_what_was_learnt(tmp_path):
    """Strands too, which a reverse complement of the trained model has to exchange."""
    columns = "identifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription"
    rows = "A\ta.bw\t32\t16\t2\tsum_sqrt\t1\tCAGE:x\nB\tb.bw\t\t\t\tavg\t0\tCAGE:y\nC\tc.bw\t\t\t\t\t\t\n"
    (tmp_path / "t.txt").write_text(f"{columns}\n{rows}")
    text = targets_text(read_targets(tmp_path / "t.txt"))
    assert text.splitlines()[1:] == [
        "0\tA\t32\t16\t2\tsum_sqrt\t1\tCAGE:x",
        "1\tB\t\t\t1\tmean\t0\tCAGE:y",
        "2\tC\t\t\t1\tmean\t\t",
    ]
    assert [track.strand_partner for track in TrackTable.from_text(text)] == [1, 0, None]
