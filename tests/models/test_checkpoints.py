import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from enformer_vep.errors import ModelError, OutputError
from enformer_vep.models import stores
from enformer_vep.models.checkpoints import LoadedModel, load_model, save_model
from enformer_vep.models.sources import METADATA_KEY, default_target_length
from tests.builders import config_json
from tests.comparison import WINDOW, assert_same_model

IDENTITY = "c95f0e9db92a080e5fb1e849b29b60e37facdf96a6904f06615ad514d9d556de"
"""Of the golden model; changes only if the definition in identity.py does."""
ALIASES = {
    "stem.": "_trunk.1.",
    "conv_tower.": "_trunk.2.",
    "transformer.": "_trunk.4.",
    "final_pointwise.": "_trunk.6.",
}

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def tensors(tiny_directory: Path) -> Tensors:
    return load_file(tiny_directory / "model.safetensors")


@pytest.fixture
def hub_copy(tiny_directory: Path, tmp_path: Path) -> Path:
    """A copy of the golden model in the hub's layout that may be spoiled."""
    return Path(shutil.copytree(tiny_directory, tmp_path / "copy"))


@pytest.fixture
def native(tiny: LoadedModel, tmp_path: Path) -> Path:
    path = tmp_path / "native.safetensors"
    save_model(tiny.network, path, {"targets_human": "a table"})
    return path


def save_bin(tensors: Tensors, directory: Path) -> Path:
    """Writes the older kind of file, with every layer there twice, as the official one has it."""
    (directory / "model.safetensors").unlink()
    again = {
        new + name.removeprefix(old): t
        for name, t in tensors.items()
        for old, new in ALIASES.items()
        if name.startswith(old)
    }
    torch.save({**tensors, **again}, directory / "pytorch_model.bin")
    return directory


def test_identity_is_fixed(tiny: LoadedModel) -> None:
    assert tiny.sha256 == IDENTITY


def test_network_is_ready_to_predict(tiny: LoadedModel) -> None:
    assert not tiny.network.training
    assert {p.dtype for p in tiny.network.parameters()} == {torch.float32}
    assert not any(p.requires_grad or p.is_meta for p in tiny.network.parameters())
    assert not any(b.is_meta for b in tiny.network.buffers())
    assert tiny.config.output_tracks == {"human": 13, "mouse": 7}


def test_bin_with_aliases(tiny: LoadedModel, tensors: Tensors, hub_copy: Path) -> None:
    assert_same_model(load_model(save_bin(tensors, hub_copy), None, WINDOW), tiny)


