"""Matrix products of a change, in the arithmetic asked for."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.settings import Precision

_OPERAND = {
    Precision.FLOAT16: torch.float16,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.MIXED: torch.bfloat16,
}


@dataclass(frozen=True, slots=True)
class Products:
    """Products whose first operand is linear in a change; results are float32 (or float64 for float64 input).

    With 16-bit operands every alternate's change is first scaled by a power of two to a largest value between
    128 and 256: products are linear, so this is exact, and nothing falls below float16's range however small
    the effect. Sums run in float32 inside the product.

    Attributes:
        precision: Type of the operands.
    """

    precision: Precision = Precision.FLOAT32

    def linear(self, change: Tensor, weight: Tensor) -> Tensor:
        """`change` [B, ..., C_in] times `weight` [C_out, C_in]: [B, ..., C_out]."""
        if self._operand is None:
            return F.linear(change, weight)
        scale = _scale(change)
        return self._multiply(change * scale, weight.t()) / scale

    def matmul(self, change: Tensor, other: Tensor) -> Tensor:
        """Batched product of `change` [B, ..., n, k] and `other` [B, ..., k, m]."""
        if self._operand is None:
            return change @ other
        scale = _scale(change)
        return self._multiply(change * scale, other) / scale

    def convolve(self, change: Tensor, weight: Tensor) -> Tensor:
        """Convolution without padding of `change` [B, C_in, n] with `weight` [C_out, C_in, width]."""
        if self._operand is None:
            return F.conv1d(change, weight)
        columns = change.unfold(2, weight.shape[2], 1).transpose(1, 2).flatten(2)
        return self.linear(columns, weight.flatten(1)).transpose(1, 2)

    @property
    def _operand(self) -> torch.dtype | None:
        return _OPERAND.get(self.precision)

    def _multiply(self, left: Tensor, right: Tensor) -> Tensor:
        assert self._operand is not None
        left, right = left.to(self._operand), right.to(self._operand)
        with torch.autocast(left.device.type, enabled=False):
            if left.device.type == "cpu" and self._operand is torch.float16:
                # The same operands; few CPUs multiply float16, and none of them faster than float32.
                return left.float() @ right.float()
            return (left @ right).float()


def _scale(change: Tensor) -> Tensor:
    """A power of two for each alternate, [B, 1, ...]."""
    largest = change.abs().amax(dim=tuple(range(1, change.dim())), keepdim=True)
    exponent = 8 - torch.frexp(largest).exponent
    return torch.where(largest > 0, torch.ldexp(torch.ones_like(largest), exponent.clamp(-126, 126)), 1)
