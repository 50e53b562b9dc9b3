"""Where weights start that nobody has trained."""

from torch import Tensor, nn

TRUNCATION = 0.87962566103423978
"""Standard deviation of a unit normal cut at two deviations; TensorFlow's scaled initial values correct for it."""


def truncated_normal(parameter: Tensor, deviation: float) -> None:
    """Fill with a normal distribution cut at two deviations, whose standard deviation is `TRUNCATION` times that."""
    nn.init.trunc_normal_(parameter, std=deviation, a=-2 * deviation, b=2 * deviation)
