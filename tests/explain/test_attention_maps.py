"""Attention maps against an independent implementation, and their means against the plain way to take them."""

import copy
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.effects.effect import reverse_complement
from enformer_vep.effects.network import one_hot
from enformer_vep.errors import ModelError, UsageError
from enformer_vep.explain.attention_maps import (
    attention_layers,
    attention_rows,
    averaged_attention,
    both_strands,
    mean_attention,
    plan_map_bins,
)
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer import attention
from enformer_vep.models.enformer import network as network_module
from enformer_vep.models.enformer.network import Enformer
from tests.comparison import WINDOW, relative_error
from tests.models.toy_family import ToyConfig, ToyNetwork

LAYERS, HEADS, TOKENS = 2, 4, 24
FLOAT64_NOISE = 1e-9
FLOAT32_NOISE = 5e-5
CENTRE = range(11, 14)


@pytest.fixture(scope="module")
def tiny(data_directory: Path) -> Enformer:
    """Shared: do not change it."""
    network = load_model(data_directory / "tiny", None, WINDOW).network
    assert isinstance(network, Enformer)
    return network


@pytest.fixture(scope="module", params=["excerpt", "complete"])
def golden(request: pytest.FixtureRequest, data_directory: Path) -> Mapping[str, np.ndarray]:
    """Inputs, the stored positional table, and their attention."""
    if request.param == "excerpt":
        inputs, maps = (np.load(data_directory / f"golden_{name}.npz") for name in ("tiny", "attention"))
    else:
        folder = request.getfixturevalue("shared_directory") / "golden"
        inputs, maps = np.load(folder / "tiny.npz"), np.load(folder / "attribution" / "attribution.npz")
    return {
        name: file[name]
        for file in (inputs, maps)
        for name in file.files
        if name.startswith(("in/x", "fp64/pos", "att"))
    }


