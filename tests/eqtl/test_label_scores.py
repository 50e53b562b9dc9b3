"""Labels meet scores."""

import logging

import numpy as np
import pytest

from enformer_vep.eqtl.eqtl_settings import FeatureSettings, FoldSettings, LabelSettings, Together
from enformer_vep.eqtl.labelled_examples import make_examples
from enformer_vep.eqtl.labels import read_labels
from enformer_vep.eqtl.score_tables import open_tables
from enformer_vep.errors import DependencyError, InputError, UsageError
from tests.builders import write_text
from tests.eqtl import toy
from tests.export.test_pipes import fifo

PLAIN = FeatureSettings(pseudocount=None)
GENES = ("GENE_ID", "GENE_NAME", "TSS_DISTANCE")


def join(scores, labels, features=PLAIN):
    paths = scores if isinstance(scores, list) else [scores]
    return make_examples(read_labels([labels], LabelSettings()), open_tables(paths, features.score), features)


def outcomes(examples):
    return examples.accounting["outcome"].tolist()


def one_tissue(examples, together=Together.NONE, **folds):
    (tissue,) = examples.by_tissue(FoldSettings(together=together, **folds))
    return tissue


@pytest.fixture
def scores(tmp_path):
    rows = [
        ("chr1", 100, "rs1", "A", "G", "ok", 0.5, -1.25),
        ("chr1", 100, "rs1b", "A", "T", "ok", 8, 9),
        ("chrM", 7, "rs2", "c", "CT", "ok", 2, 4),
        ("chr2", 300, "rs3", "G", "C", "ref_mismatch", "NA", "NA"),
        ("chr2", 400, "rs4", "G", "C", "ok", "nan", 1),
        ("chr2", 500, "NA", "T", "NA", "ok", 1, 3),
    ]
    return toy.scores(tmp_path / "scores.tsv", rows)


def test_every_label_row_has_an_outcome(tmp_path, scores):
    labels = toy.labels(
        tmp_path / "l.tsv", "chrom pos ref alt pip",
        "1 100 A G 1", "MT 7 C CT 0", "2 300 G C 1", "chr2 400 G C 1", "2 500 T NA 0.95", "9 9 A C 1",
        "1 100 A T 0.5", "1 100 A C .",
    )  # fmt: skip
    examples = join(scores, labels)
    assert outcomes(examples) == [
        "positive", "negative", "not_scored:ref_mismatch", "not_finite", "positive", "not_in_scores",
        "between_thresholds", "no_label",
    ]  # fmt: skip
    tissue = one_tissue(examples)
    assert tissue.features.tolist() == [[0.5, -1.25], [2, 4], [1, 3]]
    assert tissue.features.dtype == np.float32
    assert tissue.positive.tolist() == [True, False, True]


def test_swapped_alleles_turn_the_sign(tmp_path, scores, caplog):
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "1 100 G A 1", "1 100 A T 0")
    with caplog.at_level(logging.INFO, "enformer_vep"):
        tissue = one_tissue(join(scores, labels))
    assert tissue.features.tolist() == [[-0.5, 1.25], [8, 9]]
    assert "1 labels have REF and ALT the other way round" in caplog.text


def test_an_exact_match_goes_before_a_swapped_one(tmp_path):
    rows = [
        ("1", 5, ".", "G", "A", "ok", 1, 1),
        ("1", 5, ".", "A", "G", "ok", 2, 2),
        ("1", 5, ".", "G", "A", "ok", 3, 3),
    ]
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "chr1 5 A G 1")
    assert one_tissue(join(toy.scores(tmp_path / "s.tsv", rows), labels)).features.tolist() == [[2, 2]]


def test_by_id(tmp_path):
    rows = [
        ("1", 5, "rs1", "G", "A", "ok", 1, 2),
        ("1", 6, "rs2", "G", "A", "ok", 3, 4),
        ("1", 6, "rs2", "G", "T", "ok", 5, 6),
    ]
    labels = toy.labels(tmp_path / "l.tsv", "rsid pip", "rs1 1", "rs2 1", "rs3 0")
    examples = join(toy.scores(tmp_path / "s.tsv", rows), labels)
    assert outcomes(examples) == ["positive", "ambiguous_id", "not_in_scores"]


def test_the_highest_pip_of_a_variant_counts(tmp_path, scores):
    """Without genes in the scores; the middle one decides that the second variant is neither."""
    labels = toy.labels(
        tmp_path / "l.tsv", "chrom pos ref alt gene_id pip tss_distance tissue",
        "1 100 A G G1 0.001 9 t", "1 100 A G G2 0.97 7 t", "MT 7 C CT G1 0.5 1 t", "MT 7 C CT G2 0 1 t",
        "1 100 A G G1 0.001 9 u",
    )  # fmt: skip
    examples = join(scores, labels)
    assert outcomes(examples) == ["duplicate", "positive", "between_thresholds", "duplicate", "negative"]
    assert [one.distance.tolist() for one in examples.by_tissue()] == [[7], [9]]


