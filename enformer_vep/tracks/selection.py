"""Which tracks a user asks for: the grammar of `--tracks`, and the search of `enformer-vep tracks`."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from enformer_vep.errors import InputError, UsageError
from enformer_vep.tracks.table import Track, TrackTable

_INDEX = re.compile(r"\d+")
_RANGE = re.compile(r"(\d+)-(\d+)")
_EXPRESSION = re.compile(r"/(?P<pattern>.*)/(?P<flags>i?)")
# An expression ends at the first slash before a comma or the end: it may itself hold commas and slashes.
_TOKEN = re.compile(r"\s*(?P<token>/.*?(?<!\\)/i?|[^,]*?)\s*(?:,|$)")
_ASSAY = "assay:"
_FILE = "@"
_NO_TABLE = "needs the model's track table; give it with --targets, or select by index"
_SEE = "search with: enformer-vep tracks PATTERN"


def select_tracks(specification: str, table: TrackTable | None, track_count: int) -> tuple[int, ...]:
    """Turns a `--tracks` specification into indices.

    Tokens, separated by commas: an index `5110`; a range `0-99`, both ends included; an identifier
    `ENCFF136DBS`, spelled exactly; `assay:CAGE`, in any case; `/expression/` (or `/expression/i`, in any
    case), a regular expression found anywhere in the description; `@file`, one specification per line, text
    after a tab and lines that begin with `#` ignored. Digits always mean an index, never an identifier.

    Args:
        specification: The user's text.
        table: The organism's tracks; None when the model has no table: then only indices and ranges work.
        track_count: Rows of the organism's head.

    Returns:
        0-based rows of the head in the order of their first mention, each once.

    Raises:
        UsageError: A token that is unknown, out of range or matches nothing; the message names it and what is
            close.
        InputError: A file that cannot be read, or a table that is not this head's.
    """
    if table is not None and len(table) != track_count:
        raise InputError(
            f"the track table has {len(table)} rows and the model's head {track_count}; "
            "give this model's and organism's own table with --targets"
        )
    selection = _Selection(table, track_count)
    indices = [index for token in _tokens(specification) for index in selection.resolve(token)]
    if not indices:
        raise UsageError("--tracks selects nothing; give indices, identifiers, assay:NAME, /expression/, @file")
    return tuple(dict.fromkeys(indices))


def search_tracks(pattern: str, table: TrackTable) -> tuple[Track, ...]:
    """Finds tracks for a person who looks around.

    Args:
        pattern: Text found in any case in the identifier or the description, or `/expression/` as in
            `select_tracks`, tried on both. Empty text finds all.
        table: Where to look.

    Raises:
        UsageError: The expression is not a regular expression.
    """
    found = _search_test(pattern)
    return tuple(track for track in table if found(track.identifier) or found(track.description))


def _search_test(pattern: str) -> Callable[[str], bool]:
    expression = _EXPRESSION.fullmatch(pattern)
    if expression:
        compiled = _compile(expression)
        return lambda text: compiled.search(text) is not None
    wanted = pattern.casefold()
    return lambda text: wanted in text.casefold()


@dataclass(frozen=True, slots=True)
class _Selection:
    table: TrackTable | None
    track_count: int

    def resolve(self, token: str) -> list[int]:
        if token.startswith(_FILE):
            return self._file(token)
        if _INDEX.fullmatch(token):
            return [self._index(int(token), token)]
        if limits := _RANGE.fullmatch(token):
            return self._range(int(limits[1]), int(limits[2]), token)
        if self.table is None:
            raise UsageError(f"--tracks {token} {_NO_TABLE}")
        if expression := _EXPRESSION.fullmatch(token):
            return _expression(expression, self.table)
        if token.lower().startswith(_ASSAY):
            return _assay(token, self.table)
        return [_identifier(token, self.table)]

    def _index(self, index: int, token: str) -> int:
        if index >= self.track_count:
            raise UsageError(f"--tracks {token}: the last track is {self.track_count - 1}; give a smaller one")
        namesake = self.table.find(token) if self.table is not None else None
        if namesake is not None and namesake.index != index:
            raise UsageError(
                f"--tracks {token}: is an index and also the identifier of track {namesake.index}; "
                f"write {index}-{index} or {namesake.index}-{namesake.index}"
            )
        return index

    def _range(self, first: int, last: int, token: str) -> list[int]:
        if first > last:
            raise UsageError(f"--tracks {token}: the range runs backwards; write {last}-{first}")
        if last >= self.track_count:
            raise UsageError(f"--tracks {token}: the last track is {self.track_count - 1}; end there")
        return list(range(first, last + 1))

    def _file(self, token: str) -> list[int]:
        path = Path(token.removeprefix(_FILE))
        indices: list[int] = []
        for number, line in enumerate(_read_lines(path), start=1):
            text = line.partition("\t")[0].strip()
            if text and not text.startswith("#"):
                indices += self._line(text, f"{path}: line {number}")
        if not indices:
            raise UsageError(f"--tracks {token}: the file names no track; write one per line")
        return indices

    def _line(self, text: str, place: str) -> list[int]:
        try:
            tokens = list(_tokens(text))
            if any(token.startswith(_FILE) for token in tokens):
                raise UsageError(f"{text} names another file; write its tracks here")
            return [index for token in tokens for index in self.resolve(token)]
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error


def _tokens(specification: str) -> Iterator[str]:
    return (match["token"] for match in _TOKEN.finditer(specification) if match["token"])


def _compile(expression: re.Match[str]) -> re.Pattern[str]:
    try:
        return re.compile(expression["pattern"], re.IGNORECASE if expression["flags"] else 0)
    except re.error as error:
        raise UsageError(
            f"{expression[0]}: is no regular expression: {error}; put a backslash before special characters"
        ) from error


def _expression(expression: re.Match[str], table: TrackTable) -> list[int]:
    pattern = _compile(expression)
    indices = [track.index for track in table if pattern.search(track.description)]
    if not indices:
        raise UsageError(f"--tracks {expression[0]}: no description matches; {_SEE}")
    return indices


def _assay(token: str, table: TrackTable) -> list[int]:
    wanted = token[len(_ASSAY) :].casefold()
    indices = [track.index for track in table if track.assay and track.assay.casefold() == wanted]
    if not indices:
        assays = ", ".join(sorted({track.assay for track in table if track.assay})) or "none"
        raise UsageError(f"--tracks {token}: no such assay; the table has {assays}")
    return indices


def _identifier(token: str, table: TrackTable) -> int:
    if token.startswith("/"):
        raise UsageError(f"--tracks {token}: the expression has no end; close it with a slash")
    track = table.find(token)
    if track is None:
        raise UsageError(f"--tracks {token}: no such identifier; {_suggestion(token, table)}")
    return track.index


def _suggestion(token: str, table: TrackTable) -> str:
    folded = {track.identifier.casefold(): track.identifier for track in table}
    close = get_close_matches(token.casefold(), folded, n=3, cutoff=0.75)
    if close:
        return f"did you mean {', '.join(folded[name] for name in close)}?"
    count = sum(token.casefold() in track.description.casefold() for track in table)
    if count:
        return f"{count} descriptions have it: write /{re.escape(token)}/i"
    return _SEE


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"{path}: cannot read the list of tracks: {reason}; name a text file") from error
