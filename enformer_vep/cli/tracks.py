"""`enformer-vep tracks`: what a model predicts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enformer_vep.errors import UsageError

if TYPE_CHECKING:
    from enformer_vep.tracks.table import Track, TrackTable

logger = logging.getLogger(__name__)

_Row = tuple[str | int, ...]

_COLUMNS: tuple[str, ...] = ("index", "identifier", "assay", "description")


@click.command()
@click.argument("pattern", default="")
@click.option("-m", "--model", default="enformer", show_default=True, help="Model name or path.")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Track table (targets.txt) of a model that carries none; default: the model's own.",
)
@click.option(
    "--organism",
    type=click.Choice(["human", "mouse"]),
    default="human",
    show_default=True,
    help="Whose tracks to list.",
)
@click.option(
    "--groups",
    metavar="FILE|gtex-v8[:ASSAY]",
    help="List the tracks of these groups, group by group; as for score.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array instead of a table.")
def tracks(pattern: str, model: str, targets: Path | None, organism: str, groups: str | None, as_json: bool) -> None:
    """List the tracks that a model predicts, or those that match PATTERN.

    PATTERN is text, in any case, in the identifier or the description, or a regular expression between
    slashes.

    \b
    Examples:
      enformer-vep tracks                       all of them
      enformer-vep tracks GM12878               whatever mentions this cell line
      enformer-vep tracks '/^CAGE.*liver/i'     a regular expression
      enformer-vep tracks --groups gtex-v8      the tissues of GTEx and their tracks

    Any index or identifier that is listed can be given to score's --tracks.
    """
    from enformer_vep.scoring.track_tables import load_track_table
    from enformer_vep.tracks.selection import search_tracks

    table = load_track_table(model, targets, organism)
    if table is None:
        raise UsageError(f"model {model} has no track table for {organism}; give one with --targets")
    found = search_tracks(pattern, table)
    if not found:
        logger.warning("none of the %d %s tracks matches %s", len(table), organism, pattern)
    columns, rows = _COLUMNS, [_fields(track) for track in found]
    if groups is not None:
        columns, rows = ("group", *_COLUMNS), list(_grouped(groups, table, found))
    click.echo(_json(columns, rows) if as_json else _tsv(columns, rows))


def _grouped(specification: str, table: TrackTable, found: tuple[Track, ...]) -> Iterator[_Row]:
    """One row for each group and each of its tracks that was found."""
    from enformer_vep.tracks.groups import load_groups

    groups = load_groups(specification, table)
    shown = {track.index for track in found}
    for name, members in zip(groups.names, groups.members, strict=True):
        yield from ((name, *_fields(table[index])) for index in members if index in shown)


def _tsv(columns: tuple[str, ...], rows: list[_Row]) -> str:
    return "\n".join("\t".join(map(str, fields)) for fields in (columns, *rows))


def _json(columns: tuple[str, ...], rows: list[_Row]) -> str:
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=2, ensure_ascii=False)


def _fields(track: Track) -> _Row:
    return track.index, track.identifier, track.assay, track.description
