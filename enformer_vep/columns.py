"""Columns of a run, and what their numbers were made with."""

from collections.abc import Sequence

from enformer_vep.model.checkpoints import LoadedModel
from enformer_vep.results import (
    GENE_ID,
    GENE_NAME,
    TSS_DISTANCE,
    WINDOW_START,
    ContextColumn,
    Layout,
    ValueBlock,
)
from enformer_vep.settings import ScoreSettings
from enformer_vep.tracks.groups import TrackGroups
from enformer_vep.tracks.table import TrackTable


def make_layout(
    settings: ScoreSettings,
    tracks: Sequence[int],
    table: TrackTable | None,
    groups: TrackGroups | None = None,
) -> Layout:
    """Columns of a run: for each score all groups, or tracks, which without a table are named by their index."""
    labels = _labels(tracks, table)
    titles: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    if groups is not None:
        labels = groups.names
        titles = tuple(f"mean of {len(members)} tracks" for members in groups.members)
        notes = (("groups", str(dict(zip(groups.names, groups.members, strict=True)))),)
    elif table is not None:
        titles = tuple(table[track].description for track in tracks)
    blocks = tuple(ValueBlock(score.value, labels, score.description, titles) for score in settings.scores)
    return Layout(blocks, _context(settings), notes)


def _labels(tracks: Sequence[int], table: TrackTable | None) -> tuple[str, ...]:
    return tuple(table[track].identifier if table is not None else str(track) for track in tracks)


def run_notes(
    model: LoadedModel, settings: ScoreSettings, table: TrackTable | None
) -> tuple[tuple[str, str], ...]:
    """What numbers were made with, without paths and times.

    Where the model does not say which track is which, the table that does is among it.
    """
    genes = settings.genes
    foreign = table is not None and f"targets_{settings.organism}" not in model.metadata
    notes = {
        "model": model.sha256,
        **({"targets": table.fingerprint} if table is not None and foreign else {}),
        "window": model.config.window,
        "organism": settings.organism,
        "bins": settings.centre_bins or "all",
        "rc": settings.reverse_complement,
        "shifts": ",".join(map(str, settings.shifts)),
        "indels": settings.indels.value,
        "genes": f"{genes.tss_bins} bins per TSS, window on the {genes.centre}" if genes else "none",
        "engine": settings.engine.value,
        "precision": settings.precision.value,
    }
    return tuple((name, str(value)) for name, value in notes.items())


def _context(settings: ScoreSettings) -> tuple[ContextColumn, ...]:
    if settings.genes:
        return (GENE_ID, GENE_NAME, TSS_DISTANCE)
    return (WINDOW_START,) if settings.share_windows else ()
