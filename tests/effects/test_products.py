import pytest
import torch

from enformer_vep.effects.products import Products
from enformer_vep.settings import Precision


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("fp16", 1e-3), ("bf16", 1e-2)])
@pytest.mark.parametrize("size", [1e-30, 1e-9, 1.0, 1e9])
def test_accuracy_does_not_depend_on_the_size_of_the_change(precision: str, tolerance: float, size: float) -> None:
    generator = torch.Generator().manual_seed(8)
    weight = torch.randn(24, 64, generator=generator)
    change = torch.randn(3, 10, 64, generator=generator) * torch.tensor([1.0, 1e-6, 0.0])[:, None, None] * size
    products = Products.of(Precision(precision), torch.device("cpu"))
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
    got = Products.of(precision, torch.device("cpu")).convolve(change, weight)
    assert ((got - expected).norm() / expected.norm()).item() < 1e-2
    assert got.shape == expected.shape


@pytest.mark.parametrize("dilation", [2, 5])
def test_dilated_convolutions(dilation: int) -> None:
    generator = torch.Generator().manual_seed(9)
    change, weight = torch.randn(2, 6, 30, generator=generator), torch.randn(8, 6, 3, generator=generator)
    expected = torch.nn.functional.conv1d(change.double(), weight.double(), dilation=dilation)
    for products, tolerance in ((Products(), 1e-6), (Products(torch.float16), 1e-2), (Products(torch.bfloat16), 1e-2)):
        got = products.convolve(change, weight, dilation)
        assert got.shape == expected.shape
        assert ((got - expected).norm() / expected.norm()).item() < tolerance


def test_a_small_row_beside_a_large_one_keeps_its_digits() -> None:
    """What a variant changes a hundred tokens away, in the same product as what it changes at its own place."""
    generator = torch.Generator().manual_seed(10)
    change = torch.randn(1, 3, 64, generator=generator) * torch.tensor([1.0, 1e-9, 1e-20])[:, None]
    other = torch.randn(1, 64, 8, generator=generator)
    got, expected = Products(torch.float16).matmul(change, other), change.double() @ other.double()
    error = (got - expected).norm(dim=2) / expected.norm(dim=2)
    assert error.max() < 1e-3


def test_float16_on_a_cpu_is_the_product_that_torch_has_for_it() -> None:
    """The same but for the order of the sums: one unit in the last place of float16 at most."""
    generator = torch.Generator().manual_seed(11)
    left = torch.randn(5, 40, generator=generator).half()
    right = torch.randn(40, 7, generator=generator).half()
    got = Products(torch.float16).matmul(left.float(), right.float())
    torch.testing.assert_close(got, (left @ right).float(), rtol=2**-10, atol=1e-3)


def test_mixed_takes_the_better_type_where_both_are_fast() -> None:
    operands = {name: Products.of(Precision.MIXED, torch.device(name)).operand for name in ("cpu", "cuda")}
    assert operands == {"cpu": torch.bfloat16, "cuda": torch.float16}


@pytest.mark.parametrize("operand", [None, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-20, 1.0, 1e9])
def test_a_change_may_stand_on_the_right(operand: torch.dtype | None, size: float) -> None:
    """Columns of unlike sizes keep their digits; operands that were converted before are as good."""
    generator = torch.Generator().manual_seed(12)
    change = torch.randn(2, 3, 17, 5, generator=generator) * torch.tensor([1.0, 1e-3, 1e-7, 0.0, 1.0]) * size
    other = torch.rand(2, 3, 9, 17, generator=generator)
    products, expected = Products(operand), other.double() @ change.double()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=operand is not None):
        plain = products.matmul_right(other, change)
        prepared = products.matmul_right(products.right(other), products.left(change))
    assert plain.dtype == torch.float32
    assert torch.equal(plain, prepared)
    error = (plain - expected).norm(dim=-2) / expected.norm(dim=-2).clamp(min=1e-300)
    assert error.max() < {None: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}[operand]
    assert (plain[..., 3] == 0).all()


def test_float64_stays_float64() -> None:
    change, other = torch.rand(2, 4, 6, dtype=torch.float64), torch.rand(2, 6, 3, dtype=torch.float64)
    products = Products.of(Precision.FLOAT64, torch.device("cuda"))
    assert products.matmul(products.left(change), products.right(other)).dtype == torch.float64
    assert torch.equal(products.matmul_right(change, other), change @ other)
