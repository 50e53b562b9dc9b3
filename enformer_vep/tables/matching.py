"""When two tables mean the same variant, and where it stands in the other one: one rule for panels and labels."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from enformer_vep.genome.contigs import contig_key

_contig_key = lru_cache(1024)(contig_key)
_NAMED = "id"


class VariantKey(NamedTuple):
    """A variant as tables that are matched have in common; made by `of`, or by `named` where only a name is known.

    Attributes:
        contig: As `contig_key` has it.
        position: 1-based; a number or text, but the same kind in everything that is matched.
        reference: REF, upper case.
        alternate: ALT, upper case.
        gene: Of scores by gene; else empty.
    """

    contig: str
    position: int | str
    reference: str
    alternate: str
    gene: str = ""

    @classmethod
    def of(cls, contig: str, position: int | str, reference: str, alternate: str, gene: str = "") -> "VariantKey":
        """Spells a variant as keys do."""
        return cls(_contig_key(contig), position, reference.upper(), alternate.upper(), gene)

    @classmethod
    def named(cls, name: str, gene: str = "") -> "VariantKey":
        """Stands for a variant of which only the name is known; equal to no other variant's key."""
        return cls(_NAMED, name, "", "", gene)

    @property
    def exchanged(self) -> "VariantKey":
        """The key with REF and ALT the other way round."""
        return self._replace(reference=self.alternate, alternate=self.reference)

    @property
    def has_either_order(self) -> bool:
        """Whether it is the same variant when exchanged: alleles of equal length. `A>AG` and `AG>A` are two."""
        return len(self.reference) == len(self.alternate)

    @property
    def either(self) -> "VariantKey":
        """The same key for whatever counts as the same variant."""
        return self.exchanged if self.has_either_order and self.alternate < self.reference else self

    def __str__(self) -> str:
        """Reads contig:position:REF:ALT, or id:NAME, and ;gene if there is one."""
        spelled = ":".join(map(str, self[:2] if self.contig == _NAMED else self[:4]))
        return f"{spelled};{self.gene}" if self.gene else spelled


class WantedVariants:
    """Variants that scores are wanted for, looked up by the alleles of a score row.

    Args:
        keys: Of the variants, in their order, which gives their places.
    """

    def __init__(self, keys: Iterable[VariantKey]) -> None:
        self._places: dict[VariantKey, tuple[int, ...]] = {}
        self._references: list[str] = []
        for place, key in enumerate(keys):
            self._references.append(key.reference)
            self._places[key.either] = (*self._places.get(key.either, ()), place)

    def find(self, key: VariantKey) -> Iterator[tuple[int, int]]:
        """Yields the places of the same variant, and -1 where it has REF and ALT the other way round, else 1."""
        for place in self._places.get(key.either, ()):
            yield place, 1 if self._references[place] == key.reference else -1

    def in_other_order(self, key: VariantKey) -> tuple[int, ...]:
        """The places of another variant: alleles of unequal length with REF and ALT the other way round."""
        return () if key.has_either_order else self._places.get(key.exchanged, ())
