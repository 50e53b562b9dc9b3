"""Which tracks tell the direction of effect in a tissue, and with which sign."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.eqtl.eqtl_settings import DirectionSettings, Repressive
from enformer_vep.errors import UsageError
from enformer_vep.tracks.assays import assay_of, is_repressive, says_expression
from enformer_vep.tracks.groups import TrackGroups, load_groups
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import Track, TrackTable

_REMEDY = (
    "give the model's track table with --targets (enformer-vep tracks writes one), or name tracks with "
    "--direction-tracks"
)
_ASSAY_SUFFIX = re.compile(r"_(cage|dnase|atac|rna)$")


@dataclass(frozen=True, slots=True)
class SignedTracks:
    """Tracks whose scores are averaged.

    Attributes:
        signs: float64 [features]: 1, -1 for repressive marks, 0 for what is left out.
        words: Such as "CAGE:12 -CHIP:H3K27me3:4": how many of which assay, with a minus where the sign is turned.
    """

    signs: npt.NDArray[np.float64]
    words: str


class DirectionTracks:
    """The choice for every tissue.

    Args:
        labels: Of the features.
        settings: What is chosen.
        table: The model's tracks, or what the score tables know of them; None for nothing.

    Raises:
        UsageError: Tracks or groups cannot be found, or none of them is among the features.
        InputError: A file of groups cannot be read.
    """

    def __init__(self, labels: Sequence[str], settings: DirectionSettings, table: TrackTable | None) -> None:
        self._labels = labels
        self._settings = settings
        self._table = table
        self._places = {label: place for place, label in enumerate(labels)}
        self._groups = load_direction_groups(settings.groups, table)
        if settings.tracks is not None:
            self._common: SignedTracks | None = self._signed(self._chosen(settings.tracks))
        else:
            self._common = None if settings.groups is not None else self._by_assay()

    def of(self, tissue: str) -> SignedTracks | None:
        """Those of a tissue; None where there are none, or none are known."""
        if self._groups is None or self._table is None:
            return self._common
        rows = [
            row
            for name, members in zip(self._groups.names, self._groups.members, strict=True)
            if _is_tissue(name, tissue)
            for row in members
        ]
        return self._signed(self._descriptions(rows)) if rows else None

    def why_not(self, tissue: str) -> str:
        """Why a tissue has none, with the remedy."""
        if self._groups is not None:
            return f"no group of --direction-groups is called {tissue}; add one, or name tracks with --direction-tracks"
        if self._table is None:
            return f"which tracks say expression is not known; {_REMEDY}"
        return "no track is of an assay that says expression; name some with --direction-tracks"

    def rows(self, tissue: str) -> list[tuple[str, str, int]]:
        """Label, description and sign of every track of a tissue."""
        signed = self.of(tissue)
        if signed is None:
            return []
        return [
            (label, self._description(label), int(sign))
            for label, sign in zip(self._labels, signed.signs.tolist(), strict=True)
            if sign
        ]

    def _chosen(self, specification: str) -> dict[str, str]:
        """Labels with their descriptions; tokens are labels of the features, or what `--tracks` takes."""
        names = [token.strip() for token in specification.split(",") if token.strip()]
        if names and all(name in self._places for name in names):
            return {name: self._description(name) for name in names}
        if self._table is None:
            unknown = next((name for name in names if name not in self._places), specification)
            raise UsageError(
                f"--direction-tracks {unknown} is not among the features; name one of the score tables' tracks, "
                "or give the model's track table with --targets"
            )
        try:
            rows = select_tracks(specification, self._table, len(self._table))
        except UsageError as error:
            raise UsageError(f"--direction-tracks {str(error).removeprefix('--tracks ')}") from None
        return self._descriptions(rows)

    def _descriptions(self, rows: Sequence[int]) -> dict[str, str]:
        """Rows of the table, with their partners: a gene may be on either strand, and an effect has no strand."""
        assert self._table is not None
        found = [self._table[row] for row in self._table.with_partners(rows)[0]]
        return {track.identifier: track.description for track in found}

    def _by_assay(self) -> SignedTracks | None:
        known = {label: self._description(label) for label in self._labels}
        speaking = {label: description for label, description in known.items() if says_expression(description)}
        return self._signed(speaking) if speaking else None

    def _signed(self, chosen: dict[str, str]) -> SignedTracks:
        signs = np.zeros(len(self._labels))
        counts: Counter[str] = Counter()
        for label, description in chosen.items():
            turned = is_repressive(description)
            if label in self._places and not (turned and self._settings.repressive is Repressive.LEFT_OUT):
                signs[self._places[label]] = -1 if turned else 1
                counts[f"{'-' * turned}{assay_of(description) or 'track'}"] += 1
        if not counts:
            raise UsageError(
                "none of the tracks for the direction is among the features; score them (--tracks), or choose others"
            )
        return SignedTracks(signs, " ".join(f"{assay}:{count}" for assay, count in counts.items()))

    def _description(self, label: str) -> str:
        track = None if self._table is None else self._table.find(label)
        return "" if track is None else track.description


def table_of_titles(labels: Sequence[str], titles: Sequence[str]) -> TrackTable | None:
    """What score tables (Parquet) say of their tracks, as a table; None where they say nothing."""
    if len(titles) != len(labels):
        return None
    return TrackTable(tuple(Track(index, *pair) for index, pair in enumerate(zip(labels, titles, strict=True))))


def load_direction_groups(specification: str | None, table: TrackTable | None) -> TrackGroups | None:
    """Groups of tracks by tissue.

    Raises:
        UsageError: There is no table to find their tracks in, or no group has one.
        InputError: The file cannot be read.
    """
    if specification is None:
        return None
    if table is None:
        raise UsageError("--direction-groups needs the model's track table; give it with --targets")
    return load_groups(specification, table)


def _is_tissue(group: str, tissue: str) -> bool:
    """Whether a group is of a tissue: the same words, whatever stands between them, an assay after them or not."""
    name, wanted = (re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_") for text in (group, tissue))
    return wanted in (name, _ASSAY_SUFFIX.sub("", name))
