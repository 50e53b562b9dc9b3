import shutil
import sys
import types
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.errors import DependencyError, ModelError
from enformer_vep.models.checkpoints import LoadedModel, build_on_meta, load_model, tensor_shapes
from enformer_vep.models.enformer import sonnet
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.families import FAMILIES
from tests.comparison import WINDOW, assert_same_model

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
Arrays = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def keys(data_directory: Path) -> dict[str, tuple[int, ...]]:
    """What DeepMind's code saved: key to shape."""
    rows = [line.split("\t") for line in (data_directory / "sonnet_keys.tsv").read_text().splitlines()]
    return {key: tuple(int(size) for size in shape.split(",") if size) for key, shape in rows}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "enformer-1.index").touch()
    return tmp_path / "release" / "enformer-1"


@pytest.fixture
def tensorflow(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Stands in for the package: its `train.load_checkpoint` reads the arrays of the returned dictionary."""
    arrays: dict[str, np.ndarray] = {}

    class Reader:
        def __init__(self, path: str) -> None:
            if not arrays:
                raise module.errors.OpError("Unable to open table file\nmore of it")

        def get_variable_to_shape_map(self) -> dict[str, list[int]]:
            return {name: list(array.shape) for name, array in arrays.items()}

        def get_tensor(self, name: str) -> np.ndarray:
            return arrays[name]

    module = types.ModuleType("tensorflow")
    module.train = types.SimpleNamespace(load_checkpoint=Reader)
    module.errors = types.SimpleNamespace(OpError=type("OpError", (Exception,), {}))
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    return arrays


def stored_arrays(shared_directory: Path) -> dict[str, np.ndarray]:
    archive = np.load(shared_directory / "golden" / "tiny.npz")
    return {name.removeprefix("w/"): archive[name] for name in archive if name.startswith("w/")}


def without_affixes(keys: Iterable[str]) -> list[str]:
    return [key.removeprefix("module/").removesuffix(SUFFIX) for key in keys]


def test_names_and_shapes_are_those_that_deepmind_saves(keys: dict[str, tuple[int, ...]], tiny: LoadedModel) -> None:
    shapes = tensor_shapes(build_on_meta(tiny.family, tiny.config))
    located = dict(sonnet.SONNET.locate(name, shape) for name, shape in shapes.items())
    saved = dict(zip(without_affixes(keys), keys.values(), strict=True))
    assert located == {key: shape for key, shape in saved.items() if not sonnet.SONNET.is_state(key)}


def test_configuration_is_read_off_the_shapes(keys: dict[str, tuple[int, ...]], tiny: LoadedModel) -> None:
    shapes = dict(zip(without_affixes(keys), keys.values(), strict=True))
    values = sonnet.deduce_config(shapes, Path("x"))
    assert EnformerConfig(**values, window=WINDOW, target_length=16) == tiny.config


def test_configuration_of_the_published_shape() -> None:
    shapes = tensor_shapes(build_on_meta(FAMILIES["enformer"], EnformerConfig()))
    located = dict(sonnet.SONNET.locate(name, shape) for name, shape in shapes.items())
    assert EnformerConfig(**sonnet.deduce_config(located, Path("x"))) == EnformerConfig()


def test_same_numbers_as_the_other_layouts(
    tensorflow: dict[str, np.ndarray], prefix: Path, tiny: LoadedModel, shared_directory: Path
) -> None:
    tensorflow.update(stored_arrays(shared_directory), save_counter=np.int64(1))
    for source in (prefix, prefix.with_name("enformer-1.index"), prefix.parent):
        assert_same_model(load_model(source, None, WINDOW, target_length=16), tiny)


def test_real_tensorflow(tiny: LoadedModel, shared_directory: Path) -> None:
    pytest.importorskip("tensorflow")
    loaded = load_model(shared_directory / "golden" / "tiny_sonnet_checkpoint", None, WINDOW, target_length=16)
    assert_same_model(loaded, tiny)


def test_default_geometry(
    tensorflow: dict[str, np.ndarray],
    prefix: Path,
    shared_directory: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tensorflow.update(stored_arrays(shared_directory))
    assert load_model(prefix).config.target_length == 896
    assert caplog.records == []
    assert load_model(prefix, window=WINDOW).config.target_length == 16
    assert "does not say how many of its 24 bins to predict: taking the central 16" in caplog.text


def test_missing_tensor(tensorflow: dict[str, np.ndarray], prefix: Path, keys: dict[str, tuple[int, ...]]) -> None:
    tensorflow.update({key: np.zeros(shape, dtype=np.float32) for key, shape in keys.items()})
    del tensorflow[f"module/_trunk/_layers/0/_layers/0/b{SUFFIX}"]
    with pytest.raises(ModelError, match=r"1 missing: _trunk/_layers/0/_layers/0/b\)"):
        load_model(prefix)


def test_not_an_enformer(tensorflow: dict[str, np.ndarray], prefix: Path) -> None:
    tensorflow[f"module/w{SUFFIX}"] = np.zeros(1)
    with pytest.raises(ModelError, match="not an Enformer checkpoint of DeepMind's layout"):
        load_model(prefix)


def test_damaged(tensorflow: dict[str, np.ndarray], prefix: Path) -> None:
    assert tensorflow == {}
    with pytest.raises(ModelError, match=r"\(Unable to open table file\): download it again"):
        load_model(prefix)


def test_without_tensorflow(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(DependencyError, match=r"pip install 'enformer-vep\[tensorflow\]'"):
        load_model(prefix)


def test_directory_with_two_checkpoints(prefix: Path) -> None:
    shutil.copy(prefix.with_name("enformer-1.index"), prefix.with_name("enformer-2.index"))
    with pytest.raises(ModelError, match=r"neither config\.json nor one TensorFlow checkpoint"):
        load_model(prefix.parent)
