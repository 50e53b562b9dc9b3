import gzip
import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from enformer_vep.eqtl.direction import grow_direction_forest, predict_direction, single_score
from enformer_vep.eqtl.eqtl_settings import (
    DirectionSettings,
    EqtlSettings,
    FeatureSettings,
    FoldSettings,
    ForestSettings,
    Together,
)
from enformer_vep.eqtl.evaluation import evaluate, work
from enformer_vep.eqtl.folds import why_not
from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
from enformer_vep.eqtl.report import describe, metrics_text
from enformer_vep.eqtl.results import Ranking
from enformer_vep.eqtl.sklearn_door import draw_folds
from enformer_vep.errors import UsageError
from tests.eqtl import toy

FOREST = ForestSettings(trees=8)
ALL = DirectionSettings(tracks=",".join(f"T{index}" for index in range(8)))
QUICK = EqtlSettings(forest=FOREST, folds=FoldSettings(folds=4, repeats=2), direction=ALL)


def load(folder, settings=QUICK, **cohort):
    scores, labels = toy.cohort(folder, **cohort)
    return load_examples(EqtlInputs((scores,), (labels,)), settings)


@pytest.fixture(scope="module")
def informative(tmp_path_factory):
    return load(tmp_path_factory.mktemp("informative"))


@pytest.fixture(scope="module")
def result(informative):
    (result,) = evaluate(informative, QUICK)
    return result


def mean(values):
    return float(np.nanmean(list(values)))


def test_informative_scores_are_told_apart(result):
    assert result.status == "ok"
    assert mean(fold.auroc[Ranking.FOREST] for fold in result.folds) > 0.95
    assert mean(fold.auprc[Ranking.FOREST] for fold in result.folds) > 0.9
    assert 0.3 < mean(fold.auroc[Ranking.DISTANCE] for fold in result.folds) < 0.7


def test_scores_of_nothing_are_a_coin_s_throw(tmp_path):
    (result,) = evaluate(load(tmp_path, informative=False, variants=400), QUICK)
    assert mean(fold.auroc[Ranking.FOREST] for fold in result.folds) == pytest.approx(0.5, abs=0.12)
    assert mean(fold.auprc[Ranking.FOREST] for fold in result.folds) == pytest.approx(0.25, abs=0.12)


def test_every_example_is_held_out_once_per_repeat(result):
    assert [(fold.repeat, fold.fold) for fold in result.folds] == [(r, f) for r in (1, 2) for f in (1, 2, 3, 4)]
    for repeat in (1, 2):
        own = [fold for fold in result.folds if fold.repeat == repeat]
        assert sum(fold.positives for fold in own) == result.positive.sum() == 40
        assert sum(fold.negatives for fold in own) == 120


def test_direction_is_told_from_the_sign(result):
    assert result.direction.status == "ok"
    assert result.direction.variants == 40
    assert result.direction.accuracy == result.direction.auroc == 1
    assert min(result.direction.forest_accuracy) > 0.9


def test_one_track_may_say_the_direction(informative):
    (result,) = evaluate(informative, replace(QUICK, direction=DirectionSettings("T3")))
    assert (result.direction.accuracy, result.direction.tracks) == (1, "track:1")
    with pytest.raises(UsageError, match="--direction-tracks T9 is not among"):
        list(evaluate(informative, replace(QUICK, direction=DirectionSettings("T3,T9"))))


def test_progress_adds_up(tmp_path):
    scores, labels = toy.cohort(tmp_path, tissues=2)
    labels.write_text(labels.read_text() + "1\t1000\tA\tG\trare\t0.95\t1\t1\tlocus\n")
    examples = load_examples(EqtlInputs((scores,), (labels,)), QUICK)
    steps = []
    results = list(evaluate(examples, QUICK, steps.append))
    assert [result.status for result in results] == ["ok", "ok", "too_few_positives"]
    assert sum(steps) == work(examples, QUICK)


def test_a_tissue_is_evaluated_the_same_alone_and_with_others(tmp_path):
    scores, labels = toy.cohort(tmp_path, tissues=2)
    both = list(evaluate(load_examples(EqtlInputs((scores,), (labels,)), QUICK), QUICK))
    labels.write_text("".join(line for line in labels.read_text().splitlines(True) if "tissue_0" not in line))
    (alone,) = evaluate(load_examples(EqtlInputs((scores,), (labels,)), QUICK), QUICK)
    assert metrics_text([alone]) == metrics_text(both[1:])


def test_the_seed_decides(informative, result):
    (again,) = evaluate(informative, QUICK)
    (other,) = evaluate(informative, replace(QUICK, folds=FoldSettings(4, 2, seed=45)))
    assert metrics_text([again]) == metrics_text([result]) != metrics_text([other])
    np.testing.assert_equal(again.held_out, result.held_out)


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_never_split(seed):
    random = np.random.default_rng(seed)
    groups = random.integers(0, 40, 300)
    positive = random.random(300) < 0.3
    fold_of = draw_folds(positive, groups, 8, seed)
    assert sorted(set(fold_of)) == list(range(8))
    assert all(len(set(fold_of[groups == group])) == 1 for group in set(groups))
    assert any(len(set(draw_folds(positive, None, 8, seed)[groups == group])) > 1 for group in set(groups))


