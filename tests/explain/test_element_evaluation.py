"""Rankings of measured pairs: figures against scikit-learn, bins, baselines, what has no figures."""

from dataclasses import replace

import numpy as np
import pytest

from enformer_vep.explain.crispri import read_measured_pairs
from enformer_vep.explain.element_evaluation import (
    ACTIVITY_BY_DISTANCE,
    ALL_DISTANCES,
    ALL_PAIRS,
    H3K27AC_BY_DISTANCE,
    IN_REACH,
    INVERSE_DISTANCE,
    SCORED,
    baselines,
    evaluate_rankings,
    with_missing_last,
)
from enformer_vep.settings.explain_evaluation import Distance, PairEvaluationSettings, Resample, read_distance_bins
from enformer_vep.statistics.bootstrap import Figure

SETTINGS = PairEvaluationSettings(read_distance_bins("0-3,3-12,12-35,100-101"), samples=200)


@pytest.fixture(scope="module")
def measured(data_directory):
    return read_measured_pairs([data_directory / "crispri_chr22.tsv"])


def by_place(results):
    return {(one.pairs, one.distances, one.ranking): one for one in results}


def test_figures_are_scikit_learns(measured):
    sklearn = pytest.importorskip("sklearn.metrics")
    rankings = baselines(measured)
    found = by_place(evaluate_rankings(measured, rankings, SETTINGS))
    reach = measured.distance <= SETTINGS.reach
    for pairs, chosen in ((ALL_PAIRS, reach | True), (IN_REACH, reach)):
        for name, values in rankings.items():
            one, positive = found[pairs, ALL_DISTANCES, name], measured.positive[chosen]
            assert (one.count, one.positives, one.scored) == (chosen.sum(), positive.sum(), chosen.sum())
            expected = sklearn.average_precision_score(positive, values[chosen])
            assert one.figures[Figure.AVERAGE_PRECISION].value == pytest.approx(expected)
            assert one.figures[Figure.AUROC].value == pytest.approx(sklearn.roc_auc_score(positive, values[chosen]))
            other = next(name_ for name_ in rankings if name_ != name)
            difference = one.over[other][Figure.AVERAGE_PRECISION]
            assert difference.value == pytest.approx(
                expected - sklearn.average_precision_score(positive, rankings[other][chosen])
            )
            assert difference.low <= difference.value <= difference.high


def test_bins_and_what_has_no_figures(measured):
    found = by_place(evaluate_rankings(measured, {"D": -measured.distance}, SETTINGS))
    counts = {
        bin_: (one.count, one.positives, one.status) for (pairs, bin_, _), one in found.items() if pairs == ALL_PAIRS
    }
    inside = (measured.distance >= 3000) & (measured.distance < 12_000)
    assert counts["3-12kb"] == (inside.sum(), measured.positive[inside].sum(), "no_negatives")
    assert counts["0-3kb"] == (0, 0, "no_pairs")
    assert counts["12-35kb"][2] == "no_positives"
    assert counts["all"] == (91, 5, "ok")
    assert counts["100-101kb"][0] == ((measured.distance >= 100_000) & (measured.distance < 101_000)).sum()
    assert found[ALL_PAIRS, "0-3kb", "D"].figures == {}
    everyone = replace(measured, positive=measured.positive | True)
    assert {one.status for one in evaluate_rankings(everyone, {"D": -measured.distance}, SETTINGS) if one.count} == {
        "no_negatives"
    }


def test_pairs_without_a_score_rank_last_and_are_counted(measured):
    values = np.where(measured.distance <= 50_000, 1 / measured.distance, np.nan)
    found = by_place(evaluate_rankings(measured, {"NEAR": values, "D": -measured.distance}, SETTINGS))
    whole, own = found[ALL_PAIRS, ALL_DISTANCES, "NEAR"], found[SCORED, ALL_DISTANCES, "D"]
    near = measured.distance <= 50_000
    assert (whole.count, whole.scored, whole.scored_positives) == (91, near.sum(), measured.positive[near].sum())
    assert (own.count, own.positives) == (near.sum(), measured.positive[near].sum())
    far = ~near
    filled = with_missing_last(values)
    assert len(np.unique(filled[far])) == 1
    assert filled[far].max() < filled[near].min()
    # The one regulated pair far away is in a tie of all that have no score: the area stops before it.
    trapezoid = whole.figures[Figure.PRECISION_RECALL_AREA].value
    assert trapezoid < found[ALL_PAIRS, ALL_DISTANCES, "D"].figures[Figure.PRECISION_RECALL_AREA].value


def test_no_score_at_all_is_a_tie(measured):
    assert with_missing_last(np.full(3, np.nan)).tolist() == [-1, -1, -1]
    (one, *_) = evaluate_rankings(measured, {"NONE": np.full(91, np.nan)}, replace(SETTINGS, bins=()))
    assert one.figures[Figure.AUROC].value == 0.5
    assert one.figures[Figure.AVERAGE_PRECISION].value == pytest.approx(5 / 91)


def test_baselines_need_what_they_name(measured):
    found = baselines(measured)
    assert list(found) == [INVERSE_DISTANCE, H3K27AC_BY_DISTANCE, ACTIVITY_BY_DISTANCE]
    np.testing.assert_allclose(
        found[ACTIVITY_BY_DISTANCE], np.sqrt(measured.h3k27ac * measured.accessibility) / measured.distance
    )
    nothing = np.full(len(measured), np.nan)
    assert list(baselines(replace(measured, accessibility=nothing))) == [INVERSE_DISTANCE, H3K27AC_BY_DISTANCE]
    assert baselines(replace(measured, distance=measured.distance * 0))[INVERSE_DISTANCE].max() == 1


@pytest.mark.parametrize("resample", Resample)
def test_what_is_drawn_as_a_whole_changes_intervals_only(measured, resample):
    rankings = {"D": -measured.distance}
    by_gene, own = (
        next(evaluate_rankings(measured, rankings, replace(SETTINGS, resample=kind))).figures[Figure.AUROC]
        for kind in (Resample.GENE, resample)
    )
    assert by_gene.value == own.value
    assert (by_gene == own) is (resample is Resample.GENE)


def test_the_known_figures_of_k562(shared_directory):
    """Those of the data's README are average precisions, by the published distance."""
    path = shared_directory / "data" / "crispri" / "crispri.hg38.tsv.gz"
    if not path.is_file():
        pytest.skip("needs shared/data/crispri")
    measured = read_measured_pairs([path], where=[("cell_type", "K562")], distance=Distance.PUBLISHED)
    assert (len(measured), measured.positive.sum()) == (1650, 46)
    settings = replace(SETTINGS, bins=(), samples=100)
    found = by_place(evaluate_rankings(measured, baselines(measured), settings))
    distance, activity = (
        found[ALL_PAIRS, ALL_DISTANCES, name].figures for name in (INVERSE_DISTANCE, ACTIVITY_BY_DISTANCE)
    )
    assert distance[Figure.AVERAGE_PRECISION].value == pytest.approx(0.376, abs=5e-4)
    assert distance[Figure.AUROC].value == pytest.approx(0.842, abs=5.1e-4)
    assert activity[Figure.AVERAGE_PRECISION].value == pytest.approx(0.461, abs=5e-4)
