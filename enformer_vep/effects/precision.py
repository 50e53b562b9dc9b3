"""Which arithmetic the matrix products use."""

import contextlib
from collections.abc import Iterator

import torch

from enformer_vep.settings import Precision

SIXTEEN_BIT = frozenset({Precision.FLOAT16, Precision.BFLOAT16, Precision.MIXED})
"""Those in which something is rounded to 16 bits, and may overflow."""

_AUTOCAST = {Precision.FLOAT16: torch.float16, Precision.BFLOAT16: torch.bfloat16}


@contextlib.contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Run a block without gradients, in the arithmetic asked for; restores torch's global switches after.

    float32 means float32: torch's default would let cuDNN round convolution inputs to TF32.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic
    cudnn.allow_tf32 = matmul.allow_tf32 = precision is Precision.TF32
    cudnn.deterministic = True
    half = _AUTOCAST.get(precision)
    try:
        with torch.inference_mode(), torch.autocast(device.type, dtype=half, enabled=half is not None):
            yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic = before
