"""Columns of a run, and what their numbers were made with."""

from collections.abc import Sequence

from enformer_vep.calibration.additions import SpreadColumn
from enformer_vep.settings import Engine, ScoreSettings
from enformer_vep.tables.row import (
    ENGINE,
    GENE_ID,
    GENE_NAME,
    N_TSS,
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
    blocks = value_blocks(settings, labels, titles)
    genes = (GENE_ID, GENE_NAME, TSS_DISTANCE, N_TSS) if settings.genes else ()
    shares = settings.share_windows or settings.window_grid or settings.saturation
    windows = (WINDOW_START,) if shares else ()
    engines = (ENGINE,) if settings.engine is Engine.ADJOINT else ()
    return Layout(blocks, (*genes, *windows, *engines), notes)


def value_blocks(
    settings: ScoreSettings, labels: tuple[str, ...], titles: tuple[str, ...] = ()
) -> tuple[ValueBlock, ...]:
    """The value columns of a run: its scores, how far their views differ, and how many of these have their sign."""
    blocks = tuple(ValueBlock(score.value, labels, settings.describe_score(score), titles) for score in settings.scores)
    if not settings.spread:
        return blocks
    deviation = SpreadColumn.DEVIATION
    blocks += tuple(ValueBlock(f"{one}{deviation}", labels, deviation.describe(one), titles) for one in settings.scores)
    return blocks + agreement_blocks(settings, labels, titles)


def agreement_blocks(
    settings: ScoreSettings, labels: tuple[str, ...], titles: tuple[str, ...] = ()
) -> tuple[ValueBlock, ...]:
    """The columns that say which share of views has the sign of a signed score."""
    column = SpreadColumn.AGREEMENT
    return tuple(
        ValueBlock(f"{one}{column}", labels, column.describe(one), titles) for one in settings.scores if one.is_signed
    )


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
    for said_by_columns in ("scores", "strict", "tss-bins", "center", "spread"):
        notes.pop(said_by_columns, None)
    transcripts = notes.pop("transcripts", "")
    if not settings.share_windows:
        del notes["share-windows"]
    engine, precision = notes.pop("engine"), notes.pop("precision")
    genes = settings.genes
    words = f"{transcripts} transcripts, window on the"
    notes["genes"] = f"{genes.tss_bins} bins per TSS, {words} {genes.centre}" if genes else "none"
    return tuple((name, str(value)) for name, value in {**notes, "engine": engine, "precision": precision}.items())
