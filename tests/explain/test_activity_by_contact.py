"""The activity-by-contact model against what its authors' code wrote, and by hand."""

import csv
import json

import numpy as np
import pytest

from enformer_vep.errors import UsageError
from enformer_vep.explain.activity_by_contact import (
    SignalQuantiles,
    abc_scores,
    activity,
    adjusted_contact,
    expected_contact,
    is_self_promoter,
    midpoint_distance,
    power_law,
    quantile_normalised,
)
from enformer_vep.files.reading import open_text
from enformer_vep.settings.explain_abc import AbcSettings, ContactSettings

ROUNDING = 6e-7  # of six decimals, and of what is computed from them
SETTINGS = AbcSettings()


@pytest.fixture(scope="module")
def golden(data_directory):
    with np.load(data_directory / "golden_abc.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_scores_of_a_gene_are_the_originals(golden):
    start = golden["start"].astype(np.int64)
    end, tss = start + golden["length"], int(golden["tss"])
    distance = midpoint_distance(start, end, tss)
    assert (distance < SETTINGS.window).all()
    own = is_self_promoter(start, end, golden["promoter"], tss, SETTINGS.promoter_slop)
    contact = expected_contact(distance, SETTINGS.contact)
    numerator, score = abc_scores(golden["activity"], contact, own)
    np.testing.assert_allclose(numerator.sum(), golden["denominator"], rtol=1e-9)
    rows = np.searchsorted(start, golden["reference_start"])
    np.testing.assert_array_equal(start[rows], golden["reference_start"])
    np.testing.assert_array_equal(distance[rows], golden["reference_distance"])
    np.testing.assert_array_equal(own[rows], golden["reference_self_promoter"])
    for found, name in ((contact, "contact"), (numerator, "numerator"), (score, "score")):
        np.testing.assert_allclose(found[rows], golden[f"reference_{name}"], rtol=0, atol=ROUNDING)
    # The gene's own promoters have 1 on top of what others share.
    assert score[own].tolist() == [1.0, 1.0]
    assert score[~own].sum() == pytest.approx(1 - (numerator[own] / numerator.sum()).sum())


@pytest.mark.parametrize("signal", ["dhs", "h3k27ac"])
def test_normalised_signals_are_the_originals(golden, signal):
    reference = {True: SignalQuantiles(golden["quantile_rank"], golden[f"quantile_{signal}"])}
    counts = golden[f"{signal}_count"].astype(np.float64)
    found = quantile_normalised(counts, np.ones(len(counts), dtype=bool), reference)
    np.testing.assert_allclose(found[::7], golden[f"normalized_{signal}"], rtol=0, atol=1e-7)


def test_hic_is_adjusted_as_in_the_original(golden):
    """Contact is given with six decimals, and multiplied by up to 3."""
    distance, measured = golden["hic_distance"], golden["hic_contact"]
    found = adjusted_contact(measured, distance, np.zeros(len(distance), dtype=bool), SETTINGS.contact)
    ratio = (golden["hic_scaled"] / np.where(measured > 0, measured, 1)).max()
    np.testing.assert_allclose(found, golden["hic_adjusted"], rtol=0, atol=ROUNDING * (1 + ratio))
    nothing = adjusted_contact(
        np.full(len(distance), np.nan), distance, np.zeros(len(distance), bool), SETTINGS.contact
    )
    np.testing.assert_allclose(nothing, golden["hic_pseudocount"], rtol=0, atol=ROUNDING)


def test_a_promoter_without_hic_gets_the_power_law():
    distance = np.array([0.0, 20_000.5, 300_000.0])
    expected = expected_contact(distance, SETTINGS.contact)
    measured = np.array([0.0099, 0.5, np.nan])
    own = np.array([True, False, False])
    replaced = adjusted_contact(measured, distance, own, SETTINGS.contact)
    np.testing.assert_array_equal(replaced, adjusted_contact(expected, distance, own & False, SETTINGS.contact))
    measured[0] = 0.01
    kept = adjusted_contact(measured, distance, own, SETTINGS.contact)
    assert kept[1] > 5 * replaced[1]


def test_the_power_law_by_hand():
    found = power_law(np.array([0.0, 5000.0, 9999.5]), 1.0, 2.0, 5000)
    np.testing.assert_allclose(found, np.exp(2) / np.array([5001, 5001, 10_000.5]))


def test_the_middle_of_an_element_may_be_half_a_base():
    assert midpoint_distance(np.array([100, 100]), np.array([201, 200]), 50).tolist() == [100.5, 100.0]


def test_own_promoters_by_hand():
    """Strictly within 500 bp, and promoters only."""
    start, end = np.array([1000, 1000, 2001, 2000]), np.array([1500, 1501, 2400, 2400])
    promoter = np.array([True, True, True, True])
    assert is_self_promoter(start, end, promoter, 2000, 500).tolist() == [False, True, True, True]
    assert is_self_promoter(start, end, promoter, 1501, 500).tolist() == [True, True, False, True]
    assert not is_self_promoter(start, end, ~promoter, 2000, 500).any()


def test_ties_share_a_quantile_and_kinds_are_apart():
    reference = {
        True: SignalQuantiles(np.array([0.0, 10.0]), np.array([100.0, 0.0])),
        False: SignalQuantiles(np.array([0.0, 10.0]), np.array([1.0, 0.0])),
    }
    signal = np.array([5.0, 5.0, 1.0, 7.0])
    promoter = np.array([False, False, False, True])
    # Ranks from below 2.5, 2.5, 1 of three: half a step and two steps below the strongest.
    found = quantile_normalised(signal, promoter, reference)
    np.testing.assert_allclose(found, [1 - 0.05, 1 - 0.05, 1 - 0.2, 100.0])


def test_beyond_the_reference_signals_go_on_but_not_below_0():
    quantiles = SignalQuantiles(np.array([1.0, 2.0, 4.0]), np.array([9.0, 5.0, 1.0]))
    np.testing.assert_allclose(quantiles(np.array([0.0, 1.0, 1.5, 3.0, 4.25, 9.0])), [13, 9, 7, 3, 0.5, 0])


def test_quantiles_are_interpolated_as_scipy_does():
    interpolate = pytest.importorskip("scipy.interpolate")
    random = np.random.default_rng(1)
    rank, signal = np.sort(random.uniform(0, 100, 30)), random.uniform(0, 9, 30)
    wanted = random.uniform(-20, 130, 200)
    expected = interpolate.interp1d(rank, signal, fill_value="extrapolate")(wanted).clip(0)
    np.testing.assert_allclose(SignalQuantiles(rank, signal)(wanted), expected, atol=1e-12)


def test_activity_is_a_geometric_mean():
    one, two = np.array([4.0, 0.0]), np.array([9.0, 5.0])
    np.testing.assert_array_equal(activity(one, two), [6, 0])
    np.testing.assert_array_equal(activity(one), one)


def test_without_any_activity_there_is_no_score():
    numerator, score = abc_scores(np.zeros(2), np.ones(2), np.zeros(2, dtype=bool))
    assert numerator.tolist() == [0, 0]
    assert np.isnan(score).all()


def test_a_law_that_does_not_fall_is_refused():
    with pytest.raises(UsageError, match="fall with distance"):
        ContactSettings(gamma=0)


@pytest.mark.parametrize("run", ["dhs", "atac"])
def test_everything_that_the_original_wrote(shared_directory, run):
    """All genes' denominators to 1e-9, six genes' pairs, and every pair in the original's lists."""
    folder = shared_directory / "data" / "abc"
    if not folder.is_dir():
        pytest.skip("needs shared/data/abc")
    parameters = json.loads((folder / "parameters.json").read_text())
    assert (SETTINGS.contact.gamma, SETTINGS.contact.scale) == (parameters["hic_gamma"], parameters["hic_scale"])
    regions = table(folder / {"dhs": "regions_dhs_h3k27ac.tsv.gz", "atac": "regions_atac.tsv.gz"}[run])
    start, end = (np.array(regions[name], dtype=np.int64) for name in ("start", "end"))
    promoter = np.array(regions["class"]) == "promoter"
    activities = np.array(regions["activity"], dtype=float)
    number = {place: index for index, place in enumerate(zip(start.tolist(), end.tolist(), strict=True))}
    reference = table(folder / {"dhs": "reference_dhs_h3k27ac.tsv.gz", "atac": "reference_atac_powerlaw.tsv.gz"}[run])
    recomputed = table(folder / {"dhs": "recomputed_dhs_h3k27ac.tsv.gz", "atac": "recomputed_atac.tsv.gz"}[run])
    genes = table(folder / "genes.tsv")
    scores = {}
    for row, symbol in enumerate(genes["symbol"]):
        tss = int(genes["tss"][row])
        distance = midpoint_distance(start, end, tss)
        near = np.flatnonzero(distance < SETTINGS.window)
        own = is_self_promoter(start[near], end[near], promoter[near], tss, SETTINGS.promoter_slop)
        contact = expected_contact(distance[near], SETTINGS.contact)
        numerator, score = abc_scores(activities[near], contact, own)
        assert len(near) == int(genes[f"{run}_elements"][row])
        assert own.sum() == int(genes[f"{run}_self_promoters"][row])
        assert numerator.sum() == pytest.approx(float(genes[f"{run}_denominator"][row]), rel=1e-9)
        scores[symbol] = {index: cells for index, *cells in zip(near.tolist(), contact, numerator, score, strict=True)}
    for lines, gene, columns, tolerance in (
        (recomputed, "gene", ("powerlaw_contact", "numerator", "score"), {"rtol": 1e-9}),
        (reference, "TargetGene", ("powerlaw_contact", "powerlaw.Score.Numerator", "powerlaw.Score"),
         {"rtol": 0, "atol": ROUNDING}),
    ):  # fmt: skip
        places = zip(map(int, lines["start"]), map(int, lines["end"]), strict=True)
        found = np.array([scores[own][number[place]] for own, place in zip(lines[gene], places, strict=True)])
        expected = np.array([lines[name] for name in columns], dtype=float).T
        np.testing.assert_allclose(found, expected, **tolerance)


def table(path):
    with open_text(path, "table") as handle:
        header, *rows = csv.reader(handle, delimiter="\t")
    return dict(zip(header, zip(*rows, strict=True), strict=True))
