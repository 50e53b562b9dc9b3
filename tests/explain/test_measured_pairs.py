"""Tables of measured pairs, and what score tables say of them."""

import logging

import numpy as np
import pytest

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.crispri import parse_condition, read_measured_pairs
from enformer_vep.explain.scored_pairs import NOT_IN_SCORES, OK, find_scores
from enformer_vep.settings.explain_evaluation import (
    Combine,
    Distance,
    ScoreColumn,
    Use,
    read_distance_bins,
    read_score_column,
)
from tests.builders import write_text

HEADER = "chrom\tstart\tend\tgene\tgene_id\ttss\tregulated\tdistance\th3k27ac_rpm\tdhs_rpm\tcell\n"
ROWS = (
    "chr1\t100\t201\tONE\tENSG1.3\t1000\t1\t70\t4\t9\tK\n"
    "1\t5000\t5100\tTWO\t\t1000\tfalse\t4050\tNA\t9\tK\n"
    "chr1\t300\t400\tONE\tENSG1\t1000\t\t7\t1\t1\tK\n"
    "chr2\t300\t400\tONE\tENSG1\t1000\t0\t7\t1\t1\tW\n"
)
SCORES = "#CHROM\tSTART\tEND\tNAME\tSTATUS\tGENE_ID\tGENE_NAME\tTSS\tDISTANCE\tA\tB\n"


@pytest.fixture
def table(tmp_path):
    return write_text(tmp_path / "measured.tsv", HEADER + ROWS)


def scored(tmp_path, *rows, name="scores.tsv"):
    return write_text(tmp_path / name, SCORES + "".join("\t".join(map(str, row)) + "\n" for row in rows))


def test_labels_distances_and_names(table, caplog):
    caplog.set_level(logging.INFO, "enformer_vep")
    found = read_measured_pairs([table], where=[("cell", "K")])
    assert found.positive.tolist() == [True, False]
    assert found.distance.tolist() == [849.5, 4050]
    assert found.genes == (("ENSG1", "ONE"), ("TWO",))
    assert found.elements == [("1", 100, 201), ("1", 5000, 5100)]
    np.testing.assert_array_equal(found.h3k27ac, [4, np.nan])
    assert "left out: 1 for --where, 1 without a label" in caplog.text
    published = read_measured_pairs([table], distance=Distance.PUBLISHED)
    assert published.distance.tolist() == [70, 4050, 7]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("regulated", "label", r"no column regulated \(1, 0\); add it, or name it with --column label=NAME"),
        ("\ttss\t", "\tfive_prime\t", "no column tss"),
        ("false", "2", "row 2: label 2 is not 1 or 0"),
        ("false", "maybe", "row 2: label maybe is not a number"),
        ("TWO\t\t", "\t\t", "row 2: no gene; fill it in"),
        ("chr2\t300", "chr2\tx", "row 4: start x is not a position"),
        ("chr2\t300\t400\tONE\tENSG1\t1000", "chr2\t300\t400\tONE\tENSG1\tNA", "row 4: no tss"),
    ],
)
def test_bad_tables_are_named_in_one_line(tmp_path, old, new, message):
    path = write_text(tmp_path / "measured.tsv", (HEADER + ROWS).replace(old, new))
    with pytest.raises(InputError, match=message):
        read_measured_pairs([path])


def test_no_pair_is_left(table):
    with pytest.raises(InputError, match=r"no measured pair is left \(4 for --where\)"):
        read_measured_pairs([table], where=[("cell", "Z")])
    with pytest.raises(InputError, match="no column colour; correct --where"):
        read_measured_pairs([table], where=[("colour", "Z")])
    with pytest.raises(UsageError, match="COLUMN=VALUE"):
        parse_condition("cell")


def test_columns_can_be_named(tmp_path):
    path = write_text(tmp_path / "measured.tsv", (HEADER + ROWS).replace("regulated", "Significant"))
    assert read_measured_pairs([path], columns=[("label", "Significant")]).positive.tolist() == [True, False, False]


