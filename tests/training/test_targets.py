"""Arithmetic of the targets table, by hand."""

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.training.targets import Squash, parse_targets, summarise

NAN = np.nan


def squash(columns, row, values):
    targets = parse_targets(f"identifier\t{columns}\nA\t{row}\n", "t")
    return Squash(targets)(np.array(values, dtype=np.float32)[:, None])[:, 0]


@pytest.mark.parametrize(
    ("columns", "row", "values", "expected"),
    [
        ("clip", "4", [1, 4, 9, -9], [1, 4, 4, -4]),
        ("scale", "0.5", [1, 4, NAN], [0.5, 2, NAN]),
        # c - 1 + sqrt(x - c + 1) above c = 4: 4 stays, 7 -> 3 + sqrt(4), 12 -> 3 + sqrt(9).
        ("clip_soft", "4", [3, 4, 7, 12, NAN], [3, 4, 5, 6, NAN]),
        ("clip_soft\tclip", "4\t5.5", [7, 12], [5, 5.5]),
        ("scale\tclip_soft", "2\t4", [3.5, 6], [5, 6]),
        # sqrt(1 + x) - 1
        ("sum_stat", "sum_sqrt", [0, 3, 8], [0, 1, 2]),
        ("sum_stat\tclip_soft\tclip", "mean\t\t", [1e6], [1e6]),
    ],
)
def test_squash(columns, row, values, expected):
    np.testing.assert_allclose(squash(columns, row, values), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("sum", [10, 12, NAN]),
        ("mean", [2.5, 3, NAN]),
        ("max", [4, 5, NAN]),
        ("median", [2.5, 3, NAN]),
    ],
)
def test_summary_of_bins_of_four_bases(summary, expected):
    """The second bin knows half of its bases, 1 and 5: its sum counts the others at their mean."""
    coverage = np.array([1, 2, 3, 4, 1, 5, NAN, NAN, NAN, NAN, NAN, NAN])
    np.testing.assert_allclose(summarise(coverage, 4, summary), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nA\n", "no column 'identifier'"),
        ("identifier\n", "no rows"),
        ("identifier\tclip\nA\tx\n", "line 2: clip 'x' is not a number"),
        ("identifier\tsum_stat\nA\tmode\n", "line 2: sum_stat 'mode' is not known"),
        ("identifier\nA\nA\n", "line 3: 'A' came before"),
        ("identifier\tstrand_pair\nA\t7\n", "line 2: strand_pair is not a row"),
    ],
)
def test_malformed_tables_are_named(text, message):
    with pytest.raises(InputError, match=f"targets table t.txt.*{message}"):
        parse_targets(text, "t.txt")
