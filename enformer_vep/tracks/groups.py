"""Groups of tracks whose predictions are averaged: `--groups`."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from enformer_vep.errors import InputError, UsageError
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)

GTEX = "gtex-v8"
_GTEX_FILE = "data/gtex_v8_groups.tsv"
_HEADERS = ("track", "identifier", "index")
_LAYOUT = "write a track, a tab and its group on each line"


@dataclass(frozen=True, slots=True)
class TrackGroups:
    """Named groups of tracks; a track may be in several.

    Attributes:
        names: The groups, in the order of their first mention; each one word.
        members: For each group, its tracks as 0-based rows of the head, each once, in the order of mention.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]

    @property
    def tracks(self) -> tuple[int, ...]:
        """Every track that is in a group, as sorted 0-based rows of the head: what has to be predicted."""
        return tuple(sorted({row for rows in self.members for row in rows}))

    def weights(self, tracks: Sequence[int]) -> NDArray[np.float64]:
        """The matrix that averages tracks into groups: predictions [..., tracks] @ weights.

        Args:
            tracks: What is predicted, as 0-based rows of the head, each once, in any order.

        Returns:
            float64 [tracks, groups]: 1 / (size of the group) for its members, else 0.

        Raises:
            UsageError: A group has a track that is not predicted.
        """
        places = {row: place for place, row in enumerate(tracks)}
        weights = np.zeros((len(tracks), len(self.names)))
        for column, (name, rows) in enumerate(zip(self.names, self.members, strict=True)):
            for row in rows:
                if row not in places:
                    raise UsageError(f"group {name} needs track {row}, which --tracks leaves out; leave --tracks out")
                weights[places[row], column] = 1 / len(rows)
        return weights


def load_groups(specification: str, table: TrackTable | None) -> TrackGroups:
    """Reads what `--groups` names.

    Args:
        specification: `gtex-v8:CAGE` or `gtex-v8:DNASE`, the packaged groups of tracks for the tissues of GTEx
            v8 (made by `tools/make_gtex_groups.py`), named by tissue; `gtex-v8`, both, as Liver_CAGE and Liver_DNASE:
            assays are on different scales and have no common mean. Or a file, in the layout of `read_groups`.
        table: The organism's tracks; None when the model has no table.

    Returns:
        The groups. Packaged groups without a track in the table are left out and counted in the log.

    Raises:
        UsageError: There is no table, no such packaged assay, or no packaged group has a track in the table.
        InputError: The file cannot be read or a line of it cannot be understood; the message names the line.
    """
    if table is None:
        raise UsageError("--groups needs the model's track table; give it with --targets")
    name, _, assay = specification.partition(":")
    if name.casefold() == GTEX:
        return _packaged(assay, table)
    return read_groups(Path(specification), table)


def read_groups(path: Path, table: TrackTable) -> TrackGroups:
    """Reads groups from a file.

    Each line has a track, a tab and the name of its group; columns after that, blank lines and lines that begin
    with `#` are ignored. The track is written as for `--tracks`: an index, an identifier, or a range, an assay
    or an expression for several. A first line `track`, `identifier` or `index` and anything is a header. A
    track that is twice in a group counts once.

    Args:
        path: The file.
        table: The organism's tracks.

    Raises:
        InputError: The file cannot be read or has no group, or a line names an unknown track or no group.
    """
    groups: dict[str, dict[int, None]] = {}
    for place, track, group in _rows(_read_text(path), str(path)):
        for row in _resolve(track, table, place):
            groups.setdefault(group, {})[row] = None
    if not groups:
        raise InputError(f"groups file {path} has no group; {_LAYOUT}")
    return _freeze(groups)


def _packaged(assay: str, table: TrackTable) -> TrackGroups:
    rows = [line.split("\t") for line in packaged_text().splitlines() if not line.startswith("#")]
    assays = sorted({row[2] for row in rows[1:]})
    if assay and assay.upper() not in assays:
        raise UsageError(f"--groups {GTEX}:{assay} is unknown; give {GTEX} or {GTEX}:{f', {GTEX}:'.join(assays)}")
    groups: dict[str, dict[int, None]] = {}
    for identifier, tissue, of_assay, *_ in rows[1:]:
        if not assay or assay.upper() == of_assay:
            members = groups.setdefault(tissue if assay else f"{tissue}_{of_assay}", {})
            if track := table.find(identifier):
                members[track.index] = None
    kept = {name: members for name, members in groups.items() if members}
    if not kept:
        raise UsageError(
            f"--groups {GTEX}: none of its tracks is in the model's track table; give a file of groups, "
            "or a model with the tracks of Enformer's human head"
        )
    if len(kept) < len(groups):
        absent = len(groups) - len(kept)
        logger.info("%s: %d of %d groups have no track in this model: left out", GTEX, absent, len(groups))
    return _freeze(kept)


def packaged_text() -> str:
    """The packaged groups of GTEx v8, as `tools/make_gtex_groups.py` made them."""
    return files("enformer_vep").joinpath(_GTEX_FILE).read_text(encoding="utf-8")


def _freeze(groups: dict[str, dict[int, None]]) -> TrackGroups:
    return TrackGroups(tuple(groups), tuple(tuple(members) for members in groups.values()))


def _rows(text: str, source: str) -> Iterator[tuple[str, str, str]]:
    first = True
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        place = f"{source}: line {number}"
        track, tab, rest = line.partition("\t")
        group = rest.partition("\t")[0].strip()
        if not (tab and track.strip() and group):
            raise InputError(f"{place}: {line[:60]!r} is not a track and a group; {_LAYOUT}")
        if not (first and track.strip().casefold() in _HEADERS):
            yield place, track.strip(), _one_word(group, place)
        first = False


def _one_word(group: str, place: str) -> str:
    if len(group.split()) > 1:
        raise InputError(f"{place}: group {group!r} is not one word; write {'_'.join(group.split())}")
    return group


def _resolve(track: str, table: TrackTable, place: str) -> tuple[int, ...]:
    if track.startswith("@"):
        raise InputError(f"{place}: {track} names another file; write its tracks here")
    try:
        return select_tracks(track, table, len(table))
    except UsageError as error:
        raise InputError(f"{place}: {str(error).removeprefix('--tracks ')}") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"groups file {path} cannot be read ({reason}); name a text file, or {GTEX}") from None
