"""What each base of a window contributes to a prediction: gradients made into one number a base, and a stretch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from enformer_vep.effects.network import one_hot
from enformer_vep.errors import UsageError
from enformer_vep.settings.contribution_settings import POOLED_WIDTH, Recipe

DEVIATION = 200.0
"""Of the Gaussian of `Recipe.CALICO`, in bp."""
_REACH = 4
"""Deviations on each side of the middle within which a Gaussian counts."""


def contributions(gradients: Tensor, windows: Tensor, recipe: Recipe) -> Tensor:
    """Make one number a base of its gradients, with its sign.

    Of `notebook`, `input` and `integrated` it is the gradient times the one-hot input, which is the gradient of the
    base that is there: `contribution_input_grad` of DeepMind's notebook (deepmind-research, enformer-usage.ipynb). Of
    `calico` it is the same after the mean over the four bases is taken from the gradients (`subtract_avg` of
    calico/borzoi).

    Args:
        gradients: [..., L, 4] with respect to the one-hot input; of `integrated` their mean along the path.
        windows: uint8 [..., L], base codes; broadcast against the gradients.
        recipe: Which.

    Returns:
        [..., L]; exactly 0 where there is no base (N).
    """
    if recipe is Recipe.CALICO:
        gradients = gradients - gradients.mean(dim=-1, keepdim=True)
    return (gradients * _one_hot(windows.to(gradients.device), gradients.dtype)).sum(dim=-1)


def pooled(contributions: Tensor, width: int = POOLED_WIDTH, recipe: Recipe = Recipe.NOTEBOOK) -> Tensor:
    """Make one number of every stretch of bases.

    The mean over the stretch, of magnitudes for `notebook` (`avg_pool1d` of `abs` in DeepMind's notebook). Of `calico`
    it is `around` the middle of the stretch, except where a stretch is a single base, which has its magnitude.

    Args:
        contributions: [..., L].
        width: Bases of a stretch.
        recipe: What the contributions were made by.

    Returns:
        [..., L / width].

    Raises:
        UsageError: L is no multiple of the width.
    """
    length = contributions.shape[-1]
    if length % width:
        raise UsageError(f"{length} bases do not divide into stretches of {width}: choose another width")
    if recipe is Recipe.CALICO and width > 1:
        return around(contributions, range(width // 2, length, width))
    values = contributions.abs() if recipe.pools_magnitudes else contributions
    return values.reshape(*values.shape[:-1], -1, width).mean(dim=-1)


def around(contributions: Tensor, middles: Sequence[int], deviation: float = DEVIATION) -> Tensor:
    """Mean magnitude around positions, weighted by a Gaussian: the score of an element in Calico's code.

    As in calico/borzoi-paper (analysis/crispr, `use_gaussian`): the Gaussian reaches 4 deviations to each side; where
    the window ends before that, the rest counts for all.

    Args:
        contributions: [..., L].
        middles: Positions in the window, 0-based.
        deviation: Standard deviation of the Gaussian, in bp.

    Returns:
        [..., positions].
    """
    reach, length = int(_REACH * deviation), contributions.shape[-1]
    offsets = torch.arange(-reach, reach + 1, device=contributions.device, dtype=contributions.dtype)
    weights = torch.exp(-0.5 * (offsets / deviation) ** 2)
    magnitudes, results = contributions.abs(), []
    for middle in middles:
        start, end = max(middle - reach, 0), min(middle + reach + 1, length)
        inside = weights[start - middle + reach : end - middle + reach]
        results.append(magnitudes[..., start:end] @ inside / inside.sum())
    return torch.stack(results, dim=-1)


def _one_hot(codes: Tensor, dtype: torch.dtype) -> Tensor:
    """Base codes [..., L] to [..., L, 4]."""
    return one_hot(codes.reshape(-1, codes.shape[-1]), dtype).reshape(*codes.shape, 4)
