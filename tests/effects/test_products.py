import pytest
import torch

from enformer_vep.effects.products import Products
from enformer_vep.settings import Precision


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("fp16", 1e-3), ("bf16", 1e-2)])
@pytest.mark.parametrize("size", [1e-30, 1e-9, 1.0, 1e9])
def test_accuracy_does_not_depend_on_the_size_of_the_change(
    precision: str, tolerance: float, size: float
) -> None:
    generator = torch.Generator().manual_seed(8)
    weight = torch.randn(24, 64, generator=generator)
    change = (
        torch.randn(3, 10, 64, generator=generator) * torch.tensor([1.0, 1e-6, 0.0])[:, None, None] * size
    )
    products = Products(Precision(precision))
    for got, expected in (
        (products.linear(change, weight), change.double() @ weight.double().t()),
        (products.matmul(change, weight.t()), change.double() @ weight.double().t()),
    ):
        assert got.dtype == torch.float32
        for row in range(2):
            error = (got[row].double() - expected[row]).norm() / expected[row].norm()
            assert error < tolerance
        assert (got[2] == 0).all()


@pytest.mark.parametrize("precision", list(Precision))
def test_convolution_is_a_convolution(precision: Precision) -> None:
    generator = torch.Generator().manual_seed(9)
    change, weight = torch.randn(2, 6, 20, generator=generator), torch.randn(8, 6, 5, generator=generator)
    expected = torch.nn.functional.conv1d(change.double(), weight.double())
    got = Products(precision).convolve(change, weight)
    assert ((got - expected).norm() / expected.norm()).item() < 1e-2
    assert got.shape == expected.shape