def test_bin_of_the_time_before_zip(tiny: LoadedModel, tensors: Tensors, hub_copy: Path) -> None:
    (hub_copy / "model.safetensors").unlink()
    torch.save(tensors, hub_copy / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert_same_model(load_model(hub_copy, None, WINDOW), tiny)


def test_one_file_of_the_hub_layout(tiny: LoadedModel, tiny_directory: Path) -> None:
    assert_same_model(load_model(tiny_directory / "model.safetensors", None, WINDOW), tiny)


def test_own_file(tiny: LoadedModel, native: Path) -> None:
    loaded = load_model(str(native), None)
    assert_same_model(loaded, tiny)
    assert (loaded.name, loaded.metadata) == ("native.safetensors", {"targets_human": "a table"})


def test_hub_layouts_of_shared(tiny: LoadedModel, shared_directory: Path) -> None:
    for name in ("tiny_hf_bin", "tiny_hf_safetensors"):
        assert_same_model(load_model(shared_directory / "golden" / name, None, WINDOW), tiny)


def test_own_file_is_the_same_bytes_every_time(tiny: LoadedModel, native: Path, tmp_path: Path) -> None:
    save_model(tiny.network, tmp_path / "again.safetensors", {"targets_human": "a table"})
    assert (tmp_path / "again.safetensors").read_bytes() == native.read_bytes()


@pytest.mark.parametrize("organism", ["human", "mouse"])
def test_one_head(organism: str, tiny: LoadedModel, native: Path, tiny_directory: Path) -> None:
    """The identity is that of the file, whichever head is in use."""
    for path in (native, tiny_directory):
        loaded = load_model(path, (organism,), WINDOW)
        assert list(loaded.network.heads) == [organism]
        assert loaded.sha256 == tiny.sha256
        assert torch.equal(loaded.network.heads[organism].weight, tiny.network.heads[organism].weight)


def test_unused_head_is_not_read(native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = stores.SafetensorsStore.read

    def spy(store: stores.SafetensorsStore, name: str) -> torch.Tensor:
        read.append(name)
        return original(store, name)

    monkeypatch.setattr(stores.SafetensorsStore, "read", spy)
    load_model(native, ("human",))
    assert "heads.human.weight" in read
    assert not any("mouse" in name for name in read)


def test_saving_one_head_describes_one_head(native: Path, tmp_path: Path) -> None:
    save_model(load_model(native, ("mouse",)).network, tmp_path / "mouse.safetensors")
    assert load_model(tmp_path / "mouse.safetensors", None).config.output_tracks == {"mouse": 7}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_on_loading(dtype: torch.dtype, tiny: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    sha256 = save_model(tiny.network, path, dtype=dtype)
    loaded = load_model(path, None)
    assert loaded.sha256 == sha256 != tiny.sha256
    for name, tensor in tiny.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor.to(dtype).to(tensor.dtype))


def test_counters_are_zero(tiny: LoadedModel) -> None:
    counters = [t for name, t in tiny.network.state_dict().items() if name.endswith("num_batches_tracked")]
    assert len(counters) == 14
    assert not any(counters)


# Geometry


def test_window_is_the_published_one_unless_said(tiny_directory: Path, native: Path) -> None:
    assert load_model(tiny_directory).config.window == 196_608
    assert load_model(native).config.window == WINDOW
    config = load_model(native, window=4096).config
    assert (config.window, config.target_length) == (4096, 16)


def test_target_length(native: Path) -> None:
    assert load_model(native, target_length=8).config.target_length == 8
    assert load_model(native, target_length=-1).config.target_length == 24


def test_no_crop_in_config_json(hub_copy: Path) -> None:
    change_config(hub_copy, target_length=-1)
    assert load_model(hub_copy, window=WINDOW).config.target_length == 24


def test_default_target_length() -> None:
    assert [default_target_length(tokens) for tokens in (1536, 3072, 642, 640, 24)] == [896, 2432, 2, 426, 16]


@pytest.mark.parametrize(("window", "message"), [(1000, "multiple of 256 bp"), (1024, "16 bins cannot be cut")])
def test_impossible_window(window: int, message: str, native: Path) -> None:
    with pytest.raises(ModelError, match=rf"native\.safetensors: .*{message}.*use --window"):
        load_model(native, window=window)


def test_config_json_there_and_back(tiny: LoadedModel, hub_copy: Path) -> None:
    (hub_copy / "config.json").write_text(config_json(tiny.config))
    assert_same_model(load_model(hub_copy, None, WINDOW), tiny)


# What is wrong is said in one line


def change_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def drop_tensor(tensors: Tensors) -> None:
    del tensors["stem.0.bias"]


def add_tensor(tensors: Tensors) -> None:
    tensors["surprise"] = torch.zeros(1)


def reshape_tensor(tensors: Tensors) -> None:
    tensors["stem.0.bias"] = torch.zeros(3)


def drop_block(tensors: Tensors) -> None:
    for name in [name for name in tensors if name.startswith("transformer.1.")]:
        del tensors[name]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_tensor, r"\(1 missing: stem\.0\.bias\)"),
        (add_tensor, r"\(1 extra: surprise\)"),
        (reshape_tensor, r"\(1 misshapen: stem\.0\.bias \[3\] instead of \[48\]\)"),
        (drop_block, r"\(16 missing: transformer\.1\.0\.fn\.0\.bias, .* and 13 more\)"),
    ],
)
def test_tensors_that_do_not_fit(
    spoil: Callable[[Tensors], None], message: str, tensors: Tensors, hub_copy: Path
) -> None:
    spoil(tensors)
    save_file(tensors, hub_copy / "model.safetensors")
    with pytest.raises(ModelError, match=rf"model\.safetensors: .*{message}") as caught:
        load_model(hub_copy, window=WINDOW)
    assert "\n" not in str(caught.value)


def test_missing_tensor_of_the_unused_head(tensors: Tensors, hub_copy: Path) -> None:
    del tensors["_heads.mouse.0.bias"]
    save_file(tensors, hub_copy / "model.safetensors")
    with pytest.raises(ModelError, match=r"_heads\.mouse\.0\.bias"):
        load_model(hub_copy, ("human",), WINDOW)


def test_alias_that_differs(tensors: Tensors, hub_copy: Path) -> None:
    save_bin(tensors, hub_copy)
    stored = torch.load(hub_copy / "pytorch_model.bin", weights_only=True)
    stored["_trunk.1.0.bias"] = stored["stem.0.bias"] + 1
    torch.save(stored, hub_copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"1 unlike its second copy: _trunk\.1\.0\.bias"):
        load_model(hub_copy, window=WINDOW)