@pytest.fixture
def exact(tiny: Enformer, golden: Mapping[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Enformer:
    """In float64, with TensorFlow's own positional table."""
    table = torch.from_numpy(golden["fp64/pos_features"])
    monkeypatch.setattr(attention, "positional_features", lambda tokens, count: table)
    return copy.deepcopy(tiny).double()


@pytest.fixture(scope="module")
def double(tiny: Enformer) -> Enformer:
    """In float64, so that nothing but a mistake differs. Shared: do not change it."""
    return copy.deepcopy(tiny).double()


@pytest.fixture(scope="module")
def windows() -> torch.Tensor:
    codes = torch.randint(0, 4, (2, WINDOW), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    codes[1, 500:900] = 4
    return codes


def codes_of(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x.sum(-1) > 0, x.argmax(-1), 4).to(torch.uint8)


def whole_letters(golden: Mapping[str, np.ndarray]) -> list[int]:
    """Sequences of which every base is a letter or nothing."""
    x = golden["in/x"]
    return [number for number in range(len(x)) if np.isin(x[number], (0, 1)).all()]


def test_every_layer_and_head_of_the_golden_model(exact: Enformer, golden: Mapping[str, np.ndarray]) -> None:
    """Through the network's own hook, which takes any real input."""
    with torch.inference_mode():
        layers = list(exact.attention_layers(torch.from_numpy(golden["in/x"]).double()))
    assert relative_error(torch.stack(layers, dim=1), golden["attention/layer_head"]) < FLOAT64_NOISE


def test_means_and_rows_of_the_golden_model(exact: Enformer, golden: Mapping[str, np.ndarray]) -> None:
    chosen = whole_letters(golden)
    codes = codes_of(torch.from_numpy(golden["in/x"][chosen]))
    expected = golden["attention/layer_head"][chosen]
    assert relative_error(mean_attention(exact, codes), expected.mean((1, 2))) < FLOAT64_NOISE
    rows = attention_rows(exact, codes, CENTRE)
    assert rows.shape == (len(chosen), LAYERS, HEADS, len(CENTRE), TOKENS)
    assert relative_error(rows, expected[..., list(CENTRE), :]) < FLOAT64_NOISE
    assert relative_error(rows.mean((1, 2, 3)), golden["attention/center_row"][chosen]) < FLOAT64_NOISE


def test_float32_with_a_table_of_our_own(tiny: Enformer, golden: Mapping[str, np.ndarray]) -> None:
    chosen = whole_letters(golden)
    maps = mean_attention(tiny, codes_of(torch.from_numpy(golden["in/x"][chosen])))
    assert maps.dtype is torch.float32
    assert relative_error(maps, golden["attention/layer_head"][chosen].mean((1, 2))) < FLOAT32_NOISE


@pytest.mark.parametrize("tokens", [1, 5, 24])
def test_convolutions_in_parts(
    double: Enformer, windows: torch.Tensor, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "TOKENS_AT_ONCE", tokens)
    x = one_hot(windows, torch.float64)
    with torch.no_grad():
        assert relative_error(double.convolve_in_parts(x), double.convolve(x)) < 1e-13


def test_a_map_does_not_outlive_the_next(tiny: Enformer, windows: torch.Tensor) -> None:
    """Of the full-size model every map has 75 MB."""
    alive: list[weakref.ref[torch.Tensor]] = []
    for layer in attention_layers(tiny, windows):
        alive.append(weakref.ref(layer))
        del layer
        assert sum(one() is not None for one in alive) <= 1


def test_chosen_layers_and_heads(double: Enformer, windows: torch.Tensor) -> None:
    layers = torch.stack(list(attention_layers(double, windows)), dim=1)
    assert layers.shape == (2, LAYERS, HEADS, TOKENS, TOKENS)
    assert torch.allclose(layers.sum(-1), torch.ones((), dtype=torch.float64))
    expected = layers[:, 1:, [0, 3]].mean((1, 2))
    assert relative_error(mean_attention(double, windows, layers=[1], heads=[0, 3]), expected) < 1e-13
    first = attention_rows(double, windows, [7], layers=[0])
    assert relative_error(first[:, 0, :, 0], layers[:, 0, :, 7]) < 1e-13


def test_layers_behind_the_last_one_are_not_computed(
    tiny: Enformer, windows: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(tiny.transformer_blocks[1].attention, "weights", refuse)
    assert len(list(attention_layers(tiny, windows, layers=[0]))) == 1


@pytest.mark.parametrize(("layers", "heads", "words"), [
    ([2], None, "layer 2 does not exist: the model has 2"),
    ([-1, 0], None, "layer -1 does not exist"),
    ([], None, "no layer is chosen"),
    (None, [4], "head 4 does not exist: a layer has 4"),
    (None, [-1], "head -1 does not exist"),
])  # fmt: skip
def test_layers_and_heads_that_do_not_exist(
    tiny: Enformer, windows: torch.Tensor, layers: list[int] | None, heads: list[int] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        mean_attention(tiny, windows, layers, heads)


def test_the_strands_are_averaged(double: Enformer, windows: torch.Tensor) -> None:
    def compute(codes: torch.Tensor) -> torch.Tensor:
        return mean_attention(double, codes)

    forward, reverse = compute(windows), compute(reverse_complement(windows))
    average = both_strands(compute, windows)
    assert relative_error(average, (forward + torch.flip(reverse, (1, 2))) / 2) < 1e-13
    # Read on the other strand, a window has the same map with both axes turned around.
    assert relative_error(both_strands(compute, reverse_complement(windows)).flip(1, 2), average) < 1e-13
    assert relative_error(reverse.flip(1, 2), forward) > 0.01


@pytest.mark.parametrize("reverse", [False, True])
def test_shifts_are_averaged_where_bins_are_the_same(double: Enformer, reverse: bool) -> None:
    contig = torch.randint(0, 4, (1, WINDOW + 1000), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    shifts = (-130, 0, 1, 256)
    plan = plan_map_bins(double, shifts, reverse)
    assert (plan.in_use.first, plan.in_use.bins) == (256, TOKENS - 3)
    windows = [contig[:, 500 + shift : 500 + shift + WINDOW] for shift in shifts]
    result = averaged_attention(double, windows, plan, reverse)
    parts = []
    for codes, first in zip(windows, (3, 2, 2, 0), strict=True):
        bins = slice(first, first + TOKENS - 3)
        parts.append(mean_attention(double, codes)[:, bins, bins])
        if reverse:
            parts.append(mean_attention(double, reverse_complement(codes)).flip(1, 2)[:, bins, bins])
    assert relative_error(result, torch.stack(parts).mean(0)) < 1e-13


def test_a_family_without_attention() -> None:
    network = ToyNetwork(ToyConfig()).eval()
    with pytest.raises(UsageError, match="ToyNetwork have no attention"):
        mean_attention(network, torch.zeros((1, 1024), dtype=torch.uint8))
    assert network.attention_shape is None


def test_a_window_of_another_length(tiny: Enformer) -> None:
    with pytest.raises(ModelError, match="--window"):
        mean_attention(tiny, torch.zeros((1, 2048), dtype=torch.uint8))


def test_the_shape_is_known_beforehand(tiny: Enformer) -> None:
    assert tiny.attention_shape == (LAYERS, HEADS)
