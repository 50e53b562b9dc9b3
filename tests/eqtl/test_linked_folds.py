"""What is linked stays in one fold, so that scores of noise look like noise."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from enformer_vep.eqtl.eqtl_settings import EqtlSettings, FoldSettings, ForestSettings, Together
from enformer_vep.eqtl.evaluation import evaluate
from enformer_vep.eqtl.folds import check_folds
from enformer_vep.eqtl.grouping import count_split, linked_groups
from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
from enformer_vep.eqtl.report import describe, metrics_text
from enformer_vep.eqtl.results import Ranking
from enformer_vep.eqtl.sklearn_door import draw_folds
from enformer_vep.errors import InputError
from tests.eqtl import toy

LOCI, NEIGHBOURS = 60, 4
QUICK = EqtlSettings(forest=ForestSettings(trees=8), folds=FoldSettings(folds=4, repeats=1))


def load(scores, labels, settings=QUICK):
    return load_examples(EqtlInputs((scores,), (labels,)), settings)


def noise(folder, link, seed):
    """Loci with a label by chance, whose variants have nearly equal scores, linked in one way alone."""
    random = np.random.default_rng([len(link), seed])
    tracks = [f"T{index}" for index in range(4)]
    rows, marks = [], []
    for locus in range(LOCI):
        centre, pip = random.normal(size=4), random.choice(["0.95", "0.001"])
        for index in range(NEIGHBOURS):
            if link == "stretch":
                place = ("1", 1 + 3_000_000 * locus + 300_000 * index)
            else:
                place = (str(index + 1), 1 + 3_000_000 * locus)
            gene = f"G{locus}" if link == "gene" else f"G{locus}v{index}"
            credible_set = f"cs{locus}" if link == "group" else "NA"
            values = centre + 1e-4 * random.normal(size=4)
            rows.append((*place, ".", "A", "C", "ok", *values))
            marks.append(f"{place[0]} {place[1]} A C {pip} {gene} {credible_set}")
    header = "chrom pos ref alt pip gene_id locus"
    return toy.scores(folder / "s.tsv", rows, tracks), toy.labels(folder / "l.tsv", header, *marks)


def auroc(examples, settings):
    (result,) = evaluate(examples, settings)
    return float(np.nanmean([fold.auroc[Ranking.FOREST] for fold in result.folds]))


@pytest.mark.parametrize("link", ["stretch", "gene", "group"])
def test_noise_is_not_told_apart_by_default(tmp_path, link):
    parted = replace(QUICK, folds=replace(QUICK.folds, together=Together.NONE))
    cohorts = [load(*noise(tmp_path, link, seed)) for seed in range(7)]
    assert min(auroc(examples, parted) for examples in cohorts) > 0.9, "the leak that is to be kept out"
    kept = [auroc(examples, QUICK) for examples in cohorts]
    # What varies are loci. Over 500 such cohorts the mean is 0.491 and the standard deviation 0.094; three standard
    # errors of a mean of seven.
    assert abs(np.mean(kept) - 0.5) < 3 * 0.094 / np.sqrt(len(kept))
    assert max(kept) < 0.8


def closure(linked):
    """Connected components of a boolean matrix, by squaring it until it stays the same: bool [rows, rows]."""
    reach = linked | np.eye(len(linked), dtype=bool)
    while True:
        wider = (reach.astype(int) @ reach.astype(int)) > 0
        if np.array_equal(wider, reach):
            return reach
        reach = wider


def by_definition(rows, stretch):
    """Which rows are linked, pair by pair."""
    size = len(rows)
    linked = np.zeros((size, size), dtype=bool)
    for one in range(size):
        for other in range(size):
            contig, position = rows["scored_as"].iloc[one].split(":")[:2]
            its_contig, its_position = rows["scored_as"].iloc[other].split(":")[:2]
            near = contig == its_contig and abs(int(position) - int(its_position)) <= stretch
            shared = any(set(rows[kind].iloc[one]) & set(rows[kind].iloc[other]) for kind in ("genes", "groups"))
            linked[one, other] = near or shared
    return closure(linked)


def random_rows(seed, size=90):
    random = np.random.default_rng(seed)
    contigs, positions = random.choice(["1", "2", "HLA3"], size), random.integers(1, 200_000_000, size)
    genes = [[f"N{gene}" for gene in random.integers(0, 150, random.integers(0, 3))] for _ in range(size)]
    sets = [[f"N{one}"] if one < 30 else [] for one in random.integers(0, 90, size)]
    places = [f"{contig}:{position}:A:C" for contig, position in zip(contigs, positions, strict=True)]
    return pd.DataFrame({"scored_as": places, "genes": genes, "groups": sets})


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_the_connected_components(seed):
    rows = random_rows(seed)
    groups = linked_groups(rows, 1_000_000)
    expected = by_definition(rows, 1_000_000)
    np.testing.assert_array_equal(groups[:, None] == groups[None, :], expected)
    assert 8 < len(set(groups)) < len(rows)
    positive = np.random.default_rng(seed).random(len(rows)) < 0.4
    fold_of = draw_folds(positive, groups, 4, seed)
    assert not (expected & (fold_of[:, None] != fold_of[None, :])).any()


def test_a_stretch_has_an_end():
    rows = pd.DataFrame(
        {"scored_as": ["1:100:A:C", "1:2100:A:C", "1:1100:A:C", "1:3101:A:C", "2:3101:A:C", "a:b:3101:A:C"]}
    ).assign(genes=[[]] * 6, groups=[[]] * 6)
    assert linked_groups(rows, 1000).tolist() == [0, 0, 0, 1, 2, 3]
    assert linked_groups(rows, 0).tolist() == list(range(6))


def test_names_of_another_kind_do_not_link():
    rows = pd.DataFrame({"scored_as": ["1:1:A:C", "2:1:A:C"], "genes": [["N1"], []], "groups": [[], ["N1"]]})
    assert linked_groups(rows, 1000).tolist() == [0, 1]


def test_count_split():
    linked = np.array([0, 0, 1, 1, 2])
    assert count_split(linked, None) == 2
    assert count_split(linked, np.array([0, 1, 2, 2, 2])) == 1
    assert count_split(linked, linked) == 0


def rows_of(examples, **folds):
    return {tissue: groups for tissue, _, groups in examples.grouped(FoldSettings(**folds))}


def test_rows_left_out_link_as_well(tmp_path):
    """A variant's second gene is a duplicate where scores are not by gene; it is its gene all the same."""
    scores = toy.scores(tmp_path / "s.tsv", [(str(n), 5, ".", "A", "C", "ok", 1, 2) for n in (1, 2, 3)])
    labels = toy.labels(
        tmp_path / "l.tsv", "chrom pos ref alt pip gene_id",
        "1 5 A C 0.95 G1", "1 5 A C 0.001 G2", "2 5 A C 0 G2", "3 5 A C 0 NA", "9 5 A C 0 NA",
    )  # fmt: skip
    assert rows_of(load(scores, labels))["all"].tolist() == [0, 0, 1]


