"""Which of a table's value columns are wanted, and what is made of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.additions import Addition, column_score
from enformer_vep.errors import UsageError
from enformer_vep.settings import Score
from enformer_vep.tables.reader import narrowed, select_columns
from enformer_vep.tables.row import Layout, ValueBlock

logger = logging.getLogger(__name__)

_CENTRED = (Addition.ZSCORE, Addition.COMPONENTS)


class Combine(StrEnum):
    """What becomes of several columns."""

    NONE = "none"
    MAX = "max"
    MEAN = "mean"


def is_signed(name: str) -> bool:
    """Whether a column's score, or what a calibration made of it, says the direction of an effect."""
    known = column_score(name)
    return known is not None and known.is_signed


def is_spread(name: str) -> bool:
    """Whether a column says how far views of a score differ (SADSD, SADAGREE)."""
    known = column_score(name)
    return known is not None and known.spread is not None


def is_quantile(name: str) -> bool:
    """Whether it is the quantile of a score (SADQ, JSQ)."""
    known = column_score(name)
    return known is not None and known.addition is Addition.QUANTILE


def effect_columns(layout: Layout, chosen: Sequence[int]) -> tuple[int, ...]:
    """The chosen columns but for those that say how far views differ: these annotate no variant.

    Raises:
        UsageError: None is left.
    """
    spread = [is_spread(block.score) for block in layout.blocks for _ in block.labels]
    kept = tuple(place for place in chosen if not spread[place])
    if not kept:
        names = {layout.values[place].partition("_")[0] for place in chosen}
        raise UsageError(
            f"{', '.join(sorted(names))} say how far views differ, not how large an effect is: "
            "choose columns of a score (-c 'SAD_*')"
        )
    return kept


def comparable_columns(layout: Layout, chosen: Sequence[int]) -> tuple[int, ...]:
    """What to combine instead of columns that may be in different units.

    SAD of CAGE and of DNASE are in different units, and their maximum is CAGE's. A table with quantiles of
    the chosen columns gives these.

    Returns:
        Positions among the values of the whole table: those chosen, or those of their quantiles.

    Raises:
        UsageError: The columns are of different assays, as far as the table says, and it has no quantiles.
    """
    block, *others = narrowed(layout, chosen).blocks
    known = column_score(block.score)
    if len(chosen) < 2 or others or not known or known.addition or not known.score.in_track_units:
        return tuple(chosen)
    name = f"{block.score}{Addition.QUANTILE.suffix}"
    places = {column: place for place, column in enumerate(layout.values)}
    quantiles = [places[column] for label in block.labels if (column := f"{name}_{label}") in places]
    if len(quantiles) == len(block.labels):
        logger.info("%s of several tracks are combined by their quantiles (%s)", block.score, name)
        return tuple(quantiles)
    _require_one_unit(block)
    return tuple(chosen)


def _require_one_unit(block: ValueBlock) -> None:
    assays = {title.partition(":")[0] if ":" in title else "" for title in block.titles}
    known = sorted(assays - {""})
    remedy = (
        "score with --calibration, which adds quantiles, or with SADR, SAR, LOGD2 or JS, "
        "or choose the columns of one assay with -c"
    )
    if len(known) > 1:
        raise UsageError(f"{block.score} of {', '.join(known)} are in different units and cannot be combined; {remedy}")
    if not known or "" in assays:
        logger.warning(
            "%s of %d tracks are combined as they are; of different assays the one in the larger unit decides: "
            "%s if they are not of one assay",
            block.score,
            len(block.labels),
            remedy,
        )


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
            f"{unsigned[0]} has no sign to keep; choose columns of "
            f"{', '.join(sorted(score for score in Score if score.is_signed))} "
            "or of their quantiles (-c 'SAD_*')"
        )
    _refuse_sizes_below_the_median(unsigned)
    if combine is not Combine.NONE:
        if len(scores) > 1:
            raise UsageError(f"columns of {', '.join(scores)} cannot be combined; choose one score (-c 'SAD_*')")
        names = (f"{scores[0]}_{combine.value}",)
    return Recipe(names, chosen, combine, sizes=not signed, directed=signed)


def _refuse_sizes_below_the_median(unsigned: Sequence[str]) -> None:
    """The z-score of a size is negative for the smallest effects: its own size would make them large."""
    for name in unsigned:
        known = column_score(name)
        if known and not known.score.is_prediction and known.addition in _CENTRED:
            size, quantile = known.score, f"{known.score}{Addition.QUANTILE.suffix}"
            raise UsageError(
                f"{name} is below 0 for effects smaller than the median and has no size; "
                f"choose columns of {size} or {quantile} (-c '{size}_*')"
            )