@pytest.mark.parametrize("kept", [0, 7, 1000, 20_000, 1_000_000])
@pytest.mark.parametrize("kind", ["native", "safetensors", "bin"])
def test_truncated_file(kind: str, kept: int, native: Path, tensors: Tensors, hub_copy: Path) -> None:
    path = native if kind == "native" else hub_copy / "model.safetensors"
    if kind == "bin":
        path = save_bin(tensors, hub_copy) / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match="again") as caught:
        load_model(path, window=WINDOW)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_flipped_bit_is_noticed(native: Path) -> None:
    content = bytearray(native.read_bytes())
    content[-1] ^= 1
    native.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged, the hash of trunk is not the recorded one"):
        load_model(native, None)


class Intruder:
    """Code that unpickling would run."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path("intruder-was-here").touch, ())


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_pickled_code_is_never_run(
    save: Callable[[object, Path], None], hub_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (hub_copy / "model.safetensors").unlink()
    save({"stem.0.bias": Intruder()}, hub_copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin: "):
        load_model(hub_copy, window=WINDOW)
    assert not (tmp_path / "intruder-was-here").exists()


def test_bin_that_is_no_dictionary_of_tensors(hub_copy: Path) -> None:
    (hub_copy / "model.safetensors").unlink()
    torch.save([torch.zeros(1)], hub_copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match="not a dictionary of named tensors"):
        load_model(hub_copy, window=WINDOW)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the model configuration"),
        ("[]", "not the configuration of an Enformer"),
        ('{"model_type": "bert"}', "not the configuration of an Enformer"),
        ('{"dim": "wide"}', "channels is 'wide', not a whole number"),
        ('{"heads": 0}', "damaged model configuration"),
        ('{"output_heads": 3}', "damaged model configuration"),
        ('{"output_heads": {"human": 1.5}}', "human is 1.5, not a whole number"),
        ('{"target_length": 16}', "tensors do not fit"),
    ],
)
def test_damaged_config(text: str, message: str, hub_copy: Path) -> None:
    (hub_copy / "config.json").write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(hub_copy, window=WINDOW)
    assert "\n" not in str(caught.value)


def test_damaged_metadata(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"x": torch.zeros(1)}, path, {METADATA_KEY: "{}"})
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged model metadata"):
        load_model(path)


def test_file_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    record = {"config": {"flavour": 1}, "metadata": {}, "digests": {}}
    save_file({"x": torch.zeros(1)}, path, {METADATA_KEY: json.dumps(record)})
    with pytest.raises(ModelError, match="newer enformer-vep"):
        load_model(path)


def test_no_config_beside_the_weights(hub_copy: Path) -> None:
    (hub_copy / "config.json").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors: neither .*config\.json"):
        load_model(hub_copy / "model.safetensors")


def test_directory_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r": a directory with neither config\.json"):
        load_model(tmp_path)


def test_no_weights_beside_the_config(hub_copy: Path) -> None:
    (hub_copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no model\.safetensors or pytorch_model\.bin beside config\.json"):
        load_model(hub_copy)


def test_no_such_path() -> None:
    with pytest.raises(ModelError, match="nowhere: no such model: give enformer, example or a path"):
        load_model("nowhere")


def test_no_such_head(tiny_directory: Path) -> None:
    with pytest.raises(ModelError, match="tiny has no yeast head, only human, mouse: use --organism human"):
        load_model(tiny_directory, ("yeast",), WINDOW)


def test_nothing_is_left_of_a_file_that_cannot_be_written(tiny: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="make the folder first"):
        save_model(tiny.network, tmp_path / "absent" / "model.safetensors")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="give a file name inside it"):
        save_model(tiny.network, tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_file_is_as_readable_as_others(native: Path, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    assert native.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_weights_that_are_no_numbers(tiny: LoadedModel, tmp_path: Path) -> None:
    network = load_model(save_under(tiny, tmp_path / "a.safetensors"), None).network
    next(network.parameters()).view(-1)[0] = torch.nan
    network.head("human").bias[0] = torch.inf
    damaged = tmp_path / "b.safetensors"
    save_model(network, damaged)
    with pytest.raises(ModelError, match=r"stem\.conv\.weight and 1 more tensors not finite"):
        load_model(damaged, None)
    assert load_model(damaged, None, finite=False).config == tiny.config


def save_under(model: LoadedModel, path: Path) -> Path:
    save_model(model.network, path)
    return path