def test_labels_by_id_lie_where_their_scores_do(tmp_path):
    places = [("1", 100), ("chr1", 900_000), ("1", 9_000_000), ("2", 100)]
    rows = [(*place, f"rs{n}", "A", "C", "ok", 1, 2) for n, place in enumerate(places)]
    labels = toy.labels(tmp_path / "l.tsv", "rsid pip", *(f"rs{n} 0.001" for n in range(4)))
    examples = load(toy.scores(tmp_path / "s.tsv", rows), labels)
    assert rows_of(examples)["all"].tolist() == [0, 0, 1, 2]
    assert rows_of(examples, stretch=10)["all"].tolist() == [0, 1, 2, 3]
    assert rows_of(examples, together=Together.CHROMOSOME)["all"].tolist() == [0, 0, 0, 1]


def test_one_variant_spelled_in_several_ways_counts_once(tmp_path):
    """As coordinates, exchanged, and by ID: three labels of one variant are one example, the strongest."""
    scores = toy.scores(
        tmp_path / "s.tsv", [("1", 5, "rs1", "A", "C", "ok", 1, 2), ("1", 6, "rs2", "A", "C", "ok", 3, 4)]
    )
    labels = toy.labels(
        tmp_path / "l.tsv", "variant_id pip", "1:5:A:C 0.001", "1:5:C:A 0.99", "rs1 0.005", "rs2 0.001", ". 0"
    )
    examples = load(scores, labels)
    assert examples.accounting["outcome"].tolist() == [
        "duplicate", "positive", "duplicate", "negative", "not_in_scores",
    ]  # fmt: skip
    (tissue,) = examples.by_tissue()
    np.testing.assert_array_equal(np.sign(tissue.features), [[-1, -1], [1, 1]])


