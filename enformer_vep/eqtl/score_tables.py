"""The columns of one score in one or more tables that `enformer-vep score` wrote, a chunk of rows at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError
from enformer_vep.tables.reader import ScoredTable, open_scores
from enformer_vep.tables.row import GENE_ID, VARIANT_CLASS, VARIANT_COLUMNS, WINDOW_START, Layout, column_name

OK = "ok"

_CHUNK_VALUES = 1 << 23  # 32 MB of float32


@dataclass(frozen=True, slots=True)
class ScoreChunk:
    """Consecutive rows.

    Attributes:
        identity: Text columns as written: `VARIANT_COLUMNS`, and those of the gene where the table has them.
        values: float32 [rows, features]; NaN in rows that were not scored.
    """

    identity: pd.DataFrame
    values: npt.NDArray[np.float32]

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Of every row, bool [rows]: status ok and every value finite."""
        return (self.identity["STATUS"] == OK).to_numpy() & np.isfinite(self.values).all(axis=1)


@dataclass(frozen=True, slots=True)
class ScoreTables:
    """One or more tables with the same columns of one score.

    Attributes:
        tables: In the order in which they are read.
        score: Name of the score.
        tracks: Track identifiers, in feature order.
        identity: Names of the columns that say what a row is about.
        titles: Descriptions of the tracks, where the tables have them (Parquet); else empty.
    """

    tables: tuple[ScoredTable, ...]
    score: str
    tracks: tuple[str, ...]
    identity: tuple[str, ...]
    titles: tuple[str, ...] = ()

    @property
    def by_gene(self) -> bool:
        """Whether rows are about a variant and a gene."""
        return GENE_ID.name in self.identity

    @property
    def columns(self) -> list[str]:
        """Names of the feature columns."""
        return [column_name(self.score, track) for track in self.tracks]

    def chunks(self) -> Iterator[ScoreChunk]:
        """Reads the tables, one after the other."""
        rows = max(1, _CHUNK_VALUES // len(self.tracks))
        for table in self.tables:
            places = {name: place for place, name in enumerate(table.layout.values)}
            names = [*VARIANT_COLUMNS, *(column.name for column in table.layout.context)]
            for texts, values in table.chunks([places[name] for name in self.columns], rows):
                yield ScoreChunk(pd.DataFrame(texts, columns=names, dtype=str)[list(self.identity)], values)


def open_tables(paths: Sequence[Path], score: str, tracks: Sequence[str] | None = None) -> ScoreTables:
    """Looks at the headers. Tracks, if given, must be there, in this order; else those of the first table.

    Raises:
        InputError: A table is none of `enformer-vep score`, has no such columns, or not those of the others.
    """
    tables = tuple(map(open_scores, paths))
    found = [_tracks_of(table, score) for table in tables]
    wanted = found[0] if tracks is None else tuple(tracks)
    for table, own in zip(tables, found, strict=True):
        _check_same(table.name, own, wanted, score, exactly=tracks is None)
    kinds = {_identity(table.layout) for table in tables}
    if len(kinds) > 1:
        raise InputError(f"{paths[0]} and the other tables are not all by gene; give tables of one kind")
    return ScoreTables(tables, score, wanted, kinds.pop(), _titles(tables[0].layout, score, wanted))


def _identity(layout: Layout) -> tuple[str, ...]:
    return (
        *VARIANT_COLUMNS,
        *(column.name for column in layout.context if column not in (WINDOW_START, VARIANT_CLASS)),
    )


def _tracks_of(table: ScoredTable, score: str) -> tuple[str, ...]:
    for block in table.layout.blocks:
        if block.score == score:
            return block.labels
    raise InputError(f"{table.name} has no columns {score}_...; score with -s {score}, or choose another --score")


def _titles(layout: Layout, score: str, tracks: Sequence[str]) -> tuple[str, ...]:
    block = next(block for block in layout.blocks if block.score == score)
    known = dict(zip(block.labels, block.titles, strict=False))
    return tuple(known[track] for track in tracks) if known.keys() >= set(tracks) else ()


def _check_same(name: str, own: Sequence[str], wanted: Sequence[str], score: str, *, exactly: bool) -> None:
    there, asked = set(own), set(wanted)
    absent = [track for track in wanted if track not in there]
    extra = [track for track in own if track not in asked] if exactly else []
    if absent or extra:
        names = ", ".join(f"{score}_{track}" for track in (absent or extra)[:5])
        many = len(absent or extra)
        raise InputError(
            f"{name} {'lacks' if absent else 'alone has'} {many} feature column{'s' if many > 1 else ''}: {names}"
            f"{', ...' if many > 5 else ''}; score with the same model and --tracks"
        )
