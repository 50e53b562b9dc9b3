"""Gives the variants of a panel the annotations of a scored table: by position and both alleles, never by name."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.export.columns import Recipe
from enformer_vep.export.panel import Panel
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
        """Which variants have an annotation: bool [variants]."""
        return np.asarray(~np.isnan(self.values).all(axis=1))


def match(panel: Panel, rows: Iterable[ScoredVariant], recipe: Recipe, table: str) -> Matched:
    """Looks every row of a table up in a panel.

    A variant is the same when contig (by whatever name), position and both alleles are. Alleles of one length
    may stand in either order. Alleles of different lengths may not: A>AG and AG>A can both be there, and a
    panel does not say which of its alleles is REF; so A2 has to be the table's REF and A1 its ALT. Those that
    are there the other way round only are counted. The other strand is not tried: a .bim and a VCF of one
    assembly have the same. Of several rows for one allele (several genes) an annotation keeps the value largest
    in size; of an allele that stands in the table twice the first counts.

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
    matcher = _Matcher(panel, recipe)
    for row in rows:
        matcher.take(row)
    matcher.report(table)
    return Matched(recipe.names, matcher.values)


@dataclass(slots=True)
class _Matcher:
    """The panel while rows come in; every array is by place in the panel."""

    panel: Panel
    recipe: Recipe
    values: npt.NDArray[np.float32] = field(init=False)
    _places: dict[_Key, tuple[int, ...]] = field(init=False)
    _seen: npt.NDArray[np.bool_] = field(init=False)
    _swapped: npt.NDArray[np.bool_] = field(init=False)
    _other_way: npt.NDArray[np.bool_] = field(init=False)
    _taken: dict[int, Variant] = field(default_factory=dict)
    _repeated: int = 0

    def __post_init__(self) -> None:
        variants = self.panel.variants
        self.values = np.full((len(variants), len(self.recipe.names)), np.nan, np.float32)
        self._seen, self._swapped, self._other_way = (np.zeros(len(variants), bool) for _ in range(3))
        self._places = {}
        for place, one in enumerate(variants):
            key = _key(one.contig, one.position, one.a2, one.a1)
            self._places[key] = (*self._places.get(key, ()), place)

    def take(self, row: ScoredVariant) -> None:
        one = row.variant
        reference, alternate = one.reference.upper(), one.alternate.upper()
        for place in self._places.get(_key(one.contig, one.position, reference, alternate), ()):
            self._seen[place] = True
            self._put(place, row, swapped=self.panel.variants[place].a1 == reference)
        if len(reference) != len(alternate):
            other = self._places.get(_key(one.contig, one.position, alternate, reference), ())
            self._other_way[list(other)] = True

    def _put(self, place: int, row: ScoredVariant, *, swapped: bool) -> None:
        if row.values is None:
            return
        if self._taken.setdefault(place, row.variant) is not row.variant:
            self._repeated += 1
            return
        made = self.recipe.apply(row.values)
        if self.recipe.directed and swapped:
            made = -made
        self._swapped[place] = swapped
        held = self.values[place]
        self.values[place] = np.where(np.isnan(held) | (np.abs(made) > np.abs(held)), made, held)

    def report(self, table: str) -> None:
        path, found = self.panel.path, Matched(self.recipe.names, self.values).scored
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
            f"; {self._repeated} further rows of alleles that came before were left out"
            if self._repeated
            else "",
        )

    def _warn_of_indels(self, turned: npt.NDArray[np.bool_], table: str) -> None:
        if not turned.any():
            return
        first = self.panel.variants[int(turned.argmax())]
        logger.warning(
            "%d insertions or deletions of %s, such as %s (%s:%d, A1 %s, A2 %s), stand in %s with A1 as REF only: "
            "that is another variant unless the panel exchanged its alleles, so they have no score; write the "
            "panel with A2 = REF and A1 = ALT (plink2 --ref-from-fa force --make-bed)",
            turned.sum(),
            self.panel.path,
            first.id,
            first.contig,
            first.position,
            first.a1,
            first.a2,
            table,
        )


def _key(contig: str, position: int, reference: str, alternate: str) -> _Key:
    """Alleles of one length are sorted, others stay as they are."""
    if len(reference) == len(alternate) and alternate < reference:
        reference, alternate = alternate, reference
    return contig_key(contig), position, reference, alternate