def test_numbers_of_credible_sets_without_genes_link_nothing(tmp_path, caplog):
    scores = toy.scores(tmp_path / "s.tsv", [(str(n), 5, ".", "A", "C", "ok", 1, 2) for n in (1, 2, 3, 4)])
    rows = ["1 5 A C 0 L1", "2 5 A C 0 L1", "3 5 A C 0 ENSG1_L1", "4 5 A C 0 ENSG1_L1"]
    examples = load(scores, toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip cs_id", *rows))
    assert rows_of(examples)["all"].tolist() == [0, 1, 2, 2]
    assert "2 credible sets have a number but no gene" in caplog.text


def test_too_few_groups_are_refused_with_a_remedy(tmp_path):
    examples = load(*noise(tmp_path, "stretch", 0))
    (tissue,) = examples.tissues
    with pytest.raises(InputError, match=rf"{tissue}: 60 groups of examples .*for 61 folds; .*fewer --folds, or a sho"):
        check_folds(examples, FoldSettings(61))
    with pytest.raises(InputError, match=r"1 group of .* for 2 folds"):
        next(evaluate(examples, replace(QUICK, folds=FoldSettings(2, stretch=3_000_000))))
    with pytest.raises(InputError, match=r"1 group of examples for 2 folds; label more loci, or give fewer --folds$"):
        check_folds(examples, FoldSettings(2, together=Together.CHROMOSOME))


def test_one_tissue_of_too_few_groups_is_a_row_and_a_warning(tmp_path, caplog):
    scores, labels = toy.cohort(tmp_path)
    near = [f"1\t{toy.position(0) + 10 * n}\tA\tG\tnear\t{0.95 * (n % 2)}\t1\t1\t.\n" for n in range(12)]
    rows = [("1", toy.position(0) + 10 * n, ".", "A", "G", "ok", *range(8)) for n in range(12)]
    more = toy.scores(tmp_path / "more.tsv", rows, [f"T{index}" for index in range(8)])
    labels.write_text(labels.read_text() + "".join(near))
    examples = load_examples(EqtlInputs((scores, more), (labels,)), QUICK)
    states = {result.tissue: (result.status, result.groups) for result in evaluate(examples, QUICK)}
    assert states == {"tissue_0": ("ok", 40), "near": ("too_few_groups", 1)}
    assert "near: 1 group of examples" in caplog.text


def test_the_papers_way_warns_and_the_default_does_not(tmp_path, caplog):
    examples = load(*noise(tmp_path, "gene", 0))
    with caplog.at_level(logging.WARNING, "enformer_vep"):
        check_folds(examples, FoldSettings(4))
        assert not caplog.text
        check_folds(examples, FoldSettings(4, together=Together.GENE))
        assert not caplog.text
        check_folds(examples, FoldSettings(4, together=Together.VARIANT))
        assert "--keep-together variant: folds may part 60 of 60 groups" in caplog.text
        check_folds(examples, FoldSettings(4, together=Together.NONE))
        assert "--keep-together none: folds may part 60 of 60 groups" in caplog.text


def test_groups_are_reported(tmp_path):
    examples = load(*noise(tmp_path, "gene", 0))
    (result,) = evaluate(examples, QUICK)
    header, row = (line.split("\t") for line in metrics_text([result]).splitlines())
    cells = dict(zip(header, row, strict=True))
    assert (cells["GROUPS"], int(cells["POSITIVE_GROUPS"])) == (
        "60",
        int(result.positive.sum()) // NEIGHBOURS,
    )
    assert describe([result]).endswith("; folds keep 60 groups of examples together")
    (alone,) = evaluate(examples, replace(QUICK, folds=FoldSettings(4, 1, Together.NONE)))
    assert metrics_text([alone]).splitlines()[1].split("\t")[4:6] == ["NA", "NA"]
    assert "groups" not in describe([alone])
