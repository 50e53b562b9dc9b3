"""How far the dilated blocks see: tokens that depend on each other, in half-open ranges.

A block of dilation d makes a token out of itself and those d before and after it.
"""

from collections.abc import Sequence


def widened(tokens: slice, by: int, within: slice) -> slice:
    """So many tokens more on each side, none of them outside of `within`; empty, but in order, when none is left."""
    start = max(tokens.start - by, within.start)
    return slice(start, max(min(tokens.stop + by, within.stop), start))


def needed_tokens(dilations: Sequence[int], kept: slice, tokens: int) -> list[slice]:
    """Tokens on which the wanted ones depend.

    Args:
        dilations: Of the blocks, in order.
        kept: Tokens that are wanted behind the last block.
        tokens: Of a window.

    Returns:
        Those needed of the first block's input, then of each block's output.
    """
    needed = [kept]
    for dilation in reversed(dilations):
        needed.append(widened(needed[-1], dilation, slice(0, tokens)))
    return needed[::-1]


def changed_tokens(dilations: Sequence[int], changed: slice, needed: Sequence[slice]) -> list[slice]:
    """Tokens that a change can reach, and that matter.

    Args:
        dilations: Of the blocks, in order.
        changed: Tokens of the first block's input that change.
        needed: As `needed_tokens` gives them.

    Returns:
        As many as `needed`.
    """
    reached = [widened(changed, 0, needed[0])]
    for dilation, within in zip(dilations, needed[1:], strict=True):
        # A change that has nowhere to go stays nowhere.
        by = dilation if reached[-1].stop > reached[-1].start else 0
        reached.append(widened(reached[-1], by, within))
    return reached