def test_scores_of_overlapping_elements_are_combined(tmp_path, table):
    measured = read_measured_pairs([table])
    path = scored(
        tmp_path,
        ("1", 0, 101, "x", "ok", "ENSG1.9", "OTHER", 1000, 5, 1, -8),
        ("1", 200, 300, "y", "ok", "ENSG1.9", "OTHER", 1000, 5, 2, 2),
        ("1", 201, 300, "z", "ok", "ENSG1.9", "OTHER", 1000, 5, 4, 4),
        ("chr1", 5099, 6000, "x", "out_of_reach", "ENSG2", "TWO", 1000, 5, "NA", "NA"),
        ("chr1", "NA", "NA", "NA", "no_element_in_window", "ENSG2", "TWO", 1000, "NA", "NA", "NA"),
        ("chr9", 5, 9, "x", "ok", "ENSG9", "NINE", 1000, 5, 7, 7),
    )
    found = find_scores([path], measured)
    np.testing.assert_array_equal(found.scores["A"], [3, np.nan, np.nan])
    np.testing.assert_array_equal(found.scores["B"], [-6, np.nan, np.nan])
    assert found.outcomes.tolist() == [OK, "not_scored:out_of_reach", NOT_IN_SCORES]
    for combine, value in ((Combine.MAX, 8), (Combine.MEAN, 5), (Combine.SUM, 10)):
        chosen = find_scores([path], measured, [ScoreColumn("B", Use.ABSOLUTE)], combine)
        assert list(chosen.scores) == ["B"]
        assert chosen.scores["B"][0] == value
    assert find_scores([path], measured, [ScoreColumn("B", Use.NEGATED)]).scores["B"][0] == 6


def test_of_two_starts_of_a_gene_the_nearer_counts(tmp_path, table):
    measured = read_measured_pairs([table])
    rows = [("1", 0, 300, "x", "ok", "ENSG1", "ONE", tss, 5, tss, 0) for tss in (1400, 900, 2000)]
    assert find_scores([scored(tmp_path, *rows)], measured).scores["A"][0] == 900


def test_tables_that_do_not_fit(tmp_path, table):
    measured = read_measured_pairs([table])
    row = ("1", 0, 300, "x", "ok", "ENSG1", "ONE", 1000, 5, 1, 2)
    with pytest.raises(InputError, match="row 2: this element and gene were there before"):
        find_scores([scored(tmp_path, row, row)], measured)
    with pytest.raises(InputError, match=r"none of the 3 measured pairs; check contigs"):
        find_scores([scored(tmp_path, ("9", *row[1:]))], measured)
    with pytest.raises(InputError, match=r"none of the 3 measured pairs; check contigs"):
        find_scores([scored(tmp_path, (*row[:5], "ENSG8", "EIGHT", *row[7:]))], measured)
    one, two = scored(tmp_path, row), scored(tmp_path, row, name="two.tsv")
    with pytest.raises(InputError, match=r"two\.tsv has a score A, and so has"):
        find_scores([one, two], measured)
    with pytest.raises(InputError, match="no score table has a column C"):
        find_scores([one], measured, [ScoreColumn("A"), ScoreColumn("C")])
    words = scored(tmp_path, (*row[:9], "high", "low"))
    with pytest.raises(InputError, match="no column of numbers"):
        find_scores([words], measured)
    with pytest.raises(InputError, match="no column end"):
        find_scores([write_text(tmp_path / "bad.tsv", "chrom\tstart\tgene\tA\n1\t5\tONE\t1\n")], measured)


def test_words_of_options():
    assert [str(one) for one in read_distance_bins("0-3, 3-12.5")] == ["0-3kb", "3-12.5kb"]
    assert read_distance_bins("") == ()
    assert read_score_column("A:b:negated") == ScoreColumn("A:b", Use.NEGATED)
    for text in ("3-3", "a-b"):
        with pytest.raises(UsageError, match="ranges of kb"):
            read_distance_bins(text)
    for text in ("A:upside-down", ":negated", ""):
        with pytest.raises(UsageError, match="NAME:negated"):
            read_score_column(text)
