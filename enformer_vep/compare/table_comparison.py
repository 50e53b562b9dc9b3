"""Two tables compared: column by column over their common rows, and row by row where they lie furthest apart."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.compare.column_pairs import ColumnPair, pair_columns, read_track_map
from enformer_vep.compare.joined_values import Floats, JoinedValues
from enformer_vep.compare.pair_statistics import Agreement, agreement, disagreement
from enformer_vep.compare.table_keys import Joined, identities, join
from enformer_vep.tables.reader import ScoredTable, open_scores
from enformer_vep.tables.row import GENE_ID, GENE_NAME, VARIANT_COLUMNS

logger = logging.getLogger(__name__)

COLUMNS = ("COLUMN_A", "COLUMN_B", "ROWS", "PEARSON", "SPEARMAN", "SAME_SIGN")
_APART = ("APART", "COLUMN_A", "COLUMN_B", "VALUE_A", "VALUE_B")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row in which the tables lie apart.

    Attributes:
        cells: What the row is about, as in the first table.
        apart: How far, see `enformer_vep.compare.pair_statistics.disagreement`; of the pair where that is most.
        pair: That pair.
        values: Of both tables.
    """

    cells: tuple[str, ...]
    apart: float
    pair: ColumnPair
    values: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found.

    Attributes:
        names: Of the tables.
        joined: Their common rows.
        pairs: Columns that were compared.
        agreements: Of each pair.
        header: Names of the cells that say what a row is about.
        disagreements: The rows that lie furthest apart, the furthest first.
        middle: Number of the pair in the middle by Spearman's correlation.
        values: float32 [rows] of either table, of that pair.
    """

    names: tuple[str, str]
    joined: Joined
    pairs: tuple[ColumnPair, ...]
    agreements: tuple[Agreement, ...]
    header: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]
    middle: int
    values: tuple[Floats, Floats]

    def rows(self) -> list[tuple[object, ...]]:
        """The cells of `COLUMNS` for each pair."""
        return [
            (*pair.names, one.rows, one.pearson, one.spearman, one.same_sign)
            for pair, one in zip(self.pairs, self.agreements, strict=True)
        ]

    def disagreement_columns(self) -> tuple[str, ...]:
        """Names of the columns of `disagreement_rows`."""
        return (*self.header, *_APART)

    def disagreement_rows(self) -> list[tuple[object, ...]]:
        """The rows that lie furthest apart."""
        return [(*one.cells, one.apart, *one.pair.names, *one.values) for one in self.disagreements]

    def to_dict(self) -> dict[str, object]:
        """Counts of rows, and medians over pairs, as plain values ready for JSON."""
        sides = zip(("a", "b"), self.names, self.joined.total, self.joined.only, strict=True)
        return {
            "compared_rows": len(self.joined.rows[0]),
            "not_scored_in_both": self.joined.not_scored,
            **{side: {"table": name, "rows": rows, "only": only} for side, name, rows, only in sides},
            "columns": len(self.pairs),
            "median_pearson": _median([one.pearson for one in self.agreements]),
            "median_spearman": _median([one.spearman for one in self.agreements]),
            "median_same_sign": _median([one.same_sign for one in self.agreements]),
        }


def compare_tables(
    first: str, second: str, patterns: Sequence[str] = (), track_map: Path | None = None, furthest: int = 100
) -> Comparison:
    """Join two tables of scores and compare what they have in common.

    Each table is gone through twice, and the first once more for its outstanding rows. Memory holds some tens of
    bytes a row and a few columns; more lies in temporary files.

    Args:
        first: TSV, plain or gzip, or Parquet, of `enformer-vep score`.
        second: Another one.
        patterns: Only these columns of the first.
        track_map: Pairs of tracks that are the same under different names; None for none.
        furthest: How many rows to list.

    Raises:
        InputError: A table cannot be read, or the two do not belong together.
        UsageError: A pattern fits no column, or a table is a pipe.
        DependencyError: A table is Parquet, and pyarrow is not installed.
    """
    tables = open_scores(first), open_scores(second)
    pairs = pair_columns(*tables, patterns, None if track_map is None else read_track_map(track_map))
    joined = join(*tables)
    with JoinedValues(tables, pairs, joined) as values:
        ranking = _Furthest(len(joined.rows[0]))
        agreements = []
        for number, pair in enumerate(pairs):
            columns = values.pair(number)
            agreements.append(agreement(*columns, has_signs=pair.has_signs))
            ranking.add(number, disagreement(*columns))
        middle = _middle(agreements)
        listed = _listed(tables[0], pairs, joined, values, ranking, furthest)
        found = Comparison(
            (first, second), joined, pairs, tuple(agreements), _header(tables[0]), listed, middle, values.pair(middle)
        )
    _report(found)
    return found


class _Furthest:
    """For every row, the pair of columns in which it lies furthest apart."""

    def __init__(self, rows: int) -> None:
        self.apart = np.zeros(rows)
        self.pairs = np.full(rows, -1, np.int32)

    def add(self, number: int, apart: npt.NDArray[np.float64]) -> None:
        further = np.abs(apart) > np.abs(self.apart)
        self.apart[further], self.pairs[further] = apart[further], number

    def largest(self, count: int) -> npt.NDArray[np.intp]:
        """Places of the rows that lie furthest apart, the furthest first, the earlier one of two that are even."""
        order = np.argsort(-np.abs(self.apart), kind="stable")[:count]
        return order[self.pairs[order] >= 0]


def _listed(
    table: ScoredTable,
    pairs: Sequence[ColumnPair],
    joined: Joined,
    values: JoinedValues,
    ranking: _Furthest,
    count: int,
) -> tuple[Disagreement, ...]:
    places = ranking.largest(count)
    own = joined.rows[0][places]
    texts, wanted = identities(table, own), [_place(table, name) for name in _header(table)]
    listed = []
    for place, row in zip(places.tolist(), own.tolist(), strict=True):
        number = int(ranking.pairs[place])
        cells = tuple(texts[row][at] for at in wanted)
        listed.append(Disagreement(cells, float(ranking.apart[place]), pairs[number], values.at(number, place)))
    return tuple(listed)


def _header(table: ScoredTable) -> tuple[str, ...]:
    genes = tuple(column.name for column in (GENE_ID, GENE_NAME) if column in table.layout.context)
    return (*(name for name in VARIANT_COLUMNS if name != "STATUS"), *genes)


def _place(table: ScoredTable, name: str) -> int:
    return [*VARIANT_COLUMNS, *(column.name for column in table.layout.context)].index(name)


def _middle(agreements: Sequence[Agreement]) -> int:
    """The pair in the middle by Spearman's correlation; those without one come first."""
    order = sorted(range(len(agreements)), key=lambda number: np.nan_to_num(agreements[number].spearman, nan=-2.0))
    return order[len(order) // 2]


def _median(numbers: Sequence[float]) -> float | None:
    known = [number for number in numbers if not np.isnan(number)]
    return float(np.median(known)) if known else None


def _report(found: Comparison) -> None:
    joined = found.joined
    only = ", ".join(
        f"{count} of {total} ({count / total:.1%}) only in {name}"
        for name, count, total in zip(found.names, joined.only, joined.total, strict=True)
    )
    unscored = f", {joined.not_scored} in both but not scored in both" if joined.not_scored else ""
    logger.info("%d rows compared in %d columns; %s%s", len(joined.rows[0]), len(found.pairs), only, unscored)
