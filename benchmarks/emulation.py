"""A GPU's matrix products on a machine that has none: the numbers, not the speed.

Tensor cores round operands to 10 (float16, TF32) or 7 (bfloat16) bits after the point, sum in float32, and round the
result to the type of the operands (TF32: float32). `TensorCores` does just that with float32 products, and leaves
everything else as PyTorch has it, but for softmax, which autocast takes in float32 on a GPU. What differs from a real
GPU is the order of the sums, and that TF32 operands are rounded to the nearest here (cuBLAS may cut them off).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

# Position of the two operands among the arguments.
PRODUCTS: Mapping[object, tuple[int, int]] = {
    aten.convolution.default: (0, 1),
    aten.mm.default: (0, 1),
    aten.bmm.default: (0, 1),
    aten.addmm.default: (1, 2),
    aten.baddbmm.default: (1, 2),
}

# In inference mode these arrive whole.
COMPOSED = {aten.linear.default, aten.matmul.default, aten.conv1d.default, aten.softmax.int}


def to_tf32(x: Tensor) -> Tensor:
    """Round float32 to 10 bits after the point, to the nearest, ties to even."""
    bits = x.contiguous().view(torch.int32)
    tie = (bits >> 13) & 1
    return ((bits + 0x0FFF + tie) & ~0x1FFF).view(torch.float32)


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """Float32 as the sum of two float16 numbers, the first its rounding: 22 bits in all."""
    high = x.half().float()
    return high, (x - high).half().float()


class TensorCores(TorchDispatchMode):
    """Within this context, matrix products are those of a GPU.

    Args:
        float32: How float32 operands are multiplied: "float32" as they are, "tf32", or "split" into two float16
            each, of whose four products the smallest is left out.
    """

    def __init__(self, float32: str = "float32") -> None:
        super().__init__()
        self._multiply: Callable[[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor], Tensor] = {
            "float32": lambda product, left, right: product(left, right),
            "tf32": lambda product, left, right: product(to_tf32(left), to_tf32(right)),
            "split": _multiply_split,
        }[float32]

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in COMPOSED:
            with self:
                return func.decompose(*args, **kwargs)
        if func in PRODUCTS:
            return self._product(func, args, kwargs)
        if func is aten._softmax.default and args[0].dtype in (torch.float16, torch.bfloat16):
            return func(args[0].float(), *args[1:], **kwargs)
        return func(*args, **kwargs)

    def _product(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        one, other = PRODUCTS[func]
        left, right, kind = args[one], args[other], args[one].dtype
        if kind is torch.float64:
            return func(*args, **kwargs)
        # The bias, if any, is added once: the further products of a split have none.
        bias = {aten.convolution.default: 2, aten.addmm.default: 0, aten.baddbmm.default: 0}.get(func)
        added = None if bias is None else args[bias]

        def product(left: Tensor, right: Tensor) -> Tensor:
            words = list(args)
            words[one], words[other] = left, right
            if func is aten.convolution.default:
                words[2] = None
                return func(*words, **kwargs)
            return left @ right

        left, right = left.float(), right.float()
        result = self._multiply(product, left, right) if kind is torch.float32 else product(left, right)
        if added is not None:
            beyond = result.dim() - 2 if func is aten.convolution.default else 0
            result = result + added.float().reshape(added.shape + (1,) * beyond)
        return result.to(kind)


def _multiply_split(product: Callable[[Tensor, Tensor], Tensor], left: Tensor, right: Tensor) -> Tensor:
    (left_high, left_low), (right_high, right_low) = split(left), split(right)
    small = product(left_low, right_high) + product(left_high, right_low)
    return product(left_high, right_high) + small
