"""The table that says what each row of a model's head predicts."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from enformer_vep.errors import InputError

_REMEDY = "give a tab-separated table with a header that names at least the column identifier"
_UNKNOWN_NUMBERS = ("", "NA", "nan")


@dataclass(frozen=True, slots=True)
class Track:
    """One output of the model.

    Attributes:
        index: 0-based row of the table, which is that of the organism's head.
        identifier: Unique name within the organism, such as ENCFF136DBS.
        description: Assay, a colon, and the sample; not unique.
        file: Coverage file that it is learnt from, as the table names it; empty when it names none.
        clip: Largest value of the training data, in their units; None when unknown.
        clip_soft: Above it, only the square root of the excess counts in training; None for no soft clip.
        scale: Factor applied to the training data; None when unknown.
        sum_stat: How the training data were pooled over a bin, such as "mean" or "sum"; None when unknown.
        strand_partner: Row of the same track on the other strand; None or its own for a track of both strands.
        place: Where the table lists it, for messages.
    """

    index: int
    identifier: str
    description: str = ""
    file: str = ""
    clip: float | None = None
    clip_soft: float | None = None
    scale: float | None = None
    sum_stat: str | None = None
    strand_partner: int | None = None
    place: str = field(default="", compare=False, repr=False)

    @property
    def assay(self) -> str:
        """The description's text before its first colon, such as CAGE; empty when it has none."""
        assay, colon, _ = self.description.partition(":")
        return assay if colon else ""


