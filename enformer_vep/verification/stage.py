"""One stage of a network, its input, and what it should give."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from enformer_vep.effects.precision import arithmetic
from enformer_vep.settings import Precision
from enformer_vep.verification.check import Check, relative_error, within
from enformer_vep.verification.definitions import Array

LIMITS = {
    Precision.FLOAT32: 1e-5,
    Precision.FLOAT64: 1e-6,
    Precision.MIXED: 1e-5,
    Precision.TF32: 5e-3,
    Precision.FLOAT16: 1e-2,
    Precision.BFLOAT16: 8e-2,
}
"""Relative error of a stage. float32 is two orders away from TF32, so that TF32 by accident is seen. In float64 it is
the positional table, which is float32, that decides."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is compared.

    Attributes:
        name: Of the stage.
        x: Its input.
        run: The network's part.
        expected: float64, what it should give, without the axis of one window.
        meaning: Where to look when it does not.
    """

    name: str
    x: Tensor
    run: Callable[[Tensor], Tensor]
    expected: Array
    meaning: str

    def check(self, device: torch.device, precision: Precision, dtype: torch.dtype) -> Check:
        """Run it on a device, in a precision."""
        with arithmetic(precision, device):
            got = self.run(self.x.to(device, dtype)).double().cpu().numpy()
        got = got[0] if got.ndim == self.expected.ndim + 1 else got
        return within(self.name, relative_error(got, self.expected), LIMITS[precision], f"look for {self.meaning}")


def numbers(tensor: Tensor | None) -> Array:
    """Weights as float64."""
    assert tensor is not None
    return np.asarray(tensor.detach().double().cpu().numpy())


def seeded(seed: int, *shape: int) -> Array:
    """Normal numbers, the same everywhere."""
    return np.random.default_rng(seed).standard_normal(shape)


def one_hot_bases(positions: int) -> Array:
    """A one-hot sequence [4, positions] with a few N."""
    codes = np.random.default_rng(positions).integers(0, 4, positions)
    hot = (np.arange(4)[:, None] == codes).astype(np.float64)
    hot[:, 10:13] = 0
    return hot
