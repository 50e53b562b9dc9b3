"""Which columns of two tables are compared: those of one name, and tracks that a file says are the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from enformer_vep.calibration.additions import column_score
from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_text
from enformer_vep.tables.reader import ScoredTable, select_columns
from enformer_vep.tables.row import Layout

_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class ColumnPair:
    """A column of each table.

    Attributes:
        names: As they are called.
        places: Positions among the values of their tables.
        has_signs: Whether signs say the direction of an effect in both, as far as is known.
    """

    names: tuple[str, str]
    places: tuple[int, int]
    has_signs: bool


@dataclass(frozen=True, slots=True)
class TrackMap:
    """Names that mean the same.

    Attributes:
        path: Where they stand.
        lines: The number of a line, and its two names: a track or a column of the first table, and of the second.
    """

    path: Path
    lines: tuple[tuple[int, str, str], ...]


def read_track_map(path: Path) -> TrackMap:
    """Read two names a line, a tab between them; empty lines and those that begin with "#" are passed over.

    Raises:
        InputError: It cannot be read, or a line has not two names.
    """
    lines = []
    with open_text(path, "map") as text:
        for number, line in enumerate(text, start=1):
            names = [name.strip() for name in line.split("\t")]
            if not line.strip() or line.startswith("#"):
                continue
            if len(names) != _COLUMNS or not all(names):
                raise InputError(f"{path}, line {number}: write two names with a tab between them")
            lines.append((number, names[0], names[1]))
    return TrackMap(path, tuple(lines))


def pair_columns(
    first: ScoredTable, second: ScoredTable, patterns: Sequence[str] = (), tracks: TrackMap | None = None
) -> tuple[ColumnPair, ...]:
    """Find the pairs, in the order of the first table's columns.

    Args:
        first: A table.
        second: Another one.
        patterns: Only these columns of the first table, as for `select_columns`; all without any.
        tracks: Pairs in addition to those that share a name.

    Raises:
        UsageError: A pattern fits no column.
        InputError: There is no pair, or a name of the map is in neither place.
    """
    places = [{name: place for place, name in enumerate(table.layout.values)} for table in (first, second)]
    wanted = {first.layout.values[place] for place in select_columns(first.layout, patterns)}
    pairs = {(name, name) for name in wanted & places[1].keys()}
    for number, one, other in tracks.lines if tracks else ():
        found = set(_same(first.layout, second.layout, one, other))
        if not found:
            where = f"{tracks.path if tracks else ''}, line {number}"
            raise InputError(_explained(where, (first, second), (one, other)))
        pairs |= {pair for pair in found if pair[0] in wanted}
    if not pairs:
        raise InputError(
            f"no column of {first.name} has the name of one of {second.name} ({first.layout.values[0]}, ... and "
            f"{second.layout.values[0]}, ...): score both with the same --scores and tracks, or give pairs with --map"
        )
    placed = sorted((places[0][one], places[1][other], one, other) for one, other in pairs)
    return tuple(
        ColumnPair((one, other), (place, match), _has_signs(one) and _has_signs(other))
        for place, match, one, other in placed
    )


def _same(first: Layout, second: Layout, one: str, other: str) -> Iterator[tuple[str, str]]:
    """Names of columns that two names of a map stand for: themselves, or those of two tracks, score by score."""
    if one in first.values and other in second.values:
        yield one, other
        return
    for block, match in product(first.blocks, second.blocks):
        if block.score == match.score and one in block.labels and other in match.labels:
            yield block.columns[block.labels.index(one)], match.columns[match.labels.index(other)]


def _explained(where: str, tables: tuple[ScoredTable, ScoredTable], names: tuple[str, str]) -> str:
    for table, name in zip(tables, names, strict=True):
        if name not in table.layout.values and not any(name in block.labels for block in table.layout.blocks):
            return f"{where}: {name} is no track and no column of {table.name}; correct the name"
    return f"{where}: {names[0]} and {names[1]} have no score in common; name two columns, such as SAD_{names[0]}"


def _has_signs(name: str) -> bool:
    """What is known of no score is taken for signed: its sign may say something."""
    known = column_score(name.partition("_")[0])
    return known is None or known.is_signed
