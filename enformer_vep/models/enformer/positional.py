"""Positional features of Enformer's relative attention.

Three families of basis functions of the distance d between key and query, each given twice: as f(|d|) and
as sign(d) f(|d|). Source: deepmind-research/enformer/attention_module.py (`positional_features_*`), whose
gamma features are divided by their maximum over positions (enformer-pytorch divides over features, which
is another function).
"""

import functools
import math

import torch
from torch import Tensor

SHORTEST_HALF_LIFE = 8.0
GAMMA_OFFSET = 1e-8


def exponential_features(distance: Tensor, count: int, tokens: int) -> Tensor:
    """Exponential decay with half lives from 8 to `tokens`, evenly spaced on the log scale.

    Args:
        distance: float64 [positions], absolute distances in tokens.
        count: Number of features.
        tokens: Sequence length in tokens.

    Returns:
        float64 [positions, count].
    """
    half_life = 2 ** torch.linspace(math.log2(SHORTEST_HALF_LIFE), math.log2(tokens), count, dtype=torch.float64)
    return torch.exp(-math.log(2.0) / half_life * distance[:, None])


def central_mask_features(distance: Tensor, count: int) -> Tensor:
    """One where the distance is below 2**k - 1, k = 1 .. `count`.

    Args:
        distance: float64 [positions], absolute distances in tokens.
        count: Number of features.

    Returns:
        float64 [positions, count] of zeros and ones.
    """
    width = 2 ** torch.arange(1, count + 1, dtype=torch.float64) - 1
    return (width > distance[:, None]).to(torch.float64)


def gamma_features(distance: Tensor, count: int, tokens: int) -> Tensor:
    """Gamma densities with evenly spaced means and one standard deviation, each scaled to a maximum of 1.

    Args:
        distance: float64 [positions], absolute distances in tokens.
        count: Number of features.
        tokens: Sequence length in tokens.

    Returns:
        float64 [positions, count].
    """
    mean = torch.linspace(tokens / count, tokens, count, dtype=torch.float64)
    deviation = tokens / (2 * count)
    concentration, rate = (mean / deviation) ** 2, mean / deviation**2
    log_density = torch.xlogy(concentration - 1, distance[:, None]) - rate * distance[:, None]
    log_normalisation = torch.lgamma(concentration) - concentration * torch.log(rate)
    density = torch.exp(log_density - log_normalisation) + GAMMA_OFFSET
    return density / density.amax(dim=0, keepdim=True)


@functools.lru_cache(maxsize=8)
def positional_features(tokens: int, count: int) -> Tensor:
    """The table that relative keys are a linear map of.

    Args:
        tokens: Sequence length T in tokens.
        count: Number of features, a multiple of 6.

    Returns:
        float32 [2 T - 1, count], row d + T - 1 for the distance d = key - query, computed in float64.
        The tensor is shared: do not write to it.
    """
    signed = torch.arange(1 - tokens, tokens, dtype=torch.float64)
    distance, family = signed.abs(), count // 6
    symmetric = torch.cat(
        [
            exponential_features(distance, family, tokens),
            central_mask_features(distance, family),
            gamma_features(distance, family, tokens),
        ],
        dim=1,
    )
    return torch.cat([symmetric, torch.sign(signed)[:, None] * symmetric], dim=1).to(torch.float32)
