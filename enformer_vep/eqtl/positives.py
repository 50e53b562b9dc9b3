"""Positives of label tables as places to be matched, and which variants are no negatives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import pandas as pd

from enformer_vep.eqtl.gene_starts import GeneDistance, GeneStarts
from enformer_vep.eqtl.label_columns import COORDINATES
from enformer_vep.eqtl.negative_settings import GeneRule
from enformer_vep.eqtl.outcomes import Outcome
from enformer_vep.eqtl.pools import Place
from enformer_vep.genome.alleles import variant_class
from enformer_vep.genome.checks import check_alleles
from enformer_vep.genome.spelling import gene_without_version
from enformer_vep.genome.variants import Status
from enformer_vep.tables.matching import VariantKey


class Match(StrEnum):
    """What became of a positive."""

    MATCHED = "matched"
    FEWER = "fewer_than_wanted"
    NONE = "no_candidate"
    TAKEN = "candidates_taken"
    NO_COORDINATES = "no_coordinates"
    ALLELES = "alleles_not_bases"
    NO_GENE = "no_gene"
    UNKNOWN_GENE = "gene_not_in_annotation"
    OUT_OF_REACH = "out_of_reach"
    NO_FREQUENCY = "no_frequency"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Positive:
    """One positive of one tissue.

    Attributes:
        tissue: Its name.
        label: Its row of the labels.
        key: The variant; with the position as a number.
        place: For the matching; None while it has none.
        outcome: Why it has none; "" for one that can be matched.
    """

    tissue: str
    label: Mapping[str, object]
    key: VariantKey
    place: Place | None = None
    outcome: str = ""


class Unwanted:
    """Variants that cannot be negatives: those of labels that are positive or between the thresholds, in any tissue.

    Args:
        labels: As from `enformer_vep.eqtl.labels`.
    """

    def __init__(self, labels: pd.DataFrame) -> None:
        some = labels[labels["outcome"].isin([Outcome.POSITIVE.value, Outcome.BETWEEN.value])]
        self._keys = {_key(row).either for row in _rows(some) if row["position"]}
        self._names = {row["id"] for row in _rows(some) if not row["position"]}

    def __contains__(self, variant: tuple[VariantKey, str]) -> bool:
        """Whether a variant, given as key and ID, is one of them."""
        key, name = variant
        return key.either in self._keys or name in self._names


def read_positives(labels: pd.DataFrame) -> list[Positive]:
    """The positives of labels, one per tissue, variant and gene, as far as labels tell."""
    positives, seen = [], set()
    for row in _rows(labels[labels["outcome"] == Outcome.POSITIVE.value]):
        tissue = str(row["tissue"])
        if not row["position"]:
            named = VariantKey.named(str(row["id"]))
            positives.append(Positive(tissue, row, named, outcome=Match.NO_COORDINATES))
            continue
        key = _key(row)
        same = (tissue, key.either, row["gene"])
        outcome = Match.REPEATED if same in seen else _check(key)
        seen.add(same)
        positives.append(Positive(tissue, row, key, outcome=outcome))
    return positives


def place_positives(
    positives: Sequence[Positive],
    starts: GeneStarts,
    rule: GeneRule,
    reach: int,
    frequencies: Mapping[VariantKey, float],
    block: Callable[[str, int], int],
) -> list[Positive]:
    """Gives every positive its gene, distance and frequency, or the reason why it has none.

    Args:
        positives: As from `read_positives`.
        starts: The annotation.
        rule: Whose TSS.
        reach: Bp from the TSS, at most.
        frequencies: Of minor alleles, by `VariantKey.either`, as the VCF has them; preferred to the labels' own, which
            may be those of another population than the negatives'.
        block: Gives the LD block of a contig and 0-based position.
    """
    return [_placed(one, starts, rule, reach, frequencies, block) for one in positives]


def _placed(
    one: Positive,
    starts: GeneStarts,
    rule: GeneRule,
    reach: int,
    frequencies: Mapping[VariantKey, float],
    block: Callable[[str, int], int],
) -> Positive:
    if one.outcome:
        return one
    contig, start = one.key.contig, int(one.key.position) - 1
    found = starts.nearest(contig, start) if rule is GeneRule.NEAREST else _own_gene(one, starts, start)
    if isinstance(found, Match):
        return replace(one, outcome=found)
    if found is None or abs(found.distance) > reach:
        return replace(one, outcome=Match.OUT_OF_REACH)
    own = float(str(one.label["frequency"]))
    frequency = frequencies.get(one.key.either, min(own, 1 - own))
    if frequency != frequency:
        return replace(one, outcome=Match.NO_FREQUENCY)
    kind = variant_class(one.key.reference, one.key.alternate)
    name = str(one.label["id"]) or "."
    place = Place(
        one.key, str(one.label["contig"]), name, found.gene, found.distance, frequency, kind, block(contig, start)
    )
    return replace(one, place=place)


def _own_gene(one: Positive, starts: GeneStarts, start: int) -> GeneDistance | Match:
    name = str(one.label["gene"])
    if not name:
        return Match.NO_GENE
    gene = starts.named(name, one.key.contig)
    if gene is None:
        return Match.UNKNOWN_GENE
    return GeneDistance(gene_without_version(gene.identifier), gene.distance(start))


def _check(key: VariantKey) -> str:
    return "" if check_alleles(key.reference, key.alternate) is Status.OK else Match.ALLELES


def _key(row: Mapping[str, object]) -> VariantKey:
    contig, position, reference, alternate = (str(row[name]) for name in COORDINATES)
    return VariantKey.of(contig, int(position), reference, alternate)


def _rows(labels: pd.DataFrame) -> Iterator[dict[str, object]]:
    names = list(labels.columns)
    return (dict(zip(names, row, strict=True)) for row in labels.itertuples(index=False, name=None))
