"""Columns of a run, and what their numbers were made with."""

from collections.abc import Sequence

from enformer_vep.settings import ScoreSettings
from enformer_vep.tables.row import (
    GENE_ID,
    GENE_NAME,
    TSS_DISTANCE,
    WINDOW_START,
    Layout,
    ValueBlock,
)
from enformer_vep.tracks.groups import TrackGroups
from enformer_vep.tracks.table import TrackTable


def make_layout(
    settings: ScoreSettings,
    tracks: Sequence[int],
    table: TrackTable | None,
    groups: TrackGroups | None = None,
) -> Layout:
    """Columns of a run: for each score all groups, or tracks, which without a table are named by their index."""
    labels = tuple(table[track].identifier if table is not None else str(track) for track in tracks)
    titles: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    if groups is not None:
        labels = groups.names
        titles = tuple(f"mean of {len(members)} tracks" for members in groups.members)
        notes = (("groups", str(dict(zip(groups.names, groups.members, strict=True)))),)
    elif table is not None:
        titles = tuple(table[track].description for track in tracks)
    blocks = tuple(ValueBlock(score.value, labels, score.description, titles) for score in settings.scores)
    genes = (GENE_ID, GENE_NAME, TSS_DISTANCE) if settings.genes else ()
    windows = (WINDOW_START,) if settings.share_windows or settings.window_grid else ()
    return Layout(blocks, (*genes, *windows), notes)


def run_notes(sha256: str, targets: str | None, window: int, settings: ScoreSettings) -> tuple[tuple[str, str], ...]:
    """What numbers were made with, without paths and times.

    Args:
        sha256: Identity of the weights.
        targets: Fingerprint of the track table, where the model does not say which track is which.
        window: Window length in bp.
        settings: What was asked for, with nothing left to choose.
    """
    said_elsewhere = {} if targets is None else {"targets": targets}
    notes: dict[str, object] = {"model": sha256, **said_elsewhere, "window": window, **settings.describe()}
    for said_by_columns in ("scores", "strict", "tss-bins", "center"):
        notes.pop(said_by_columns, None)
    if not settings.share_windows:
        del notes["share-windows"]
    engine, precision = notes.pop("engine"), notes.pop("precision")
    genes = settings.genes
    notes["genes"] = f"{genes.tss_bins} bins per TSS, window on the {genes.centre}" if genes else "none"
    return tuple((name, str(value)) for name, value in {**notes, "engine": engine, "precision": precision}.items())
