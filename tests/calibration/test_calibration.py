"""Fitting, matching and extending rows, from the outside."""

import logging

import numpy as np
import pytest

from enformer_vep.calibration import Addition, CalibrationFitter, calibration_identity, parse_additions
from enformer_vep.calibration.comparison import recorded_settings
from enformer_vep.errors import InputError, UsageError
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


def fitted(values=None, components=2, blocks=BLOCKS):
    fitter = CalibrationFitter(blocks, IDENTITY, recorded_settings(SETTINGS.describe()), components)
    fitter.add(background() if values is None else values)
    return fitter.finish()


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
    ]
    assert blocks[0].titles == ("L", "B", "H", "U")
    assert "rank of its size" in blocks[0].description
    assert [block.score for block in calibration.extend(BLOCKS).blocks] == ["SADQ", "JSQ"]


def test_each_value_is_calibrated_by_its_own_score_and_track(calibration):
    values = background()
    added = calibration.extend(BLOCKS, (Addition.QUANTILE, Addition.ZSCORE))(values)
    assert added.dtype == np.float32
    quantiles, zscores = np.split(added, 2, axis=1)
    measured = values[:, [0, 1, 2, 3, 8, 9, 10, 11]]
    ranks = np.abs(measured).argsort(axis=0).argsort(axis=0)
    np.testing.assert_allclose(quantiles, np.sign(measured) * (ranks + 0.5) / 1500, atol=0.0051)
    median = np.median(measured, axis=0)
    spread = np.quantile(measured, 0.75, axis=0) - np.quantile(measured, 0.25, axis=0)
    np.testing.assert_allclose(zscores, (measured - median) / spread, rtol=1e-4, atol=1e-5)


def test_swapping_the_alleles_negates_quantiles_of_signed_scores(calibration):
    extend = calibration.extend(BLOCKS)
    values = background(seed=1)
    swapped = values.copy()
    swapped[:, :4] *= -1
    before, after = extend(values), extend(swapped)
    assert (after[:, :4] == -before[:, :4]).all()
    assert (after[:, 4:] == before[:, 4:]).all()


def test_a_run_with_fewer_tracks_in_another_order(calibration):
    values = background(50, seed=2)
    whole = calibration.extend(BLOCKS, (Addition.QUANTILE, Addition.ZSCORE))(values)
    part = calibration.extend([ValueBlock("SAD", ("heart", "liver"))], (Addition.QUANTILE, Addition.ZSCORE))
    assert (part(values[:, [2, 0]]) == whole[:, [2, 0, 10, 8]]).all()


def test_components_follow_the_order_of_the_run(calibration):
    values = background(50, seed=2)
    expected = calibration.extend(BLOCKS[:1], (Addition.COMPONENTS,))(values[:, :4])
    shuffled = calibration.extend([ValueBlock("SAD", ("lung", "liver", "brain", "heart"))], (Addition.COMPONENTS,))
    np.testing.assert_allclose(shuffled(values[:, [3, 0, 1, 2]]), expected, rtol=1e-4, atol=1e-5)


def test_batches_do_not_show_in_the_fit():
    values = background()
    fitter = CalibrationFitter(BLOCKS, IDENTITY, components=2)
    for part in np.split(values, [3, 900, 901]):
        fitter.add(part)
    extend = fitter.finish().extend(BLOCKS, tuple(Addition))
    assert (extend(values) == fitted().extend(BLOCKS, tuple(Addition))(values)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused_by_name(bad):
    fitter = CalibrationFitter(BLOCKS, IDENTITY)
    fitter.add(background(7))
    values = background(5)
    values[3, 9] = bad
    with pytest.raises(InputError, match=rf"background allele 11: JS_brain is {bad}: score with"):
        fitter.add(values)


def test_predictions_may_be_anything_since_they_are_passed_over():
    values = background()
    values[:, 4:8] = np.nan
    assert [score.score for score in fitted(values).scores] == ["SAD", "JS"]


def test_small_backgrounds(caplog):
    with pytest.raises(InputError, match="only 9 background alleles were scored, 10 are the least"):
        fitted(background(9))
    with caplog.at_level(logging.WARNING):
        fitted(background(100), components=0)
    assert "only 100 background alleles: quantiles end at 0.9950" in caplog.text


def test_what_cannot_be_fitted():
    with pytest.raises(UsageError, match="--components 5: only 4 tracks are scored"):
        CalibrationFitter(BLOCKS, IDENTITY, components=5)
    with pytest.raises(UsageError, match="REF and ALT are predictions"):
        CalibrationFitter([ValueBlock("ALT", TRACKS)], IDENTITY)


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
        ({}, "f" * 64, 2048, {"indels": "stitch"}, r"indels local \(this run: stitch\)"),
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
        with pytest.raises(UsageError, match="choose from quantile, zscore, components, each once"):
            parse_additions(text)
