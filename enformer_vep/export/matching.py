"""Gives the variants of a panel the annotations of a scored table: by position and both alleles, never by name."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.columns import Recipe
from enformer_vep.export.panel import Panel, PanelVariant
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.variants import Variant
from enformer_vep.tables.row import ScoredVariant

logger = logging.getLogger(__name__)

_LARGEST_BYTES = 16 << 30
_Key = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Matched:
    """Annotations of a panel's variants.

    Attributes:
        names: Of the annotations.
        values: float32 [variants, names]; NaN where the table has no score. Signed annotations are those of
            A1: negated where A1 is the table's REF.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Which variants have annotations: bool [variants]."""
        return np.asarray(~np.isnan(self.values).any(axis=1))


@dataclass(slots=True)
class _Counts:
    swapped: int = 0
    not_scored: int = 0
    repeated: int = 0


def match(panel: Panel, rows: Iterable[ScoredVariant], recipe: Recipe, table: str) -> Matched:
    """Looks every row of a table up in a panel.

    A variant is the same when contig (by whatever name), position and both alleles are, in either order. The
    other strand is not tried: a .bim and a VCF of one assembly have the same. Of several rows for one allele
    (several genes) an annotation keeps the value largest in size; of an allele that stands in the table twice
    the first counts.

    Args:
        panel: The panel, held in memory.
        rows: The table's, gone through once.
        recipe: What to make of values.
        table: What messages call the table.

    Returns:
        The annotations.

    Raises:
        InputError: No variant of the panel has a score.
        UsageError: The annotations would not fit into memory.
    """
    size = len(panel.variants) * len(recipe.names) * 4
    if size > _LARGEST_BYTES:
        raise UsageError(
            f"{len(recipe.names)} annotations of {len(panel.variants)} variants take {size >> 30} GB of memory; "
            "choose columns with -c, combine them with --combine, or give one chromosome at a time"
        )
    places = _places(panel)
    values = np.full((len(panel.variants), len(recipe.names)), np.nan, np.float32)
    taken: dict[int, Variant] = {}
    counts = _Counts()
    for row in rows:
        one = row.variant
        found = places.get(_key(one.contig, one.position, one.reference.upper(), one.alternate.upper()), ())
        for place in found:
            _put(place, row, panel.variants[place], recipe, values, taken, counts)
    _report(panel, values, counts, table)
    return Matched(recipe.names, values)


def _put(
    place: int,
    row: ScoredVariant,
    variant: PanelVariant,
    recipe: Recipe,
    values: npt.NDArray[np.float32],
    taken: dict[int, Variant],
    counts: _Counts,
) -> None:
    if row.values is None:
        counts.not_scored += 1
        return
    first = taken.setdefault(place, row.variant)
    if first is not row.variant:
        counts.repeated += 1
        return
    swapped = variant.a1 == row.variant.reference.upper()
    made = recipe.apply(row.values)
    if recipe.directed and swapped:
        made = -made
    held = values[place]
    if np.isnan(held).all():
        counts.swapped += swapped
        values[place] = made
    else:
        values[place] = np.where(np.abs(made) > np.abs(held), made, held)


def _places(panel: Panel) -> dict[_Key, tuple[int, ...]]:
    places: dict[_Key, tuple[int, ...]] = {}
    for place, one in enumerate(panel.variants):
        key = _key(one.contig, one.position, one.a1, one.a2)
        places[key] = (*places.get(key, ()), place)
    return places


def _key(contig: str, position: int, first: str, second: str) -> _Key:
    return contig_key(contig), position, min(first, second), max(first, second)


def _report(panel: Panel, values: npt.NDArray[np.float32], counts: _Counts, table: str) -> None:
    found = int((~np.isnan(values).all(axis=1)).sum())
    if not found:
        raise InputError(
            f"no variant of {panel.path} has a score in {table}: both must be of one assembly, with the same alleles"
        )
    logger.info(
        "%d of %d variants of %s have scores, %d of them with A1 = REF%s%s",
        found,
        len(panel.variants),
        panel.path,
        counts.swapped,
        f"; {counts.not_scored} stand in the table without" if counts.not_scored else "",
        f"; {counts.repeated} further rows of alleles that came before were left out"
        if counts.repeated
        else "",
    )
