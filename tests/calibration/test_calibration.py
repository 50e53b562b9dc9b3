"""Fitting, matching and extending rows, from the outside."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from enformer_vep.calibration import Addition, CalibrationFitter, calibration_identity, parse_additions
from enformer_vep.calibration.comparison import recorded_settings
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.settings import Engine, ScoreSettings
from enformer_vep.tables.row import ValueBlock

TRACKS = ("liver", "brain", "heart", "lung")
BLOCKS = (
    ValueBlock("SAD", TRACKS, titles=("L", "B", "H", "U")),
    ValueBlock("REF", TRACKS),
    ValueBlock("JS", TRACKS),
)
SETTINGS = ScoreSettings(engine=Engine.DELTA, shifts=(-1, 0, 1), centre_bins=3)
IDENTITY = calibration_identity(SETTINGS.describe(), "f" * 64, 2048)


def background(rows=1500, seed=0):
    """Values of the columns SAD, REF and JS."""
    random = np.random.default_rng(seed)
    sad = random.standard_t(3, (rows, 4)) * [1e-6, 1, 100, 0.1]
    return np.hstack([sad, random.exponential(size=(rows, 8))]).astype(np.float32)


def snvs(values):
    return [VariantClass.SNV] * len(values)


def fitted(values=None, components=2, blocks=BLOCKS, classes=None):
    values = background() if values is None else values
    fitter = CalibrationFitter(blocks, IDENTITY, recorded_settings(SETTINGS.describe()), components)
    fitter.add(values, snvs(values) if classes is None else classes)
    return fitter.finish()


def extended(calibration, blocks, values, additions=(Addition.QUANTILE,), classes=None):
    """What is added to rows, all of them SNVs unless classes are given."""
    return calibration.extend(blocks, additions)(values, snvs(values) if classes is None else classes)


@pytest.fixture(scope="module")
def calibration():
    return fitted()


def test_names_of_the_added_columns(calibration):
    blocks = calibration.extend(BLOCKS, tuple(Addition)).blocks
    assert [(block.score, block.labels) for block in blocks] == [
        ("SADQ", TRACKS),
        ("JSQ", TRACKS),
        ("SADZ", TRACKS),
        ("JSZ", TRACKS),
        ("SADPC", ("1", "2")),
        ("JSPC", ("1", "2")),
        ("SADAGQ", TRACKS),
        ("JSAGQ", TRACKS),
    ]
    assert blocks[0].titles == ("L", "B", "H", "U")
    assert "rank of its size" in blocks[0].description
    assert [block.score for block in calibration.extend(BLOCKS).blocks] == ["SADQ", "JSQ"]


def test_each_value_is_calibrated_by_its_own_score_and_track(calibration):
    values = background()
    added = extended(calibration, BLOCKS, values, (Addition.QUANTILE, Addition.ZSCORE))
    assert added.dtype == np.float32
    quantiles, zscores = np.split(added, 2, axis=1)
    measured = values[:, [0, 1, 2, 3, 8, 9, 10, 11]]
    ranks = np.abs(measured).argsort(axis=0).argsort(axis=0)
    np.testing.assert_allclose(quantiles, np.sign(measured) * (ranks + 0.5) / 1500, atol=0.0051)
    median = np.median(measured, axis=0)
    spread = np.quantile(measured, 0.75, axis=0) - np.quantile(measured, 0.25, axis=0)
    np.testing.assert_allclose(zscores, (measured - median) / (spread / 1.3489795), rtol=1e-4, atol=1e-5)


def test_swapping_the_alleles_negates_quantiles_of_signed_scores(calibration):
    values = background(seed=1)
    swapped = values.copy()
    swapped[:, :4] *= -1
    before, after = (extended(calibration, BLOCKS, some) for some in (values, swapped))
    assert (after[:, :4] == -before[:, :4]).all()
    assert (after[:, 4:] == before[:, 4:]).all()


def test_a_run_with_fewer_tracks_in_another_order(calibration):
    values = background(50, seed=2)
    additions = (Addition.QUANTILE, Addition.ZSCORE)
    whole = extended(calibration, BLOCKS, values, additions)
    part = extended(calibration, [ValueBlock("SAD", ("heart", "liver"))], values[:, [2, 0]], additions)
    assert (part == whole[:, [2, 0, 10, 8]]).all()


def test_components_follow_the_order_of_the_run(calibration):
    values = background(50, seed=2)
    expected = extended(calibration, BLOCKS[:1], values[:, :4], (Addition.COMPONENTS,))
    blocks = [ValueBlock("SAD", ("lung", "liver", "brain", "heart"))]
    shuffled = extended(calibration, blocks, values[:, [3, 0, 1, 2]], (Addition.COMPONENTS,))
    np.testing.assert_allclose(shuffled, expected, rtol=1e-4, atol=1e-5)


def test_batches_do_not_show_in_the_fit():
    values = background()
    fitter = CalibrationFitter(BLOCKS, IDENTITY, components=2)
    for part in np.split(values, [3, 900, 901]):
        fitter.add(part, snvs(part))
    every = tuple(Addition)
    assert (extended(fitter.finish(), BLOCKS, values, every) == extended(fitted(), BLOCKS, values, every)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused_by_name(bad):
    fitter = CalibrationFitter(BLOCKS, IDENTITY)
    fitter.add(background(7), snvs(range(7)))
    values = background(5)
    values[3, 9] = bad
    with pytest.raises(InputError, match=rf"background allele 11: JS_brain is {bad}: score with"):
        fitter.add(values, snvs(values))


def test_predictions_may_be_anything_since_they_are_passed_over():
    values = background()
    values[:, 4:8] = np.nan
    assert [score.score for score in fitted(values).scores] == ["SAD", "JS"]


def test_small_backgrounds(caplog):
    with pytest.raises(InputError, match=r"only 99 .* scored, at most 99 of a class, and 100 of a class are the least"):
        fitted(background(99))
    with caplog.at_level(logging.WARNING):
        fitted(background(100), components=0)
    assert "few background alleles: quantiles end for snv at 0.9950 (100 alleles)" in caplog.text
    assert "not calibrated for lack of 100 background alleles: mnv (0), insertion_1 (0)" in caplog.text


def test_what_cannot_be_fitted():
    with pytest.raises(UsageError, match="--components 5: only 4 tracks are scored"):
        CalibrationFitter(BLOCKS, IDENTITY, components=5)
    with pytest.raises(UsageError, match="REF and ALT are predictions"):
        CalibrationFitter([ValueBlock("ALT", TRACKS), ValueBlock("SADSD", TRACKS)], IDENTITY)


@pytest.mark.parametrize(
    ("blocks", "additions", "message"),
    [
        ([ValueBlock("SADR", TRACKS)], ("quantile",), "has no SADR, only SAD, JS: fit one with the same"),
        ([ValueBlock("SAD", ("x", "liver"))], ("zscore",), "SAD lacks 1 of 2 tracks, such as x: fit one"),
        (
            [ValueBlock("SAD", ("liver",))],
            ("components",),
            "need all 4 tracks of the calibration, this run has 1",
        ),
        ([ValueBlock("REF", TRACKS)], ("quantile",), "REF and ALT are predictions"),
    ],
)
def test_runs_that_it_says_nothing_about(calibration, blocks, additions, message):
    with pytest.raises(UsageError, match=message):
        calibration.extend(blocks, tuple(map(Addition, additions)))


def test_signs_that_were_not_kept(calibration):
    first, *others = calibration.scores
    classes = {one: replace(fitted, signed=None) for one, fitted in first.classes.items()}
    without = replace(calibration, scores=(replace(first, classes=classes), *others))
    without.extend(BLOCKS)
    with pytest.raises(UsageError, match="has sizes of SAD only, not their signs: fit one with the same settings"):
        without.extend(BLOCKS, (Addition.ALPHAGENOME,))


def test_components_that_were_not_fitted():
    without = fitted(components=0)
    assert not without.has_components
    with pytest.raises(UsageError, match="has no components: fit one with enformer-vep calibrate --components K"):
        without.extend(BLOCKS, (Addition.COMPONENTS,))


def test_the_same_settings_match_whatever_computes_them(calibration):
    assert calibration.recorded["engine"] == "delta"
    other = ScoreSettings(shifts=(-1, 0, 1), centre_bins=3, engine=Engine.PAIR, tracks="liver")
    calibration.require_matching(calibration_identity(other.describe(), "f" * 64, 2048))
    calibration.require_matching(calibration_identity(SETTINGS.describe(), "f" * 64, 2048, genes="none"))


@pytest.mark.parametrize(
    ("settings", "model", "window", "others", "message"),
    [
        ({}, "e" * 64, 2048, {}, r"model ffffffffffff\.\.\. \(this run: eeeeeeeeeeee\.\.\.\)"),
        ({"organism": "mouse"}, "f" * 64, 2048, {}, r"organism human \(this run: mouse\)"),
        ({"shifts": (0,)}, "f" * 64, 2048, {}, r"shifts -1,0,1 \(this run: 0\)"),
        ({"reverse_complement": True}, "f" * 64, 2048, {}, r"rc False \(this run: True\)"),
        ({"centre_bins": None}, "f" * 64, 2048, {}, r"bins 3 \(this run: all\)"),
        ({}, "f" * 64, 4096, {}, r"window 2048 \(this run: 4096\)"),
        ({"share_windows": 9}, "f" * 64, 2048, {}, r"share-windows 0 \(this run: 9\)"),
        (
            {"shifts": (0,), "centre_bins": 4},
            "f" * 64,
            2048,
            {},
            r"bins 3 \(this run: 4\), shifts -1,0,1 \(this run: 0\)",
        ),
    ],
)
def test_another_run_is_refused_by_name(calibration, settings, model, window, others, message):
    asked = {"shifts": (-1, 0, 1), "centre_bins": 3, **settings}
    identity = calibration_identity(ScoreSettings(**asked).describe(), model, window, **others)
    with pytest.raises(UsageError, match=rf"^the calibration was made with {message}: fit one with the same"):
        calibration.require_matching(identity)


def test_additions_are_read():
    assert parse_additions("Quantile, zscore") == (Addition.QUANTILE, Addition.ZSCORE)
    for text in ("", "quantile,quantile", "rank"):
        with pytest.raises(UsageError, match="choose from quantile, zscore, components, alphagenome, each once"):
            parse_additions(text)


CLASSES = (VariantClass.SNV, VariantClass.MNV, VariantClass.DELETION_1, VariantClass.INSERTION_21_64)


def mixed(rows=3000, seed=3):
    """Values of SAD, skewed, of another width and position in each class, and the classes; long insertions are few."""
    random = np.random.default_rng(seed)
    kinds = random.choice(len(CLASSES), rows, p=[0.6, 0.2, 0.19, 0.01])
    values = (random.exponential(size=(rows, 4)) - 0.3) * np.array([1, 3, 200, 9])[kinds, None]
    return values.astype(np.float32), [CLASSES[kind] for kind in kinds]


def share_below(background, value):
    """The plain definition of a rank: those smaller, and half of those that are the same."""
    return ((background < value).sum() + (background == value).sum() / 2) / len(background)


@pytest.fixture(scope="module")
def by_class():
    values, classes = mixed()
    return fitted(values, components=2, blocks=BLOCKS[:1], classes=classes)


def test_a_score_is_ranked_within_its_class(by_class):
    values, classes = mixed()
    additions = (Addition.QUANTILE, Addition.ALPHAGENOME, Addition.ZSCORE)
    probes, kinds = mixed(300, seed=4)
    quantiles, centred, zscores = np.split(extended(by_class, BLOCKS[:1], probes, additions, kinds), 3, axis=1)
    own = np.array(classes)
    for row, kind in enumerate(kinds):
        background = values[own == kind]
        for column, value in enumerate(probes[row]):
            if kind is VariantClass.INSERTION_21_64:
                assert np.isnan([quantiles[row, column], centred[row, column], zscores[row, column]]).all()
                continue
            expected = np.sign(value) * share_below(np.abs(background[:, column]), abs(value))
            assert quantiles[row, column] == pytest.approx(expected, abs=0.0051)
            expected = 2 * share_below(background[:, column], value) - 1
            assert centred[row, column] == pytest.approx(expected, abs=0.0201)
            low, median, high = np.quantile(background[:, column], (0.25, 0.5, 0.75))
            expected = (value - median) / ((high - low) / 1.3489795)
            assert zscores[row, column] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_no_z_score_where_the_background_has_no_spread():
    values = background(200)[:, :4]
    values[:, 1] = 0.25
    found = extended(fitted(values, components=0, blocks=BLOCKS[:1]), BLOCKS[:1], values[:3], (Addition.ZSCORE,))
    assert np.isnan(found).all(axis=0).tolist() == [False, True, False, False]


def test_both_conventions_of_quantiles_differ_on_a_skewed_background(by_class):
    """A score of nearly 0 is no effect to one, and above most of a negative background to the other."""
    value = np.full((1, 4), -1e-6, np.float32)
    ours, theirs = np.split(extended(by_class, BLOCKS[:1], value, (Addition.QUANTILE, Addition.ALPHAGENOME)), 2, axis=1)
    # 1 - exp(-0.3) of the background is negative.
    np.testing.assert_allclose(theirs, 2 * (1 - np.exp(-0.3)) - 1, atol=0.1)
    assert (np.abs(ours) < 0.01).all()


def test_scores_without_a_sign_have_one_quantile(calibration):
    values = background(50, seed=5)[:, 8:]
    ours, theirs = np.split(
        extended(calibration, BLOCKS[2:], values, (Addition.QUANTILE, Addition.ALPHAGENOME)), 2, axis=1
    )
    assert (ours == theirs).all()


def test_components_are_of_all_classes_together(by_class):
    """One set of axes, on which any two rows can be compared; a class that is lacking has them as well."""
    values, classes = mixed()
    alone = extended(fitted(values, blocks=BLOCKS[:1]), BLOCKS[:1], values, (Addition.COMPONENTS,))
    found = extended(by_class, BLOCKS[:1], values, (Addition.COMPONENTS,), classes)
    assert (found == alone).all()
    assert np.isfinite(found).all()


def test_the_rule_for_indels_matters_to_a_calibration_that_ranks_indels(calibration, by_class):
    identity = {**IDENTITY, "indels": "another"}
    calibration.require_matching(identity)
    with pytest.raises(UsageError, match=rf"indels {IDENTITY['indels']} \(this run: another\)"):
        by_class.require_matching(identity)


def test_classes_are_told(by_class):
    assert by_class.classes == CLASSES[:3]
    assert by_class.counts[VariantClass.INSERTION_21_64] < by_class.least == 100
    described = by_class.describe_classes()
    assert described.startswith(f"snv ({by_class.counts[VariantClass.SNV]} alleles), mnv (")
    assert "; no quantiles of: insertion_1, insertion_2_5" in described
    assert by_class.extend(BLOCKS[:1]).classes == set(CLASSES[:3])


def test_batches_of_mixed_classes_do_not_show():
    values, classes = mixed()
    fitter = CalibrationFitter(BLOCKS[:1], IDENTITY, components=2)
    for begin in range(0, len(values), 7):
        fitter.add(values[begin : begin + 7], classes[begin : begin + 7])
    probes, kinds = mixed(40, seed=5)
    whole = fitted(values, blocks=BLOCKS[:1], classes=classes)
    every = tuple(Addition)
    np.testing.assert_array_equal(
        extended(fitter.finish(), BLOCKS[:1], probes, every, kinds), extended(whole, BLOCKS[:1], probes, every, kinds)
    )
