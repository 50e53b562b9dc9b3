"""Which of a table's value columns are wanted, and what is made of them."""

import fnmatch
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import UsageError
from enformer_vep.tables.row import Layout, ValueBlock

logger = logging.getLogger(__name__)

# Scores whose sign says the direction of an effect, so that exchanging REF and ALT negates them.
SIGNED_SCORES = frozenset({"SAD", "MEAN", "SADR", "SAR", "SAX"})
_UNSIGNED = frozenset({"D1", "D2", "LOGD2", "JS"})
# In the units of the track; the other scores are logarithms of ratios, or divergences.
SCORES_IN_UNITS = frozenset({"SAD", "MEAN", "SAX", "D1", "D2", "REF", "ALT"})

# What a calibration adds to a score's name.
QUANTILE = "Q"
CENTRED = ("Z", "PC")


class Combine(StrEnum):
    """What becomes of several columns."""

    NONE = "none"
    MAX = "max"
    MEAN = "mean"


def is_signed(score: str) -> bool:
    """Whether a score, or what a calibration made of it, says the direction of an effect.

    Exchanging REF and ALT negates quantiles exactly. A z-score or a component is negated up to twice the
    background's median over its spread, which is next to nothing for a signed score.
    """
    return any(
        score.removeprefix(base) in ("", QUANTILE, *CENTRED)
        for base in SIGNED_SCORES
        if score.startswith(base)
    )


def is_quantile(score: str) -> bool:
    """Whether it is the quantile of a score (SADQ, JSQ)."""
    return len(score) > 1 and score.endswith(QUANTILE)


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


def comparable_columns(layout: Layout, chosen: Sequence[int]) -> tuple[int, ...]:
    """What to combine instead of columns that may be in different units.

    SAD of CAGE and of DNASE are in different units, and their maximum is CAGE's. A table with quantiles of
    the chosen columns gives these.

    Args:
        layout: Of the whole table.
        chosen: Positions of the wanted columns among the values.

    Returns:
        Positions of columns that can be combined: those chosen, or their quantiles.

    Raises:
        UsageError: The columns are of different assays, as far as the table says, and it has no quantiles.
    """
    same = tuple(chosen)
    blocks = narrowed(layout, chosen).blocks
    if len(chosen) < 2 or len(blocks) > 1 or blocks[0].score not in SCORES_IN_UNITS:
        return same
    score = blocks[0].score
    places = {name: place for place, name in enumerate(layout.values)}
    quantiles = [places.get(f"{score}{QUANTILE}_{label}") for label in blocks[0].labels]
    if all(place is not None for place in quantiles):
        logger.info("%s of several tracks are combined by their quantiles (%s%s)", score, score, QUANTILE)
        return tuple(place for place in quantiles if place is not None)
    _require_one_unit(blocks[0])
    return same


def _require_one_unit(block: ValueBlock) -> None:
    assays = {title.partition(":")[0] if ":" in title else "" for title in block.titles}
    known = sorted(assays - {""})
    remedy = (
        "score with --calibration, which adds quantiles, or with SADR, SAR, LOGD2 or JS, "
        "or choose the columns of one assay with -c"
    )
    if len(known) > 1:
        raise UsageError(
            f"{block.score} of {', '.join(known)} are in different units and cannot be combined; {remedy}"
        )
    if not known or "" in assays:
        logger.warning(
            "%s of %d tracks are combined as they are; of different assays the one in the larger unit decides: "
            "%s if they are not of one assay",
            block.score,
            len(block.labels),
            remedy,
        )


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
        """Annotations [names] of a row's values; what is not finite is NaN, and not combined with others."""
        picked = values[list(self.chosen)]
        known = np.isfinite(picked)
        picked = np.where(known, picked, np.float32(np.nan))
        if self.sizes:
            picked = np.abs(picked)
        if self.combine is Combine.NONE or not known.any():
            return picked[: len(self.names)]
        picked = picked[known]
        if self.combine is Combine.MAX:
            return picked[[np.argmax(np.abs(picked))]]
        return picked.mean(keepdims=True)


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
        UsageError: A pattern fits no column, a score has no sign or no size, or scores would be mixed.
    """
    chosen = select_columns(layout, patterns)
    names = tuple(layout.values[number] for number in chosen)
    scores = [block.score for block in narrowed(layout, chosen).blocks]
    unsigned = [score for score in scores if not is_signed(score)]
    if signed and unsigned:
        raise UsageError(
            f"{unsigned[0]} has no sign to keep; choose columns of {', '.join(sorted(SIGNED_SCORES))} "
            "or of their quantiles (-c 'SAD_*')"
        )
    _refuse_sizes_below_the_median(unsigned)
    if combine is not Combine.NONE:
        if len(scores) > 1:
            raise UsageError(
                f"columns of {', '.join(scores)} cannot be combined; choose one score (-c 'SAD_*')"
            )
        names = (f"{scores[0]}_{combine.value}",)
    return Recipe(names, chosen, combine, sizes=not signed, directed=signed)


def _refuse_sizes_below_the_median(unsigned: Sequence[str]) -> None:
    """The z-score of a size is negative for the smallest effects: its own size would make them large."""
    for score in unsigned:
        for suffix in CENTRED:
            bare = score.removesuffix(suffix)
            if bare != score and bare in _UNSIGNED:
                raise UsageError(
                    f"{score} is below 0 for effects smaller than the median and has no size; "
                    f"choose columns of {bare} or {bare}{QUANTILE} (-c '{bare}_*')"
                )