@dataclass(frozen=True, slots=True)
class TrackTable:
    """The tracks of one organism's head, in the head's order: track i has index i."""

    tracks: tuple[Track, ...]
    _by_identifier: dict[str, Track] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_identifier", {track.identifier: track for track in self.tracks})

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, index: int) -> Track:
        return self.tracks[index]

    def __iter__(self) -> Iterator[Track]:
        return iter(self.tracks)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Of every track, in the head's order."""
        return tuple(track.identifier for track in self.tracks)

    @property
    def fingerprint(self) -> str:
        """A sha256 of which track stands in which row; descriptions and the like are not in it."""
        return hashlib.sha256("\n".join(self.identifiers).encode()).hexdigest()

    def find(self, identifier: str) -> Track | None:
        """The track of this identifier, spelled exactly; None when there is none."""
        return self._by_identifier.get(identifier)

    def with_partners(self, rows: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        """Add the tracks of the other strand, which a reverse complement needs, to rows of the head.

        Returns:
            The same rows and, after them, the partners that were not among them; and for each of all these
            the position of the one that has its place on the other strand, None where no track is of one
            strand.
        """
        partners = [self._other(row) for row in rows]
        every = tuple(dict.fromkeys((*rows, *partners)))
        if every == tuple(rows) and partners == list(rows):
            return every, None
        position = {row: place for place, row in enumerate(every)}
        return every, tuple(position[self._other(row)] for row in every)

    def _other(self, row: int) -> int:
        partner = self[row].strand_partner
        return row if partner is None else partner

    @classmethod
    def read(cls, path: str | Path, gaps: bool = False) -> Self:
        """Reads a table from a text file; see `from_text`.

        Raises:
            InputError: The file cannot be read or is not such a table.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise InputError(f"{path}: cannot read the track table: {reason}; {_REMEDY}") from error
        return cls.from_text(text, str(path), gaps)

    @classmethod
    def from_text(cls, text: str, source: str = "track table", gaps: bool = False) -> Self:
        """Parses the layout of the published `targets_human.txt` and `targets_mouse.txt` (calico/basenji).

        Columns are found by name. `identifier` is required; `index`, `description`, `file`, `clip`, `clip_soft`,
        `scale`, `sum_stat` and `strand_pair` are used when there, others are ignored. Rows stand in the head's
        order; their `index`, if any, rises by one from any start (the mouse table's starts at 5313), and the
        track's own index starts at 0. `strand_pair` names the partner by the column `index`.

        Args:
            text: Header and rows, tab separated.
            source: Name of the text, for messages.
            gaps: Whether `index` may be anything, as where data are of some rows of a larger table.

        Raises:
            InputError: A column, a value or an identifier is missing, malformed or there twice; the message
                names the line.
        """
        lines = text.splitlines()
        header = lines[0].split("\t") if lines else []
        if "identifier" not in header:
            raise InputError(f"{source}: line 1 has no column identifier; {_REMEDY}")
        rows = [
            _Row(dict(zip(header, line.split("\t"), strict=False)), f"{source}: line {number}")
            for number, line in enumerate(lines[1:], start=2)
            if line.strip()
        ]
        if not gaps:
            _check_order(rows)
        _check_unique(rows)
        place_of = {row.values.get("index") or str(index): index for index, row in enumerate(rows)}
        table = cls(tuple(row.track(index, place_of) for index, row in enumerate(rows)))
        for track in table:
            if table._other(table._other(track.index)) != track.index:
                raise InputError(f"{track.place}: strand_pair is not that of the track which it names; correct it")
        return table


def require_same_tracks(given: Sequence[str], own: Sequence[str], source: str, owner: str) -> None:
    """Makes sure that a table given beside another one has the same tracks in the same rows.

    A number of tracks says nothing about which is which: in another order, every score would stand under
    another track's name.

    Args:
        given: Identifiers of the table that was given.
        own: Identifiers in the true order.
        source: What messages call the table that was given.
        owner: What messages call the one with the true order, such as "model example".

    Raises:
        InputError: The tables differ; the message names the first difference.
    """
    if tuple(given) == tuple(own):
        return
    if len(given) != len(own):
        raise InputError(
            f"{source}: {len(given)} tracks listed, but {owner} has {len(own)}; give the table of {owner}, or none"
        )
    row = next(index for index, pair in enumerate(zip(given, own, strict=True)) if pair[0] != pair[1])
    found = f"{source}: track {row} is {given[row]}, but {own[row]} in the table of {owner}"
    known = set(own)
    unknown = next((identifier for identifier in given if identifier not in known), None)
    if unknown is None:
        raise InputError(f"{found}: the same tracks in another order; put them in that order, or give no table")
    raise InputError(f"{found}, which has no {unknown}; give the table of {owner}, or none")


@dataclass(frozen=True, slots=True)
class _Row:
    values: dict[str, str]
    place: str

    @property
    def identifier(self) -> str:
        return self.values.get("identifier", "")

    def track(self, index: int, place_of: Mapping[str, int]) -> Track:
        if not re.fullmatch(r"\S+", self.identifier):
            raise InputError(f"{self.place}: identifier {self.identifier!r} is not one word; rename the track")
        pair = self.values.get("strand_pair", "")
        if pair not in (*_UNKNOWN_NUMBERS, *place_of):
            raise InputError(f"{self.place}: strand_pair {pair!r} is not an index of the table; correct it")
        return Track(
            index=index,
            identifier=self.identifier,
            description=self.values.get("description", ""),
            file=self.values.get("file", ""),
            clip=self._number("clip"),
            clip_soft=self._number("clip_soft"),
            scale=self._number("scale"),
            sum_stat=self.values.get("sum_stat") or None,
            strand_partner=place_of.get(pair),
            place=self.place,
        )

    def _number(self, column: str) -> float | None:
        text = self.values.get(column, "")
        try:
            return None if text in _UNKNOWN_NUMBERS else float(text)
        except ValueError as error:
            raise InputError(f"{self.place}: {column} {text!r} is not a number; correct it") from error


def _check_order(rows: list[_Row]) -> None:
    if not rows or "index" not in rows[0].values:
        return
    first = rows[0].values["index"]
    for offset, row in enumerate(rows):
        index = row.values.get("index", "")
        if not (first.isdecimal() and index.isdecimal() and int(index) == int(first) + offset):
            raise InputError(
                f"{row.place}: index {index!r} does not follow the line before; "
                "list the tracks in the order of the model's head"
            )


def _check_unique(rows: list[_Row]) -> None:
    places: dict[str, str] = {}
    for row in rows:
        if row.identifier in places:
            raise InputError(
                f"{row.place}: identifier {row.identifier} is the same as in {places[row.identifier]}; "
                "give every track its own"
            )
        places[row.identifier] = row.place
