"""`enformer-vep tracks`: what a model predicts."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enformer_vep.errors import UsageError

if TYPE_CHECKING:
    from enformer_vep.tracks.table import Track

logger = logging.getLogger(__name__)

_COLUMNS = ("index", "identifier", "assay", "description")


@click.command()
@click.argument("pattern", default="")
@click.option("-m", "--model", default="enformer", show_default=True, help="Model name or path.")
@click.option(
    "--targets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Track table to read instead of the model's.",
)
@click.option(
    "--organism",
    type=click.Choice(["human", "mouse"]),
    default="human",
    show_default=True,
    help="Whose tracks to list.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array instead of a table.")
def tracks(pattern: str, model: str, targets: Path | None, organism: str, as_json: bool) -> None:
    """List the tracks that a model predicts, or those that match PATTERN.

    PATTERN is text, in any case, in the identifier or the description, or a regular expression between
    slashes.

    \b
    Examples:
      enformer-vep tracks                       all of them
      enformer-vep tracks GM12878               whatever mentions this cell line
      enformer-vep tracks '/^CAGE.*liver/i'     a regular expression

    Any index or identifier that is listed can be given to score's --tracks.
    """
    from enformer_vep.api import load_track_table
    from enformer_vep.tracks.selection import search_tracks

    table = load_track_table(model, targets, organism)
    if table is None:
        raise UsageError(f"model {model} has no track table for {organism}; give one with --targets")
    found = search_tracks(pattern, table)
    if not found:
        logger.warning("none of the %d %s tracks matches %s", len(table), organism, pattern)
    click.echo(_json(found) if as_json else _tsv(found))


def _tsv(tracks: tuple[Track, ...]) -> str:
    return "\n".join("\t".join(fields) for fields in (_COLUMNS, *map(_fields, tracks)))


def _json(tracks: tuple[Track, ...]) -> str:
    rows = [dict(zip(_COLUMNS, (track.index, *_fields(track)[1:]), strict=True)) for track in tracks]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _fields(track: Track) -> tuple[str, str, str, str]:
    return str(track.index), track.identifier, track.assay, track.description
