"""Finds the scores of labelled variants, one chunk of the score tables after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.calibration.additions import column_score
from enformer_vep.eqtl.label_columns import COORDINATES
from enformer_vep.eqtl.outcomes import NOT_SCORED, Outcome
from enformer_vep.eqtl.score_tables import OK, ScoreChunk, ScoreTables
from enformer_vep.errors import InputError
from enformer_vep.genome.spelling import gene_without_version
from enformer_vep.tables.matching import VariantKey, WantedVariants
from enformer_vep.tables.row import GENE_ID, TSS_DISTANCE, VARIANT_COLUMNS

_NO_NAME = ("", ".", "NA")

# What a score row is worth to the label that it fits; a better one replaces a worse one. Two less if it has no scores.
_NONE, _SWAPPED, _DIRECT = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found for every wanted key.

    Attributes:
        values: float32 [keys, features]; to be passed over where the outcome is not empty.
        outcomes: Per key, "" when it has values, else why not.
        variants: Per key, the score row's variant as contig:position:REF:ALT; "" where there is none.
        orientation: float32 [keys]: -1 where the score table has REF and ALT the other way round, else 1.
        distance: float64 [keys], bp to the gene's TSS as the score table has it; NaN if it does not.
    """

    values: npt.NDArray[np.float32]
    outcomes: npt.NDArray[np.object_]
    variants: npt.NDArray[np.object_]
    orientation: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float64]


def label_keys(labels: pd.DataFrame, *, by_gene: bool) -> list[VariantKey]:
    """The keys under which labels look for scores.

    Args:
        labels: As from `enformer_vep.eqtl.labels`.
        by_gene: Score rows are about a variant and a gene.

    Returns:
        One per row: of the alleles, or of the name where a row has no coordinates.

    Raises:
        InputError: A gene is needed and not there.
    """
    without = labels["gene"].isin(_NO_NAME)
    if by_gene and without.any():
        row = labels[without].iloc[0]
        raise InputError(
            f"{row['file']}, row {row['row']}: no gene, but the scores are by gene; "
            "add a column gene_id, or score without --genes"
        )
    columns = (labels[name] for name in (*COORDINATES, "id", "gene"))
    return [
        VariantKey.of(contig, position, reference, alternate, gene if by_gene else "")
        if position
        else VariantKey.named(name, gene if by_gene else "")
        for contig, position, reference, alternate, name, gene in zip(*columns, strict=True)
    ]


def find_matches(
    keys: Sequence[VariantKey], tables: ScoreTables, advance: Callable[[int], object] = lambda rows: None
) -> Matches:
    """Reads the tables once and keeps what is wanted."""
    known = column_score(tables.score)
    is_ranked = known is not None and known.addition is not None and known.addition.is_ranked
    absent = Outcome.NOT_CALIBRATED if is_ranked else Outcome.NOT_FINITE
    finder = _Finder(keys, len(tables.tracks), absent, by_gene=tables.by_gene)
    for chunk in tables.chunks():
        finder.look_through(chunk)
        advance(len(chunk.identity))
    return finder.matches()


class _Row(NamedTuple):
    """A score row; its outcome is empty where it has scores."""

    key: VariantKey
    name: str
    outcome: str
    values: npt.NDArray[np.float32]
    distance: float

    @property
    def variant(self) -> str:
        return str(self.key._replace(gene=""))


def _rows(chunk: ScoreChunk, absent: Outcome, *, by_gene: bool) -> Iterator[_Row]:
    known = chunk.identity.to_dict("list")
    size = len(chunk.values)
    genes = map(gene_without_version, known[GENE_ID.name]) if by_gene else repeat("", size)
    distances = known.get(TSS_DISTANCE.name) or ["NA"] * size
    columns = (known[name] for name in VARIANT_COLUMNS)
    for contig, position, name, reference, alternate, status, gene, distance, values, scored in zip(
        *columns, genes, distances, chunk.values, chunk.scored.tolist(), strict=True
    ):
        reason = absent.value if status == OK else NOT_SCORED + status
        yield _Row(
            VariantKey.of(contig, position, reference, alternate, gene),
            name,
            "" if scored else reason,
            values,
            np.nan if distance in _NO_NAME else float(distance),
        )


class _Finder:
    def __init__(self, keys: Sequence[VariantKey], features: int, absent: Outcome, *, by_gene: bool) -> None:
        self._by_gene, self._absent = by_gene, absent
        self._wanted = WantedVariants(keys)
        # Where there is no gene in reach, the reason holds for all the genes that labels name.
        self._any_gene = WantedVariants(key._replace(gene="") for key in keys) if by_gene else None
        self._values = np.zeros((len(keys), features), dtype=np.float32)
        self._worth = np.full(len(keys), _NONE, dtype=np.int8)
        self._outcomes = np.full(len(keys), Outcome.NOT_IN_SCORES.value, dtype=object)
        self._found = np.full(len(keys), "", dtype=object)
        self._distance = np.full(len(keys), np.nan)

    def look_through(self, chunk: ScoreChunk) -> None:
        for row in _rows(chunk, self._absent, by_gene=self._by_gene):
            key = row.key
            for slot, sign in self._wanted.find(key):
                self._take(row, slot, swapped=sign < 0)
            self._give_reason(self._wanted.in_other_order(key), Outcome.OTHER_ORDER.value)
            if row.name not in _NO_NAME:
                for slot, _ in self._wanted.find(VariantKey.named(row.name, key.gene)):
                    self._take_named(row, slot)
            if self._any_gene is not None and key.gene in _NO_NAME:
                self._give_reason([slot for slot, _ in self._any_gene.find(key._replace(gene=""))], row.outcome)

    def matches(self) -> Matches:
        orientation = np.where(self._worth == _SWAPPED, -1, 1).astype(np.float32)
        return Matches(self._values, self._outcomes, self._found, orientation, self._distance)

    def _take(self, row: _Row, slot: int, *, swapped: bool) -> None:
        worth = (_SWAPPED if swapped else _DIRECT) - (2 if row.outcome else 0)
        if worth > self._worth[slot]:
            self._worth[slot] = worth
            self._outcomes[slot] = row.outcome
            self._values[slot] = row.values
            self._found[slot] = row.variant
            self._distance[slot] = row.distance

    def _take_named(self, row: _Row, slot: int) -> None:
        """A name that two ALT alleles share says not which of them is meant."""
        if self._found[slot] in ("", row.variant):
            self._take(row, slot, swapped=False)
        else:
            self._worth[slot], self._outcomes[slot] = _DIRECT, Outcome.AMBIGUOUS_ID.value

    def _give_reason(self, slots: Sequence[int], reason: str) -> None:
        for slot in slots:
            if self._worth[slot] == _NONE:
                self._outcomes[slot] = reason
