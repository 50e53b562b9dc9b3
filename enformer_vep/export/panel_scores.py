"""Gives the variants of a panel the annotations of a scored table: by position and both alleles, never by name."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.panel import Panel
from enformer_vep.export.recipe import Recipe
from enformer_vep.genome.variants import Variant
from enformer_vep.tables.matching import VariantKey, WantedVariants
from enformer_vep.tables.row import ScoredVariant

logger = logging.getLogger(__name__)

_LARGEST_BYTES = 16 << 30


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
        """Which variants have an annotation: bool [variants]."""
        return np.asarray(~np.isnan(self.values).all(axis=1))


def match(panel: Panel, rows: Iterable[ScoredVariant], recipe: Recipe, table: str) -> Matched:
    """Looks every row of a table up in a panel.

    `tables.matching` says which variants are the same. A panel does not say which of its alleles is REF: of alleles of
    unequal length, A2 has to be the table's REF and A1 its ALT, and those that are there the other way round only are
    counted. The other strand is not tried: a .bim and a VCF of one assembly have the same. Of several rows for one
    allele (several genes) an annotation keeps the value largest in size; of an allele that stands in the table twice
    the first counts.

    Args:
        panel: The panel, held in memory.
        rows: The table's, gone through once.
        recipe: What to make of values.
        table: What messages call the table.

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
    matcher = _Matcher(panel, recipe)
    for row in rows:
        matcher.take(row)
    return matcher.finish(table)


class _Matcher:
    """The panel while rows come in; every array is by place in the panel."""

    def __init__(self, panel: Panel, recipe: Recipe) -> None:
        size = len(panel.variants)
        self._panel, self._recipe = panel, recipe
        self._values = np.full((size, len(recipe.names)), np.nan, np.float32)
        self._seen, self._swapped, self._other_way = (np.zeros(size, bool) for _ in range(3))
        self._wanted = WantedVariants(VariantKey.of(one.contig, one.position, one.a2, one.a1) for one in panel.variants)
        self._taken: dict[int, Variant] = {}
        self._repeated = 0

    def take(self, row: ScoredVariant) -> None:
        one = row.variant
        key = VariantKey.of(one.contig, one.position, one.reference, one.alternate)
        for place, sign in self._wanted.find(key):
            self._seen[place] = True
            if row.values is None:
                continue
            if self._taken.setdefault(place, one) is not one:
                self._repeated += 1
                continue
            made = self._recipe.apply(row.values)
            if self._recipe.directed:
                made = made * np.float32(sign)
            self._swapped[place] = sign < 0
            held = self._values[place]
            self._values[place] = np.where(np.isnan(held) | (np.abs(made) > np.abs(held)), made, held)
        self._other_way[list(self._wanted.in_other_order(key))] = True

    def finish(self, table: str) -> Matched:
        path, matched = self._panel.path, Matched(self._recipe.names, self._values)
        found = matched.scored
        self._warn_of_indels(self._other_way & ~self._seen, table)
        if not found.any():
            raise InputError(
                f"no variant of {path} has a score in {table}: both must be of one assembly, with the same alleles"
            )
        without = int((self._seen & ~found).sum())
        logger.info(
            "%d of %d variants of %s have scores, %d of them with A1 = REF%s%s",
            found.sum(),
            len(found),
            path,
            (self._swapped & found).sum(),
            f"; {without} stand in the table without" if without else "",
            f"; {self._repeated} further rows of alleles that came before were left out" if self._repeated else "",
        )
        return matched

    def _warn_of_indels(self, turned: npt.NDArray[np.bool_], table: str) -> None:
        if not turned.any():
            return
        first = self._panel.variants[int(turned.argmax())]
        logger.warning(
            "%d insertions or deletions of %s, such as %s (%s:%d, A1 %s, A2 %s), stand in %s with A1 as REF only: "
            "that is another variant unless the panel exchanged its alleles, so they have no score; write the "
            "panel with A2 = REF and A1 = ALT (plink2 --ref-from-fa force --make-bed)",
            turned.sum(),
            self._panel.path,
            first.id,
            first.contig,
            first.position,
            first.a1,
            first.a2,
            table,
        )
