"""Baselines beside the forest, and how sure the difference is."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from enformer_vep.eqtl.baselines import baseline_features, fitted_baselines, held_out_baselines
from enformer_vep.eqtl.eqtl_settings import EqtlSettings, FoldSettings, ForestSettings, LabelSettings
from enformer_vep.eqtl.evaluation import evaluate
from enformer_vep.eqtl.labelled_examples import EqtlInputs, TissueExamples, load_examples
from enformer_vep.eqtl.negative_settings import NegativeSettings
from enformer_vep.eqtl.negative_tables import labels_text
from enformer_vep.eqtl.negatives import NegativeInputs, choose_negatives
from enformer_vep.eqtl.report import METRIC_COLUMNS, metrics_text
from enformer_vep.eqtl.results import BASELINES, Ranking
from enformer_vep.eqtl.sklearn_door import draw_folds
from enformer_vep.statistics.metrics import auroc
from tests.eqtl import toy
from tests.eqtl.panels import random_panel

QUICK = EqtlSettings(
    LabelSettings(), forest=ForestSettings(trees=12), folds=FoldSettings(folds=4, repeats=2, stretch=1000)
)


def examples(positive, distance, frequency):
    features = np.zeros((len(positive), 1), np.float32)
    return TissueExamples("t", features, positive, distance, frequency, np.full(len(positive), np.nan), None)


def confounded_scores(panel, folder):
    """Scores that are large near a TSS and for frequent variants, and know nothing else."""
    random = np.random.default_rng(5)
    tss = {contig: np.array([gene[2] for gene in panel.genes if gene[1] == contig]) for contig in ("chr1", "chr2")}
    rows = []
    for contig, position, name, reference, alternate, frequency in panel.variants:
        near = np.log10(np.abs(tss[contig] - position).min() + 100) + 2 * abs(0.5 - frequency)
        size = 10.0 ** (-near + 0.2 * random.normal(size=4)) * random.choice([-1, 1], 4)
        rows.append((contig, position, name, reference, alternate, "ok", *(f"{value:.6g}" for value in size)))
    return toy.scores(folder / "scores.tsv", rows, [f"T{index}" for index in range(4)])


def all_others(panel, folder):
    """Labels as they are made without matching: every hundredth variant that is not positive is a negative."""
    genes = {gene[0]: gene for gene in panel.genes}
    positives = [label for label in panel.labels if label[4] == "lung" and label[5] > 0.9]
    known = {label[:2] for label in panel.labels}
    minor = {(row[0], row[1]): min(row[5], 1 - row[5]) for row in panel.variants}
    rows = [(f"chr{c}", p, r, a, 1, p - genes[gene][2], minor[f"chr{c}", p]) for c, p, r, a, _, _, gene in positives]
    for contig, position, _, reference, alternate, frequency in panel.variants[::9]:
        if (contig[3:], position) not in known:
            distance = min((position - gene[2] for gene in panel.genes if gene[1] == contig), key=abs)
            rows.append((contig, position, reference, alternate, 0, distance, min(frequency, 1 - frequency)))
    header = ("chrom", "pos", "ref", "alt", "label", "tss_distance", "maf")
    return toy.table(folder / "others.tsv", header, rows)


def mean(result, ranking):
    return float(np.nanmean([fold.auroc[ranking] for fold in result.folds]))


def test_confounded_scores_look_good_until_negatives_are_matched(tmp_path):
    panel = random_panel(positives=160)
    scores = confounded_scores(panel, tmp_path)
    (before,) = evaluate(load_examples(EqtlInputs((scores,), (all_others(panel, tmp_path),)), QUICK), QUICK)
    inputs = NegativeInputs((panel.table(tmp_path),), panel.vcf(tmp_path), panel.gtf(tmp_path))
    settings = NegativeSettings(reach=60_000, distance_caliper=0.05, frequency_caliper=0.025)
    text = labels_text(choose_negatives(inputs, LabelSettings(), settings))
    (tmp_path / "matched.tsv").write_text("".join(line for line in text.splitlines(True) if "\tliver\t" not in line))
    labels = load_examples(EqtlInputs((scores,), (tmp_path / "matched.tsv",)), QUICK)
    (after,) = evaluate(labels, QUICK)
    assert before.status == after.status == "ok"
    assert after.positive.sum() > 40
    assert mean(before, Ranking.FOREST) > 0.65
    assert mean(before, Ranking.BOTH) > mean(before, Ranking.FOREST)
    assert mean(before, Ranking.BOTH) > max(mean(before, Ranking.DISTANCE), mean(before, Ranking.FREQUENCY)) > 0.65
    assert before.advantages[Ranking.BOTH].auroc.high < 0.02
    for ranking in Ranking:
        assert mean(after, ranking) == pytest.approx(0.5, abs=0.13)
    assert after.advantages[Ranking.BOTH].auroc.low < 0.05


def test_a_forest_that_knows_more_is_surely_better(tmp_path):
    scores, labels = toy.cohort(tmp_path)
    (result,) = evaluate(load_examples(EqtlInputs((scores,), (labels,)), QUICK), QUICK)
    interval = result.advantages[Ranking.DISTANCE].auroc
    assert 0.2 < interval.low < interval.value < interval.high < 0.7
    distance = result.held_out[Ranking.DISTANCE]
    own = result.held_out[Ranking.FOREST]
    assert interval.value == pytest.approx(auroc(result.positive, own) - auroc(result.positive, distance))
    assert Ranking.FREQUENCY not in result.advantages
    row = dict(zip(*(line.split("\t") for line in metrics_text([result]).splitlines()), strict=True))
    assert tuple(row) == METRIC_COLUMNS
    assert float(row["OVER_DISTANCE_AUROC_LOW"]) == pytest.approx(interval.low, rel=1e-4)
    assert (row["FREQUENCY_AUROC"], row["OVER_BOTH_AUPRC_HIGH"]) == ("NA", "NA")


def test_baselines_are_scikit_learns_in_the_same_folds():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(2)
    distance, frequency = random.integers(-100_000, 100_000, 300) * 1.0, random.uniform(0.01, 0.5, 300)
    positive = random.random(300) < 1 / (1 + np.exp(2 * (np.log10(np.abs(distance) + 1) - 4) + 6 * (frequency - 0.2)))
    one = examples(positive, distance, frequency)
    fold_of = draw_folds(positive, None, 5, 1)
    found = held_out_baselines(one, baseline_features(one), fold_of, 5)
    logs = np.stack([np.log10(np.abs(distance) + 1), np.log10(frequency + 1e-3)], axis=1)
    for ranking, columns in ((Ranking.FREQUENCY, [1]), (Ranking.BOTH, [0, 1])):
        for fold in range(5):
            held = fold_of == fold
            line = make_pipeline(StandardScaler(), LogisticRegression()).fit(logs[~held][:, columns], positive[~held])
            np.testing.assert_allclose(
                found[ranking][held], line.decision_function(logs[held][:, columns]), rtol=1e-3, atol=1e-4
            )
    np.testing.assert_array_equal(found[Ranking.DISTANCE], -np.abs(distance))
    assert auroc(positive, found[Ranking.BOTH]) > 0.6


def test_which_side_of_the_tss_does_not_matter():
    """Nor, so, the strand of the gene, by which a distance has its sign."""
    random = np.random.default_rng(3)
    distance, frequency = random.integers(1, 100_000, 100) * 1.0, random.uniform(0.01, 0.5, 100)
    one = examples(random.random(100) < 0.4, distance, frequency)
    turned = replace(one, distance=distance * random.choice([-1, 1], 100))
    fold_of = draw_folds(one.positive, None, 4, 1)
    here, there = (held_out_baselines(each, baseline_features(each), fold_of, 4) for each in (one, turned))
    np.testing.assert_equal(here, there)


def test_twins_in_other_folds_do_not_make_scores_look_better():
    """Each positive has a negative just like it: held out, the regression is worse than chance; fitted, it is not."""
    random = np.random.default_rng(6)
    distance, frequency = np.repeat(random.uniform(100, 100_000, 100), 2), np.repeat(random.uniform(0.01, 0.5, 100), 2)
    one = examples(np.arange(200) % 2 == 0, distance, frequency)
    features = baseline_features(one)
    held_out = [
        auroc(one.positive, held_out_baselines(one, features, draw_folds(one.positive, None, 8, seed), 8)[Ranking.BOTH])
        for seed in range(5)
    ]
    fitted = fitted_baselines(one, features)
    assert np.mean(held_out) < 0.47
    assert {ranking: auroc(one.positive, values) for ranking, values in fitted.items()} == pytest.approx(
        dict.fromkeys(BASELINES, 0.5), abs=1e-6
    )


@pytest.mark.parametrize("lost", ["distance", "frequency"])
def test_what_is_not_known_of_all_is_no_baseline(lost):
    one = examples(np.arange(40) % 2 == 0, np.arange(40.0), np.full(40, 0.2))
    values = getattr(one, lost).copy()
    values[7] = np.nan
    one = replace(one, **{lost: values})
    found = held_out_baselines(one, baseline_features(one), np.arange(40) % 4, 4)
    assert set(found) == {"distance": {Ranking.FREQUENCY}, "frequency": {Ranking.DISTANCE}}[lost]


def test_where_training_has_one_kind_only():
    one = examples(np.arange(8) < 4, np.arange(8.0), np.linspace(0.1, 0.5, 8))
    found = held_out_baselines(one, baseline_features(one), (np.arange(8) < 4).astype(int), 2)
    np.testing.assert_array_equal(found[Ranking.BOTH], np.zeros(8))
    assert set(found) == set(BASELINES)
