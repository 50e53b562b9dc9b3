"""The transform against scikit-learn, and against numbers made with the published code's own steps."""

from pathlib import Path

import numpy as np
import pytest

from enformer_vep.calibration.additions import Addition
from enformer_vep.calibration.calibration import Calibration, ScoreCalibration
from enformer_vep.calibration.quantiles import QuantileSketch
from enformer_vep.calibration.transform import Components, Moments, RobustScale, Transform, fit_components
from enformer_vep.errors import InputError
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.row import ValueBlock
from tests.calibration.strategies import matrix


def correlated(rows, columns, seed=0, unit=1.0):
    """Rows that are mostly combinations of four, with heavy tails and an offset, in different units."""
    random = np.random.default_rng(seed)
    patterns = random.standard_normal((4, columns)) * np.array([[8], [4], [2], [1]])
    values = random.standard_t(3, (rows, 4)) @ patterns + 0.1 * random.standard_normal((rows, columns)) + 0.3
    return (values * random.uniform(0.1, 10, columns) * unit).astype(np.float32)


def sketch_of(values):
    sketch = QuantileSketch(values.shape[1])
    sketch.add(values)
    return sketch


def moments_of(values, cuts=()):
    moments = Moments(values.shape[1])
    for part in np.split(values, cuts):
        moments.add(part)
    return moments


def transform(golden, rows=slice(None)):
    """A calibration with the golden parameters, and what it computes of the golden inputs."""
    labels = tuple(map(str, range(golden["raw"].shape[1])))
    scale = RobustScale(golden["center1"], golden["scale1"].astype(np.float32))
    rescale = RobustScale(golden["center2"][rows], golden["scale2"][rows].astype(np.float32))
    score = ScoreCalibration("MEAN", labels, {}, Transform(scale, Components(golden["components"], rescale)))
    calibration = Calibration({}, {}, {}, 100, 0.0, (score,))
    extension = calibration.extend([ValueBlock("MEAN", labels)], (Addition.COMPONENTS,))
    return scale(golden["raw"]), extension(golden["raw"], [VariantClass.SNV] * len(golden["raw"]))


def assert_golden(golden, components, rows=slice(None)):
    normalized, pcs = transform(golden, rows)
    expected = golden["normalized"]
    np.testing.assert_allclose(normalized[: len(expected)], expected, rtol=1e-5, atol=2e-6)
    expected = golden["pcs"][:, components]
    assert np.linalg.norm(pcs - expected) / np.linalg.norm(expected) < 1e-6
    np.testing.assert_allclose(pcs, expected, rtol=1e-4, atol=1e-4)


def test_golden_excerpt(data_directory: Path):
    golden = np.load(data_directory / "golden_sad_transform.npz")
    assert_golden(golden, golden["rows"], golden["rows"])


def test_golden(shared_directory: Path):
    golden = np.load(shared_directory / "golden" / "sad_transform.npz")
    assert golden["pcs"].shape == (6, 500)
    assert_golden(golden, slice(None))


@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_robust_scale_equals_scikit_learn(unit):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    values = np.concatenate([correlated(999, 8, unit=unit), matrix(999, 1)], axis=1)
    reference = preprocessing.RobustScaler().fit(values)
    scale = RobustScale.of_sketch(sketch_of(values))
    np.testing.assert_allclose(scale.centre, reference.center_, rtol=1e-6)
    np.testing.assert_allclose(scale.scale, reference.scale_, rtol=1e-6)
    np.testing.assert_allclose(scale(values), reference.transform(values), rtol=1e-4, atol=1e-5)


def test_a_column_without_spread_is_not_scaled():
    values = np.array([[1, 5, 0], [1, 5, 0], [1, 5, 0], [1, 5, 0], [7, 6, 1e-12]], dtype=np.float32)
    scale = RobustScale.of_sketch(sketch_of(values))
    assert scale.scale.tolist() == [1, 1, 1]
    assert scale(values)[-1].tolist() == pytest.approx([6, 1, 1e-12])


@pytest.mark.parametrize(("rows", "columns"), [(1500, 40), (60, 80)], ids=["tall", "wide"])
def test_components_equal_scikit_learns_pipeline(rows, columns):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    decomposition = pytest.importorskip("sklearn.decomposition")
    pipeline = pytest.importorskip("sklearn.pipeline")
    values = correlated(rows, columns)
    reference = pipeline.make_pipeline(
        preprocessing.RobustScaler(),
        decomposition.TruncatedSVD(6, algorithm="arpack", random_state=0),
        preprocessing.RobustScaler(),
    )
    expected = reference.fit_transform(values.astype(np.float64))
    directions = reference[1].components_
    scale = RobustScale.of_sketch(sketch_of(values))
    fitted = fit_components(moments_of(values), scale, values, 6)
    signs = np.sign((fitted.directions * directions).sum(axis=1))
    np.testing.assert_allclose(fitted.directions, directions * signs[:, None], atol=2e-5)
    np.testing.assert_allclose(fitted(scale(values)), expected * signs, rtol=2e-4, atol=2e-4)


def test_signs_are_fixed_and_rows_orthonormal():
    values = correlated(500, 20)
    directions = fit_components(moments_of(values), RobustScale.of_sketch(sketch_of(values)), values, 7).directions
    assert (directions[np.arange(7), np.abs(directions).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(directions @ directions.T, np.eye(7), atol=1e-6)


def test_one_pattern_by_hand():
    # Every row is a multiple of (3, -4), and the scaler is the identity: the direction is (-3, 4) / 5.
    values = np.outer([-2, -1, 0, 1, 2], [3, -4]).astype(np.float32)
    identity = RobustScale(np.zeros(2, np.float32), np.ones(2, np.float32))
    fitted = fit_components(moments_of(values), identity, values, 1)
    np.testing.assert_allclose(fitted.directions, [[-0.6, 0.8]], atol=1e-7)
    # Multiples of -5: the median is 0, the quartiles are 5 and -5.
    assert fitted.rescale.scale.tolist() == pytest.approx([10])
    np.testing.assert_allclose(fitted(values)[:, 0], [1, 0.5, 0, -0.5, -1], atol=1e-6)


def test_more_components_than_there_are_is_an_error():
    values = np.outer(np.arange(5), [3, -4, 1]).astype(np.float32)
    identity = RobustScale(np.zeros(3, np.float32), np.ones(3, np.float32))
    with pytest.raises(InputError, match="components 2: the scores of this background have only 1: ask"):
        fit_components(moments_of(values), identity, values, 2)


def test_moments_do_not_depend_on_batches():
    values = correlated(1000, 12)
    scale = RobustScale.of_sketch(sketch_of(values))
    scaled = ((values - scale.centre) / scale.scale).astype(np.float64)
    whole = moments_of(values).scaled(scale)
    np.testing.assert_allclose(whole, scaled.T @ scaled, rtol=1e-5)
    assert (moments_of(values, [1, 255, 257, 700]).scaled(scale) == whole).all()