def test_folds_have_like_shares_of_positives():
    positive = np.arange(100) < 17
    counts = np.bincount(draw_folds(positive, None, 8, 1)[positive], minlength=8)
    assert sorted(set(counts)) == [2, 3]


def test_neighbours_give_it_away_unless_kept_together(tmp_path):
    """Loci of four identical variants, labelled by chance: only a split locus can be learnt."""
    random = np.random.default_rng(3)
    names, rows, marks = [f"T{index}" for index in range(4)], [], []
    for locus in range(40):
        values, pip = random.normal(size=4), random.choice(["0.95", "0.001"])
        for index in range(4):
            rows.append(("1", 10 * locus + index, ".", "A", "C", "ok", *values))
            marks.append(f"1 {10 * locus + index} A C {pip} L{locus}")
    paths = (
        toy.scores(tmp_path / "s.tsv", rows, names),
        toy.labels(tmp_path / "l.tsv", "chrom pos ref alt pip locus", *marks),
    )
    examples = load_examples(EqtlInputs(paths[:1], paths[1:]), QUICK)
    (kept,), (split,) = (
        evaluate(examples, replace(QUICK, folds=FoldSettings(4, 2, together), direction=DirectionSettings()))
        for together in (Together.GROUP, Together.NONE)
    )
    assert mean(fold.auroc[Ranking.FOREST] for fold in split.folds) > 0.9
    assert mean(fold.auroc[Ranking.FOREST] for fold in kept.folds) < 0.75


@pytest.mark.parametrize(
    ("positives", "negatives", "groups", "reason"),
    [(8, 8, None, "ok"), (7, 99, None, "too_few_positives"), (99, 7, None, "too_few_negatives"),
     (8, 8, 7, "too_few_groups")],
)  # fmt: skip
def test_too_little_for_the_folds(positives, negatives, groups, reason):
    positive = np.arange(positives + negatives) < positives
    assert why_not(positive, None if groups is None else np.arange(len(positive)) % groups, 8) == reason


def test_unknown_distances_give_no_baseline(informative):
    used = informative.used.copy()
    used.loc[used.index[0], "distance"] = math.nan
    (result,) = evaluate(replace(informative, used=used), QUICK)
    assert all(math.isnan(fold.auroc[Ranking.DISTANCE]) for fold in result.folds)
    assert "TSS" not in describe([result])


def test_sizes_say_nothing_about_direction(tmp_path):
    scores, labels = toy.cohort(tmp_path)
    settings = replace(QUICK, features=FeatureSettings("D2"))
    text = gzip.decompress(scores.read_bytes()).decode().replace("SAD_", "D2_")
    scores = tmp_path / "d2.tsv"
    scores.write_text(text)
    (result,) = evaluate(load_examples(EqtlInputs((scores,), (labels,)), settings), settings)
    assert result.status == "ok"
    assert result.direction.status == "unsigned_score"
    assert math.isnan(result.direction.accuracy)


def test_swapping_ref_and_alt_swaps_the_answer():
    random = np.random.default_rng(8)
    features = random.normal(size=(80, 6)).astype(np.float32)
    up = features[:, 0] + random.normal(size=80) > 0
    forest = grow_direction_forest(features, up, FOREST, seed=1)
    fresh = random.normal(size=(50, 6)).astype(np.float32)
    predicted = predict_direction(forest, fresh)
    np.testing.assert_array_equal(predict_direction(forest, -fresh), -predicted)
    assert np.mean((predicted > 0) == (fresh[:, 0] > 0)) > 0.7
    for signs in (np.ones(6), np.array([0, 0, 1.0, -1, 0, 0])):
        np.testing.assert_array_equal(single_score(-fresh, signs), -single_score(fresh, signs))


def test_labels_with_swapped_alleles_and_effects_give_the_same_direction(tmp_path, informative):
    """The whole way: A>G with slope b and G>A with slope -b are the same observation."""
    scores, labels = toy.cohort(tmp_path)
    lines = [line.split("\t") for line in labels.read_text().splitlines()]
    for line in lines[1::2]:
        line[2], line[3], line[7] = line[3], line[2], str(-float(line[7]))
    labels.write_text("".join("\t".join(line) + "\n" for line in lines))
    examples = load_examples(EqtlInputs((scores,), (labels,)), QUICK)
    (swapped,), (plain,) = evaluate(examples, QUICK), evaluate(informative, QUICK)
    assert swapped.direction.accuracy == plain.direction.accuracy == 1
    np.testing.assert_equal(swapped.held_out, plain.held_out)


@pytest.mark.parametrize("tissues", [1, 14])
def test_the_figure_shows_every_tested_tissue(result, tissues):
    pytest.importorskip("matplotlib")
    from enformer_vep.eqtl.figure import draw

    rare = replace(result, tissue="rare", status="too_few_positives", folds=(), held_out={})
    figure = draw([rare, *(replace(result, tissue=f"tissue_{index}") for index in range(tissues))], "SAD")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [f"tissue {index} (40 / 120)" for index in range(tissues)]
    roc, precision = figure.axes[1:]
    assert roc.get_legend_handles_labels()[1][0].startswith("random forest, AUROC 1.00")
    assert precision.get_legend_handles_labels()[1][1].startswith("TSS distance, AUPRC 0.")
    assert ("(forest +0." in roc.get_legend_handles_labels()[1][1]) == (tissues == 1)
