import numpy as np
import pytest

from enformer_vep.eqtl.eqtl_settings import FeatureSettings, ForestSettings
from enformer_vep.eqtl.forest import Forest
from enformer_vep.eqtl.model_file import FittedModels, read_models, to_bytes
from enformer_vep.errors import DependencyError, InputError

SETTINGS = ForestSettings(trees=20)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(5)
    features = random.normal(size=(300, 9)).astype(np.float32)
    return features, features[:, 2] + 0.5 * random.normal(size=300) > 0.3


@pytest.fixture(scope="module")
def forest(data):
    pytest.importorskip("sklearn")
    from enformer_vep.eqtl.sklearn_door import grow_forest

    return grow_forest(*data, SETTINGS, seed=3)


@pytest.fixture
def saved(tmp_path, forest):
    models = FittedModels(FeatureSettings(), tuple("abcdefghi"), False, {"Liver": forest}, {"seed": 3})
    path = tmp_path / "m.safetensors"
    path.write_bytes(to_bytes(models))
    return path


def stump():
    """x1 <= 2 gives 0.25, else 1; and a tree that is a leaf of 0.5."""
    trees = [
        tuple(map(np.array, ([1, -1, -1], [2, -1, -1], [1, -2, -2], [2.0, -2, -2], [0.6, 0.25, 1]))),
        tuple(map(np.array, ([-1], [-1], [-2], [-2.0], [0.5]))),
    ]
    return Forest.from_trees(trees)


def test_worked_by_hand():
    rows = np.array([[9, 1], [9, 2], [9, 2.5]], dtype=np.float32)
    assert stump().predict(rows).tolist() == [0.375, 0.375, 0.75]
    assert len(stump().predict(rows[:0])) == 0


def test_predicts_what_scikit_learn_predicts(data, forest):
    ensemble = pytest.importorskip("sklearn.ensemble")
    theirs = ensemble.RandomForestClassifier(20, max_features="log2", max_depth=64, random_state=3).fit(*data)
    rows = np.random.default_rng(6).normal(size=(1300, 9)).astype(np.float32)
    np.testing.assert_allclose(forest.predict(rows), theirs.predict_proba(rows)[:, 1], rtol=0, atol=1e-12)


def test_jobs_do_not_change_the_trees(data, forest):
    from enformer_vep.eqtl.sklearn_door import grow_forest

    other = grow_forest(*data, ForestSettings(trees=20, jobs=2), seed=3)
    for name, array in other.arrays().items():
        np.testing.assert_array_equal(array, forest.arrays()[name])


def test_missing_scikit_learn_is_one_line(monkeypatch, data):
    from enformer_vep.eqtl import sklearn_door

    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(DependencyError, match=r"pip install 'enformer-vep\[eqtl\]'"):
        sklearn_door.grow_forest(*data, SETTINGS, seed=3)


def test_round_trip(data, forest, saved):
    models = read_models(saved)
    assert (models.tracks, models.features, models.by_gene) == (tuple("abcdefghi"), FeatureSettings(), False)
    assert models.notes == {"seed": 3}
    np.testing.assert_array_equal(models.forests["Liver"].predict(data[0]), forest.predict(data[0]))
    assert to_bytes(models) == saved.read_bytes()


def test_a_pickle_is_not_opened(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was executed",))

    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="was not made by enformer-vep eqtl fit"):
        read_models(path)


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="was not made by enformer-vep eqtl fit"):
        read_models(path)


def test_a_changed_number_is_noticed(saved):
    data = bytearray(saved.read_bytes())
    data[-5] ^= 1
    saved.write_bytes(data)
    with pytest.raises(InputError, match="checksum is wrong"):
        read_models(saved)


def test_a_cut_file_is_damaged(saved):
    saved.write_bytes(saved.read_bytes()[:-8])
    with pytest.raises(InputError, match="is damaged"):
        read_models(saved)


def test_a_newer_format_says_so(saved):
    saved.write_bytes(saved.read_bytes().replace(rb"\"format\": 1", rb"\"format\": 2"))
    with pytest.raises(InputError, match="has format 2, not 1"):
        read_models(saved)


@pytest.mark.parametrize(
    ("name", "node", "value"),
    [
        ("left", 0, 99), ("left", 0, -1), ("right", 0, 0), ("left", 2, 1), ("feature", 0, 2), ("feature", 0, -1),
        ("threshold", 0, np.nan), ("share", 1, 1.5), ("roots", 1, 4), ("roots", 0, -1),
    ],
)  # fmt: skip
def test_trees_that_would_lead_astray_are_refused(name, node, value):
    """Out of bounds, in circles, or to no probability."""
    arrays = {key: array.copy() for key, array in stump().arrays().items()}
    assert isinstance(Forest.from_arrays(arrays, 2), Forest)
    arrays[name][node] = value
    with pytest.raises(InputError, match="a forest in it is damaged"):
        Forest.from_arrays(arrays, 2)
