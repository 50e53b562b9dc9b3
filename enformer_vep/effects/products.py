"""Matrix products of a change, in the arithmetic asked for."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.settings import Precision

LARGEST_EXPONENT = 4
"""Rows are scaled to a largest value below 2**4: float16 then holds values of 1e-6 of the largest without loss, and
a product overflows only where the absolute weights of one output sum to 4,000."""


@dataclass(frozen=True, slots=True)
class Products:
    """Products whose first operand is linear in a change; results are float32 (or float64 for float64 input).

    With float16 operands every row of the change is first scaled by a power of two, and its result scaled back:
    products are linear, so this is exact, and nothing falls below float16's range however small the effect, or
    however much smaller in one token than in another. bfloat16 has the range of float32. Sums run in float32 inside
    the product, whose result is rounded to the operands' type.

    Attributes:
        operand: 16-bit type of the operands; None to leave them as they are.
    """

    operand: torch.dtype | None = None

    @classmethod
    def of(cls, precision: Precision, device: torch.device) -> Self:
        """The operands of a precision; `mixed` takes the better of those that the device multiplies fast."""
        mixed = torch.float16 if device.type == "cuda" else torch.bfloat16
        operands = {
            Precision.FLOAT16: torch.float16,
            Precision.BFLOAT16: torch.bfloat16,
            Precision.MIXED: mixed,
        }
        return cls(operands.get(precision))

    def linear(self, change: Tensor, weight: Tensor) -> Tensor:
        """`change` [B, ..., C_in] times `weight` [C_out, C_in]: [B, ..., C_out]."""
        if self.operand is None:
            return F.linear(change, weight)
        return self._multiply(change, weight.t())

    def matmul(self, change: Tensor, other: Tensor) -> Tensor:
        """Batched product of `change` [B, ..., n, k] and `other` [B, ..., k, m]."""
        return change @ other if self.operand is None else self._multiply(change, other)

    def matmul_right(self, other: Tensor, change: Tensor) -> Tensor:
        """Batched product of `other` [B, ..., n, k] and `change` [B, ..., k, m], whose columns are scaled."""
        if not self._scales:
            return self.matmul(other, change)
        return self.matmul(change.transpose(-1, -2), other.transpose(-1, -2)).transpose(-1, -2)

    def right(self, other: Tensor) -> Tensor:
        """What is no change, as the products take it: to convert once what takes part in many."""
        return other if self.operand is None else other.to(self.operand)

    def left(self, change: Tensor) -> Tensor:
        """A change, as the products take it; as it is where each product scales it."""
        return change if self._scales else self.right(change)

    def convolve(self, change: Tensor, weight: Tensor) -> Tensor:
        """Convolution without padding of `change` [B, C_in, n] with `weight` [C_out, C_in, width]."""
        if self.operand is None:
            return F.conv1d(change, weight)
        columns = change.unfold(2, weight.shape[2], 1).transpose(1, 2).flatten(2)
        return self.linear(columns, weight.flatten(1)).transpose(1, 2)

    @property
    def _scales(self) -> bool:
        """bfloat16 has the range of float32."""
        return self.operand is torch.float16

    def _multiply(self, change: Tensor, other: Tensor) -> Tensor:
        assert self.operand is not None
        if not self._scales:
            with torch.autocast(change.device.type, enabled=False):
                return (change.to(self.operand) @ other.to(self.operand)).float()
        scale = _scale(change)
        left, right = (change * scale).to(self.operand), other.to(self.operand)
        with torch.autocast(left.device.type, enabled=False):
            if left.device.type == "cpu" and self.operand is torch.float16:
                # The same numbers; few CPUs multiply float16, and none of them faster than float32.
                product = (left.float() @ right.float()).to(self.operand)
            else:
                product = left @ right
            return product.float() / scale


def _scale(change: Tensor) -> Tensor:
    """A power of two for each row, [B, ..., 1]."""
    largest = change.abs().amax(dim=-1, keepdim=True)
    exponent = LARGEST_EXPONENT - torch.frexp(largest).exponent
    return torch.where(largest > 0, torch.ldexp(torch.ones_like(largest), exponent.clamp(-126, 126)), 1)
