"""f(x + d) - f(x) against 90-digit arithmetic, for changes from far below rounding to far above the value."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from enformer_vep.effects import differences
from enformer_vep.effects.activations import gelu, softplus

POINTS = [-60.0, -12.0, -3.0, -0.7, -1e-3, 0.0, 1e-3, 0.4, 2.5, 17.0, 45.0, 80.0]
CHANGES = [0.0, 1e-12, -1e-12, 3e-7, -3e-7, 1e-3, -1e-3, 0.3, -0.3, 1.5, -1.5, 9.0, -9.0, 70.0, -70.0]


def sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-x))


SCALAR: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[mpmath.mpf], mpmath.mpf]]] = {
    "sigmoid": (differences.sigmoid_difference, sigmoid),
    "gelu": (differences.gelu_difference, lambda x: x * sigmoid(mpmath.mpf(1.702) * x)),
    "tanh gelu": (
        differences.tanh_gelu_difference,
        lambda x: x * sigmoid(2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(0.044715) * x**3)),
    ),
    "relu": (differences.relu_difference, lambda x: max(x, mpmath.mpf(0))),
    "softplus": (differences.softplus_difference, lambda x: mpmath.log(1 + mpmath.exp(x))),
}


def exact(function: Callable[[mpmath.mpf], mpmath.mpf], x: float, change: float) -> float:
    with mpmath.workdps(90):
        return float(function(mpmath.mpf(x) + mpmath.mpf(change)) - function(mpmath.mpf(x)))


@pytest.mark.parametrize("name", SCALAR)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 5e-6)])
def test_scalar_functions(name: str, dtype: torch.dtype, tolerance: float) -> None:
    ours, textbook = SCALAR[name]
    x, change = (
        grid.flatten().to(dtype) for grid in torch.meshgrid(torch.tensor(POINTS), torch.tensor(CHANGES), indexing="ij")
    )
    expected = [exact(textbook, *pair) for pair in zip(x.double().tolist(), change.double().tolist(), strict=True)]
    got = ours(x, change).double().numpy()
    np.testing.assert_array_less(np.abs(got - expected), tolerance * np.abs(expected) + 1e-37)


def test_the_grid_is_not_trivial() -> None:
    x = torch.tensor([1.0], dtype=torch.float32)
    tiny = torch.tensor([1e-12], dtype=torch.float32)
    assert (softplus(x + tiny) - softplus(x)).item() == 0.0
    assert (gelu(x + tiny) - gelu(x)).item() == 0.0
    assert differences.softplus_difference(x, tiny).item() > 0


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 2e-7)])
def test_the_larger_of_two(dtype: torch.dtype, tolerance: float) -> None:
    """Near and exact ties too, for changes far below rounding of the values; errors are relative to the changes."""
    generator = torch.Generator().manual_seed(6)
    left = torch.randn(4000, generator=generator, dtype=torch.float64) * 10
    gap = torch.randn(4000, generator=generator, dtype=torch.float64) * 10.0 ** torch.arange(4000).remainder(14).neg()
    gap[::10] = 0
    sizes = 10.0 ** torch.randint(-12, 2, (2, 4000), generator=generator)
    changes = torch.randn(2, 4000, generator=generator, dtype=torch.float64) * sizes
    values = [one.to(dtype) for one in (left, left + gap, *changes)]
    with mpmath.workdps(60):
        rows = [[mpmath.mpf(cell) for cell in row] for row in zip(*(one.tolist() for one in values), strict=True)]
        exact_changes = [float(max(a + c, b + d) - max(a, b)) for a, b, c, d in rows]
        swapped = sum((a > b) != (a + c > b + d) for a, b, c, d in rows)
    got = differences.pool_max_difference(*values).double()
    scale = torch.maximum(values[2].abs(), values[3].abs()).double()
    assert ((got - torch.tensor(exact_changes, dtype=torch.float64)).abs() <= tolerance * scale).all()
    assert 500 < swapped < 3500


def test_batch_norm() -> None:
    norm = torch.nn.BatchNorm1d(5, eps=1e-3).double().eval()
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        assert tensor is not None
        tensor.uniform_(0.1, 2.0, generator=torch.Generator().manual_seed(1))
    x, change = torch.randn(2, 2, 5, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = norm(x + change) - norm(x)
    torch.testing.assert_close(change * differences.batch_norm_slope(norm)[:, None], expected, rtol=1e-12, atol=1e-13)


def relative_error(got: Tensor, expected: Tensor) -> float:
    return ((got.double() - expected).norm() / expected.norm()).item()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1.0, 30.0])
def test_layer_norm(size: float, generator: torch.Generator) -> None:
    x = torch.randn(7, 48, generator=generator, dtype=torch.float64) * 3 + 5
    change = torch.randn(7, 48, generator=generator, dtype=torch.float64) * size
    weight = torch.randn(48, generator=generator, dtype=torch.float64)
    expected = torch.from_numpy(layer_norm_by_mpmath(x, change, weight))
    got64 = differences.layer_norm_difference(x, change, weight, 1e-5)
    got32 = differences.layer_norm_difference(x.float(), change.float(), weight.float(), 1e-5)
    assert relative_error(got64, expected) < 1e-13
    assert relative_error(got32, expected) < 3e-6


def layer_norm_by_mpmath(x: Tensor, change: Tensor, weight: Tensor) -> np.ndarray:
    with mpmath.workdps(50):

        def norm(row: list[mpmath.mpf]) -> list[mpmath.mpf]:
            mean = mpmath.fsum(row) / len(row)
            variance = mpmath.fsum((value - mean) ** 2 for value in row) / len(row)
            return [(value - mean) / mpmath.sqrt(variance + mpmath.mpf(1e-5)) for value in row]

        rows = []
        for values, changes in zip(x.tolist(), change.tolist(), strict=True):
            before = [mpmath.mpf(value) for value in values]
            after = [mpmath.mpf(a) + mpmath.mpf(b) for a, b in zip(values, changes, strict=True)]
            rows.append([float(a - b) for a, b in zip(norm(after), norm(before), strict=True)])
        return np.array(rows) * weight.numpy()


@pytest.mark.parametrize("size", [1e-9, 1e-4, 1.0, 30.0])
def test_softmax(size: float, generator: torch.Generator) -> None:
    logits = torch.randn(5, 40, generator=generator, dtype=torch.float64) * 4
    change = torch.randn(5, 40, generator=generator, dtype=torch.float64) * size
    expected = torch.from_numpy(softmax_by_mpmath(logits, change))
    got64, got32 = (softmax_difference(logits.to(dtype), change.to(dtype)) for dtype in DTYPES)
    assert relative_error(got64, expected) < 1e-13
    assert relative_error(got32, expected) < 2e-5
    assert got64.sum(-1).abs().max() < 1e-14


def test_softmax_ignores_a_constant(generator: torch.Generator) -> None:
    weights = torch.randn(3, 9, generator=generator, dtype=torch.float64).softmax(-1)
    change = torch.randn(3, 9, generator=generator, dtype=torch.float64)
    moved = softmax_difference(weights.log(), change + 500)
    torch.testing.assert_close(moved, softmax_difference(weights.log(), change), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("gain", [50, 59, 61, 90, 200, 800])
def test_softmax_where_a_key_takes_over_that_had_no_weight(gain: float, generator: torch.Generator) -> None:
    """Its weight before is zero in float32; what it becomes has to come from the logits."""
    logits = torch.randn(4, 30, generator=generator, dtype=torch.float64)
    logits[:2, 7] -= 150
    logits[2, 3] -= gain - 1
    change = torch.randn(4, 30, generator=generator, dtype=torch.float64)
    change[:2, 7] += gain + 100
    change[2, 3] += gain
    expected = torch.from_numpy(softmax_by_mpmath(logits, change))
    for dtype, tolerance in zip(DTYPES, (1e-13, 2e-5), strict=True):
        got = softmax_difference(logits.to(dtype), change.to(dtype))
        assert max(relative_error(got[row], expected[row]) for row in range(4)) < tolerance


DTYPES = (torch.float64, torch.float32)


def softmax_difference(logits: Tensor, change: Tensor) -> Tensor:
    return differences.softmax_difference(logits.softmax(-1), change, lambda rows: logits[rows])


def softmax_by_mpmath(logits: Tensor, change: Tensor) -> np.ndarray:
    with mpmath.workdps(50):

        def softmax(row: list[mpmath.mpf]) -> list[mpmath.mpf]:
            exponentials = [mpmath.exp(value) for value in row]
            return [value / mpmath.fsum(exponentials) for value in exponentials]

        rows = []
        for values, changes in zip(logits.tolist(), change.tolist(), strict=True):
            before = softmax([mpmath.mpf(value) for value in values])
            after = softmax([mpmath.mpf(a) + mpmath.mpf(b) for a, b in zip(values, changes, strict=True)])
            rows.append([float(a - b) for a, b in zip(after, before, strict=True)])
        return np.array(rows)