@pytest.fixture
def gene_scores(tmp_path):
    rows = [
        ("chr1", 5, ".", "G", "A", "ok", "ENSG01.3", "X", -40, 1, 2),
        ("chr1", 5, ".", "G", "A", "ok", "ENSG02.3", "Y", 900, 3, 4),
        ("chr1", 6, ".", "G", "A", "no_gene_in_reach", "NA", "NA", "NA", "NA", "NA"),
    ]
    return toy.scores(tmp_path / "s.tsv", rows, extra=GENES)


def test_by_gene(tmp_path, gene_scores):
    labels = toy.labels(
        tmp_path / "l.tsv", "chrom pos ref alt gene_id pip",
        "1 5 G A ENSG02.11 1", "1 5 G A ENSG01 0", "1 5 A G ENSG01 0", "1 6 G A ENSG01 1", "1 5 G A ENSG09 1",
    )  # fmt: skip
    examples = join(gene_scores, labels)
    assert outcomes(examples) == [
        "positive", "negative", "duplicate", "not_scored:no_gene_in_reach", "not_in_scores",
    ]  # fmt: skip
    tissue = one_tissue(examples)
    assert tissue.features.tolist() == [[3, 4], [1, 2]]
    assert tissue.distance.tolist() == [900, -40]


def test_no_gene_in_reach_of_alleles_the_other_way_round(tmp_path, gene_scores):
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt gene_id pip", "1 5 G A ENSG01 1", "1 6 A G ENSG01 1")
    assert outcomes(join(gene_scores, labels)) == ["positive", "not_scored:no_gene_in_reach"]


def test_scores_from_a_pipe(tmp_path, scores):
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "1 100 A G 1")
    with fifo(scores, tmp_path / "pipe") as pipe:
        assert one_tissue(join(pipe, labels)).features.tolist() == [[0.5, -1.25]]


def test_by_gene_needs_genes(tmp_path, gene_scores):
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "1 5 G A 1")
    with pytest.raises(InputError, match="no gene, but the scores are by gene"):
        join(gene_scores, labels)


def test_nothing_in_common(tmp_path, scores):
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "7 5 G A 1", "7 6 G A 0")
    with pytest.raises(InputError, match="2 not_in_scores"):
        join(scores, labels)
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "7 5 G A 0.5")
    with pytest.raises(InputError, match="1 between_thresholds"):
        join(scores, labels)


def test_groups(tmp_path, scores):
    labels = toy.labels(
        tmp_path / "l.tsv", "chrom pos ref alt pip locus gene_id",
        "1 100 A G 1 a G1", "MT 7 C CT 0 NA G2", "1 100 A T 1 a G3", "2 500 T NA 0 . G3",
    )  # fmt: skip
    examples = join(scores, labels)
    groups = {which: one_tissue(examples, Together(which)).groups for which in Together}
    assert groups["none"] is None
    assert groups["group"].tolist() == [0, 1, 0, 2]
    assert groups["linked"].tolist() == [0, 1, 0, 0]  # the last shares G3 with the third
    assert groups["gene"].tolist() == [0, 1, 2, 2]
    assert groups["chromosome"].tolist() == [0, 1, 0, 2]
    assert groups["variant"].tolist() == [0, 1, 2, 3]


def test_groups_that_are_not_there(tmp_path, scores):
    examples = join(scores, toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "1 100 A G 1"))
    with pytest.raises(InputError, match="no gene to keep together"):
        one_tissue(examples, Together.GENE)


def test_several_tables_one_after_the_other(tmp_path, scores):
    more = toy.scores(tmp_path / "more.tsv.gz", [("3", 1, ".", "A", "C", "ok", 7, 8)])
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "3 1 A C 1", "1 100 A G 0")
    assert one_tissue(join([scores, more], labels)).features.tolist() == [[7, 8], [0.5, -1.25]]


def test_tables_that_do_not_fit(tmp_path, scores):
    other = toy.scores(tmp_path / "o.tsv", [], ("A", "C"))
    with pytest.raises(InputError, match="lacks 1 feature column: SAD_B"):
        open_tables([scores, other], "SAD")
    with pytest.raises(InputError, match="alone has 1 feature column: SAD_B"):
        open_tables([toy.scores(tmp_path / "one.tsv", [], ("A",)), scores], "SAD")
    with pytest.raises(InputError, match=r"no columns SAR_"):
        open_tables([scores], "SAR")
    with pytest.raises(InputError, match="no column STATUS"):
        open_tables([write_text(tmp_path / "x.tsv", "#CHROM\tPOS\tID\tREF\tALT\n")], "SAD")
    with pytest.raises(UsageError, match="is no effect: choose SAD"):
        FeatureSettings("REF")
    for name in ("SADSD", "SADAGREE"):
        with pytest.raises(UsageError, match="says how far views differ"):
            FeatureSettings(name)


