"""Which of a table's value columns are wanted, and what is made of them."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import UsageError
from enformer_vep.tables.row import Layout

# Scores whose sign says the direction of an effect, so that exchanging REF and ALT negates them.
SIGNED_SCORES = frozenset({"SAD", "MEAN", "SADR", "SAR", "SAX"})


class Combine(StrEnum):
    """What becomes of several columns."""

    NONE = "none"
    MAX = "max"
    MEAN = "mean"


def select_columns(layout: Layout, patterns: Sequence[str]) -> tuple[int, ...]:
    """Finds value columns by name.

    Args:
        layout: Of the table.
        patterns: Names, or shell patterns such as "SAD_*"; all columns when empty.

    Returns:
        Their positions among the values, in the order of the table.

    Raises:
        UsageError: A pattern fits no column.
    """
    names = layout.values
    if not patterns:
        return tuple(range(len(names)))
    chosen: set[int] = set()
    for pattern in patterns:
        found = {number for number, name in enumerate(names) if fnmatch.fnmatchcase(name, pattern)}
        if not found:
            raise UsageError(f"no column {pattern} in the table; it has {', '.join(names[:3])}, ...")
        chosen |= found
    return tuple(sorted(chosen))


def narrowed(layout: Layout, chosen: Sequence[int]) -> Layout:
    """The layout of a table that has only the chosen value columns."""
    wanted, blocks, first = set(chosen), [], 0
    for block in layout.blocks:
        kept = [number for number in range(len(block.labels)) if first + number in wanted]
        if kept:
            labels = tuple(block.labels[number] for number in kept)
            titles = tuple(block.titles[number] for number in kept) if block.titles else ()
            blocks.append(replace(block, labels=labels, titles=titles))
        first += len(block.labels)
    return replace(layout, blocks=tuple(blocks))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How annotations are made of a row's values.

    Attributes:
        names: Of the annotations.
        chosen: Positions of the columns among the values.
        combine: What becomes of several columns.
        sizes: Take sizes; otherwise values as they are.
        directed: Of the effect of ALT, so that it is negated where the panel's A1 is REF.
    """

    names: tuple[str, ...]
    chosen: tuple[int, ...]
    combine: Combine
    sizes: bool = True
    directed: bool = False

    def apply(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Annotations [names] of a row's values; scores that are not finite count as 0."""
        picked = values[list(self.chosen)]
        if self.sizes or self.directed:
            picked = np.nan_to_num(picked, nan=0.0, posinf=0.0, neginf=0.0)
        if self.sizes:
            picked = np.abs(picked)
        match self.combine:
            case Combine.MAX:
                return picked[[np.argmax(np.abs(picked))]]
            case Combine.MEAN:
                return picked.mean(keepdims=True)
            case Combine.NONE:
                return picked


def make_recipe(
    layout: Layout, patterns: Sequence[str], combine: Combine = Combine.NONE, *, signed: bool = False
) -> Recipe:
    """Makes the recipe.

    Args:
        layout: Of the table.
        patterns: As for `select_columns`.
        combine: What becomes of several columns: their largest (sign kept if signed) or their mean.
        signed: Keep the sign.

    Returns:
        The recipe. Combined columns are called after their score and what was done, such as "SAD_max".

    Raises:
        UsageError: A pattern fits no column, a score has no sign, or scores would be mixed.
    """
    chosen = select_columns(layout, patterns)
    names = tuple(layout.values[number] for number in chosen)
    scores = [block.score for block in narrowed(layout, chosen).blocks]
    if signed and (unsigned := [score for score in scores if score not in SIGNED_SCORES]):
        raise UsageError(
            f"{unsigned[0]} has no sign to keep; choose columns of {', '.join(sorted(SIGNED_SCORES))} (-c 'SAD_*')"
        )
    if combine is not Combine.NONE:
        if len(scores) > 1:
            raise UsageError(
                f"columns of {', '.join(scores)} cannot be combined; choose one score (-c 'SAD_*')"
            )
        names = (f"{scores[0]}_{combine.value}",)
    return Recipe(names, chosen, combine, sizes=not signed, directed=signed)
