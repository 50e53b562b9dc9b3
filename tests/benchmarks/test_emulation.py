"""A GPU's matrix products, emulated: against torch's own 16-bit products, and TF32 by hand."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def emulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("emulation")


def made(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


PRODUCTS: dict[str, Callable[[torch.dtype], torch.Tensor]] = {
    "linear": lambda kind: F.linear(made(2, 5, 64).to(kind), made(8, 64).to(kind), made(8).to(kind)),
    "mm": lambda kind: made(5, 64).to(kind) @ made(64, 3).to(kind),
    "bmm": lambda kind: made(2, 3, 5, 64).to(kind) @ made(2, 3, 64, 7).to(kind),
    "convolution": lambda kind: F.conv1d(
        made(2, 16, 30).to(kind), made(4, 16, 5).to(kind), made(4).to(kind), padding=2
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("inference", [True, False])
def test_sixteen_bit_products_are_torchs_own(
    emulation: ModuleType, name: str, kind: torch.dtype, inference: bool
) -> None:
    """To one unit in the last place: only the order of the sums differs."""
    with torch.inference_mode(inference):
        expected = PRODUCTS[name](kind)
        with emulation.TensorCores():
            got = PRODUCTS[name](kind)
    assert got.dtype is kind
    torch.testing.assert_close(got, expected, rtol=torch.finfo(kind).eps, atol=1e-3)


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize(("products", "least", "most"), [("tf32", 1e-5, 1e-3), ("split", 1e-9, 1e-6)])
def test_float32_products_lose_what_they_should(
    emulation: ModuleType, name: str, products: str, least: float, most: float
) -> None:
    expected = PRODUCTS[name](torch.float64)
    with torch.inference_mode(), emulation.TensorCores(products):
        got = PRODUCTS[name](torch.float32)
    assert least < ((got.double() - expected).norm() / expected.norm()).item() < most


def test_tf32_by_hand(emulation: ModuleType) -> None:
    unit = 2.0**-10
    values = torch.tensor([1 + unit, 1 + unit / 2, 1 + 3 * unit / 2, 1 + unit * 0.51, -1 - unit * 0.49, 0.0])
    assert emulation.to_tf32(values).tolist() == [1 + unit, 1, 1 + 2 * unit, 1 + unit, -1, 0]


def test_a_split_number_is_its_two_parts(emulation: ModuleType) -> None:
    x = made(1000)
    high, low = emulation.split(x)
    assert torch.equal(high.half().float(), high)
    assert ((high + low - x).abs() <= 2.0**-21 * x.abs() + 2.0**-25).all()


def test_float64_is_left_alone(emulation: ModuleType) -> None:
    expected = PRODUCTS["linear"](torch.float64)
    with emulation.TensorCores("tf32"):
        assert torch.equal(PRODUCTS["linear"](torch.float64), expected)
