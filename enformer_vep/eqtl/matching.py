"""Finds the scores of labelled variants, one chunk of the score tables after the other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.eqtl.identity import gene_without_version, same_either_way, variant_keys
from enformer_vep.eqtl.outcomes import NOT_SCORED, Outcome
from enformer_vep.eqtl.score_tables import OK, ScoreChunk, ScoreTables
from enformer_vep.errors import InputError

_NO_NAME = ("", ".", "NA")

# What a score row is worth to the label that it fits; a better one replaces a worse one.
_NONE, _NOT_SCORED, _SWAPPED, _DIRECT = range(4)


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found for every wanted key.

    Attributes:
        values: float32 [keys, features]; undefined where the outcome is not empty.
        outcomes: Per key, "" when it has values, else why not.
        variants: Per key, the score row's variant as contig:position:REF:ALT; "" where there is none.
        orientation: float32 [keys]: -1 where the score table has REF and ALT the other way round, else 1. Alleles of
            unequal length match in their own order only.
        distance: float64 [keys], bp to the gene's TSS as the score table has it; NaN if it does not.
    """

    values: npt.NDArray[np.float32]
    outcomes: npt.NDArray[np.object_]
    variants: npt.NDArray[np.object_]
    orientation: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float64]


def label_keys(labels: pd.DataFrame, *, by_gene: bool) -> pd.Series:
    """The keys under which labels look for scores.

    Args:
        labels: As from `enformer_vep.eqtl.labels`.
        by_gene: Score rows are about a variant and a gene.

    Returns:
        Text, one per row: contig:position:REF:ALT, or id:ID where a row has no coordinates, and ;gene.

    Raises:
        InputError: A gene is needed and not there.
    """
    keys = variant_keys(labels).where(labels["position"] != "", "id:" + labels["id"])
    if not by_gene:
        return keys
    without = labels["gene"].isin(_NO_NAME)
    if without.any():
        row = labels[without].iloc[0]
        raise InputError(
            f"{row['file']}, row {row['row']}: no gene, but the scores are by gene; "
            "add a column gene_id, or score without --genes"
        )
    return keys + ";" + labels["gene"]


def find_matches(
    keys: pd.Index, tables: ScoreTables, advance: Callable[[int], object] = lambda rows: None
) -> Matches:
    """Reads the tables once and keeps what is wanted.

    Args:
        keys: Unique keys, as from `label_keys`.
        tables: The scores.
        advance: Told how many rows were read.

    Returns:
        What was found.
    """
    finder = _Finder(keys, len(tables.tracks), by_gene=tables.by_gene)
    for chunk in tables.chunks():
        finder.look_through(chunk)
        advance(len(chunk.identity))
    return finder.matches()


class _Finder:
    def __init__(self, keys: pd.Index, features: int, *, by_gene: bool) -> None:
        self._keys = keys
        self._by_gene = by_gene
        self._by_id = bool(keys.str.startswith("id:").any())
        # Where there is no gene in reach, the reason holds for all the genes that labels name.
        self._variants = pd.Series(range(len(keys)), index=keys.str.partition(";").get_level_values(0))
        self._values = np.empty((len(keys), features), dtype=np.float32)
        self._worth = np.full(len(keys), _NONE, dtype=np.int8)
        self._outcomes = np.full(len(keys), Outcome.NOT_IN_SCORES.value, dtype=object)
        self._found = np.full(len(keys), "", dtype=object)
        self._distance = np.full(len(keys), np.nan)
        self._spelling: dict[int, str] = {}

    def look_through(self, chunk: ScoreChunk) -> None:
        rows = chunk.identity.rename(
            columns={"#CHROM": "contig", "POS": "position", "REF": "reference", "ALT": "alternate"}
        )
        genes = ";" + rows["GENE_ID"].map(gene_without_version) if self._by_gene else ""
        direct, swapped = variant_keys(rows), variant_keys(rows, swapped=True)
        either = same_either_way(rows)
        self._take(chunk, direct + genes, direct, _DIRECT)
        self._take(chunk, (swapped + genes).where(either), direct, _SWAPPED)
        self._note_other_order((swapped + genes)[~either])
        if self._by_id:
            names = ("id:" + rows["ID"] + genes).mask(rows["ID"].isin(_NO_NAME))
            self._reject_ambiguous(names, direct)
            self._take(chunk, names, direct, _DIRECT)
        if self._by_gene:
            self._spread_reasons(chunk, direct)

    def matches(self) -> Matches:
        orientation = np.where(self._worth == _SWAPPED, -1, 1).astype(np.float32)
        return Matches(self._values, self._outcomes, self._found, orientation, self._distance)

    def _take(self, chunk: ScoreChunk, keys: pd.Series, spelled: pd.Series, worth: int) -> None:
        scored = chunk.scored
        slots = self._keys.get_indexer(pd.Index(keys))
        for row in np.flatnonzero(slots >= 0):
            slot = slots[row]
            own = worth if scored[row] else _NOT_SCORED
            if own <= self._worth[slot]:
                continue
            self._worth[slot] = own
            self._outcomes[slot] = "" if scored[row] else _reason(chunk.identity["STATUS"].iloc[row])
            self._values[slot] = chunk.values[row]
            self._found[slot] = spelled.iloc[row]
            if "TSS_DISTANCE" in chunk.identity:
                self._distance[slot] = _number(chunk.identity["TSS_DISTANCE"].iloc[row])

    def _note_other_order(self, keys: pd.Series) -> None:
        slots = self._keys.get_indexer(pd.Index(keys))
        absent = slots[slots >= 0]
        self._outcomes[absent[self._worth[absent] == _NONE]] = Outcome.OTHER_ORDER.value

    def _reject_ambiguous(self, keys: pd.Series, spelled: pd.Series) -> None:
        """An ID that two ALT alleles share says not which of them is meant."""
        slots = self._keys.get_indexer(pd.Index(keys))
        for row in np.flatnonzero(slots >= 0):
            slot = int(slots[row])
            if self._spelling.setdefault(slot, spelled.iloc[row]) != spelled.iloc[row]:
                self._worth[slot] = _DIRECT
                self._outcomes[slot] = Outcome.AMBIGUOUS_ID.value

    def _spread_reasons(self, chunk: ScoreChunk, spelled: pd.Series) -> None:
        without_gene = chunk.identity["GENE_ID"].isin(_NO_NAME) & spelled.isin(self._variants.index)
        for row in np.flatnonzero(without_gene):
            slots = np.atleast_1d(self._variants.loc[spelled.iloc[row]])
            empty = slots[self._worth[slots] == _NONE]
            self._outcomes[empty] = _reason(chunk.identity["STATUS"].iloc[row])


def _reason(status: str) -> str:
    return Outcome.NOT_FINITE.value if status == OK else NOT_SCORED + status


def _number(text: str) -> float:
    return np.nan if text in _NO_NAME else float(text)
