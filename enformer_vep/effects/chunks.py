"""Stages of convolution on a CPU, some positions at a time."""

from collections.abc import Callable

from torch import Tensor

CHUNK = 4096
"""Positions at a time on a CPU: activations then stay in its caches, and convolutions run at the rate of matrix
products. Measured with benchmarks/convolution.py; between 2,048 and 8,192 it hardly matters."""

Padding = tuple[int, int]
"""Zeros before and after."""


def halved_in_chunks(x: Tensor, channels: int, reach: int, compute: Callable[[Tensor, Padding], Tensor]) -> Tensor:
    """Compute a stage with 'same' padding that halves the positions.

    Args:
        x: [G, C_in, P].
        channels: C_out.
        reach: Positions to either side that an output sees.
        compute: From an even number m of neighbouring positions of one window with `reach` more on each side,
            [1, C_in, m + 2 reach], less what the window's end leaves out and padding has to make up for, to
            [C_out, m / 2] or [1, C_out, m / 2].

    Returns:
        [G, C_out, P / 2].
    """
    length = x.shape[2]
    result = x.new_empty(x.shape[0], channels, length // 2)
    for row in range(x.shape[0]):
        for start in range(0, length, CHUNK):
            end = min(start + CHUNK, length)
            first, last = max(start - reach, 0), min(end + reach, length)
            padding = (reach - (start - first), reach - (last - end))
            result[row, :, start // 2 : end // 2] = compute(x[row : row + 1, :, first:last], padding)
    return result
