"""What each base of a window contributes to a prediction: gradients made into one number a base."""

from torch import Tensor

from enformer_vep.effects.network import one_hot
from enformer_vep.errors import UsageError
from enformer_vep.settings.contribution_settings import Recipe

POOLED_WIDTH = 128


def contributions(gradients: Tensor, windows: Tensor, recipe: Recipe) -> Tensor:
    """Make one number a base of its gradients.

    Args:
        gradients: [..., L, 4] with respect to the one-hot input; for `integrated` their mean along the path.
        windows: uint8 [..., L], base codes, of as many axes as the gradients but one or so that they broadcast.
        recipe: Which.

    Returns:
        [..., L], signed; exactly 0 where there is no base (N).
    """
    present = one_hot_like(windows, gradients)
    if recipe is Recipe.CALICO:
        gradients = gradients - gradients.mean(dim=-1, keepdim=True)
    return (gradients * present).sum(dim=-1)


def one_hot_like(windows: Tensor, gradients: Tensor) -> Tensor:
    """The one-hot input [..., L, 4] of base codes [..., L], where and as the gradients are."""
    codes = windows.to(gradients.device)
    return one_hot(codes.flatten(0, -2) if codes.ndim > 1 else codes[None], gradients.dtype).reshape(*codes.shape, 4)


def pooled(contributions: Tensor, width: int = POOLED_WIDTH, recipe: Recipe = Recipe.NOTEBOOK) -> Tensor:
    """Average contributions over consecutive stretches.

    Args:
        contributions: [..., L].
        width: Bases of a stretch.
        recipe: Says whether it is magnitudes that are averaged (`Recipe.pools_magnitudes`).

    Returns:
        [..., L / width].

    Raises:
        UsageError: L is no multiple of the width.
    """
    if contributions.shape[-1] % width:
        raise UsageError(
            f"{contributions.shape[-1]} bases do not divide into stretches of {width}: choose another width"
        )
    values = contributions.abs() if recipe.pools_magnitudes else contributions
    return values.unflatten(-1, (-1, width)).mean(dim=-1)