def test_parquet_reads_as_text_does(tmp_path, scores):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = open_tables([scores], "SAD")
    (chunk,) = table.chunks()
    columns = {name: chunk.identity[name].tolist() for name in chunk.identity}
    columns["POS"] = [int(text) for text in columns["POS"]]
    for index, name in enumerate(table.columns):
        values = [None if np.isnan(value) else value for value in chunk.values[:, index].tolist()]
        columns[name] = pyarrow.array(values, pyarrow.float32())
    parquet.write_table(pyarrow.table(columns), tmp_path / "s.parquet")
    (other,) = open_tables([tmp_path / "s.parquet"], "SAD").chunks()
    np.testing.assert_array_equal(other.values, chunk.values)
    assert other.identity.to_numpy().tolist() == chunk.identity.to_numpy().tolist()
    with pytest.raises(InputError, match="is no Parquet file"):
        open_tables([write_text(tmp_path / "not.parquet", "x")], "SAD")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"enformer-vep\[formats\]"):
        open_tables([write_text(tmp_path / "x.parquet", "x")], "SAD")


INDELS = [("chr1", 8000, "ins", "A", "AG", "ok", 1, 2), ("chr1", 8000, "del", "AG", "A", "ok", 3, 4)]


@pytest.mark.parametrize("order", [1, -1])
def test_an_insertion_and_a_deletion_at_one_position_have_their_own_scores(tmp_path, order):
    labels = toy.labels(tmp_path / "l.tsv", "variant_id pip", "chr1_8000_AG_A_b38 0.95", "chr1_8000_A_AG_b38 0")
    examples = join(toy.scores(tmp_path / "s.tsv", INDELS[::order]), labels)
    assert outcomes(examples) == ["positive", "negative"]
    assert one_tissue(examples).features.tolist() == [[3, 4], [1, 2]]


def test_an_indel_in_the_other_order_is_another_variant(tmp_path):
    rows = [
        INDELS[1],
        ("chr1", 9, ".", "AC", "GT", "ok", 5, 6),
        ("chr1", 10, ".", "C", "CTT", "too_long", "NA", "NA"),
    ]
    labels = toy.labels(
        tmp_path / "l.tsv",
        "chrom pos ref alt pip",
        "1 8000 A AG 0.95",
        "1 9 GT AC 0",
        "1 10 CTT C 0",
        "1 11 A AG 0",
    )
    examples = join(toy.scores(tmp_path / "s.tsv", rows), labels)
    assert outcomes(examples) == ["indel_in_other_order", "negative", "indel_in_other_order", "not_in_scores"]
    assert one_tissue(examples).features.tolist() == [[-5, -6]]


def test_an_indel_by_gene_is_matched_in_its_own_order(tmp_path):
    rows = [(*row[:6], "G1", "X", 7, *row[6:]) for row in INDELS]
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt gene_id pip", "1 8000 A AG G1 1", "1 8000 AG A G2 0")
    examples = join(toy.scores(tmp_path / "s.tsv", rows, extra=GENES), labels)
    assert outcomes(examples) == ["positive", "not_in_scores"]
    assert one_tissue(examples).features.tolist() == [[1, 2]]


def test_a_missing_id_is_no_id(tmp_path):
    rows = [("1", 5, ".", "G", "A", "ok", 1, 2), ("1", 6, "rs2", "G", "A", "ok", 3, 4)]
    labels = toy.labels(tmp_path / "l.tsv", "rsid pip tissue", ". 1 a", "rs2 0 a", "NA 1 b")
    assert outcomes(join(toy.scores(tmp_path / "s.tsv", rows), labels)) == [
        "not_in_scores", "negative", "not_in_scores",
    ]  # fmt: skip


def test_one_odd_variant_does_not_make_ids_of_the_others(tmp_path):
    rows = [("1", 5, ".", "G", "A", "ok", 1, 2), ("1", 6, "rs2", "G", "A", "ok", 3, 4)]
    labels = toy.labels(tmp_path / "l.tsv", "variant_id pip", "chr1_5_G_A_b38 1", "chr1_7_G_<DEL>_b38 0", "rs2 0")
    examples = join(toy.scores(tmp_path / "s.tsv", rows), labels)
    assert outcomes(examples) == ["positive", "not_in_scores", "negative"]


def test_a_class_that_the_calibration_lacks_is_an_outcome(tmp_path):
    header = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tCLASS\tSADQ_a\tSADQ_b\n"
    rows = ["chr1\t5\t.\tA\tG\tok\tsnv\t0.5\t-0.25\n", "chr1\t9\t.\tA\tAG\tok\tinsertion_1\tNA\tNA\n"]
    path = write_text(tmp_path / "s.tsv", header + "".join(rows))
    labels = toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip", "1 5 A G 1", "1 9 A AG 0")
    features = FeatureSettings("SADQ", pseudocount=None)
    examples = make_examples(read_labels([labels], LabelSettings()), open_tables([path], "SADQ"), features)
    assert outcomes(examples) == ["positive", "not_calibrated"]
