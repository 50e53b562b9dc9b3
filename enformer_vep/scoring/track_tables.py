"""What the tracks of a model are: its own table, or one that is given."""

import logging
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.models import hub
from enformer_vep.models.checkpoints import LoadedModel, wanted_heads
from enformer_vep.models.sources import Checkpoint, Choice, open_checkpoint
from enformer_vep.tracks.table import TrackTable, require_same_tracks

logger = logging.getLogger(__name__)


def track_table(model: LoadedModel | Checkpoint, organism: str, targets: Path | None = None) -> TrackTable | None:
    """Find out what the tracks of a head are.

    Args:
        model: A model; its metadata may carry the table.
        organism: Which head.
        targets: A targets.txt: the names of a model's tracks that carries no table, or other descriptions of
            the same tracks. Of a model with a table it has to have the identifiers, in the same order.

    Returns:
        The table, or None (with a warning) when there is none: columns are then named by index.

    Raises:
        InputError: When the table has another number of tracks than the head, or others than the model's own.
    """
    source = str(targets) if targets else f"model {model.name}"
    table = TrackTable.read(targets) if targets else own_table(model, organism)
    if table is None:
        logger.warning(
            "model %s carries no table of its %s tracks: columns are named by index; give one with --targets",
            model.name,
            organism,
        )
        return None
    tracks = model.config.output_tracks.get(organism)
    if tracks is not None and len(table) != tracks:
        raise InputError(
            f"{source}: {len(table)} tracks listed, but the {organism} head has {tracks}: "
            "give the table of this model with --targets"
        )
    if targets:
        _require_own_tracks(table, model, organism, source)
    return table


def _require_own_tracks(table: TrackTable, model: LoadedModel | Checkpoint, organism: str, source: str) -> None:
    try:
        own = own_table(model, organism)
    except InputError as error:
        logger.warning("%s; taking %s instead", error, source)
        return
    # A table of another length than the head says nothing about it either: the one that was given is its cure.
    if own is not None and len(own) == len(table):
        require_same_tracks(table.identifiers, own.identifiers, source, f"model {model.name}")


def own_table(model: LoadedModel | Checkpoint, organism: str) -> TrackTable | None:
    """The track table that a model carries; None when it carries none."""
    text = model.metadata.get(f"targets_{organism}")
    return None if text is None else TrackTable.from_text(text, source=f"model {model.name}")


def load_track_table(model: str, targets: Path | None, organism: str) -> TrackTable | None:
    """The track table of a model whose weights are not needed: they are not read, nor fetched.

    Args:
        model: What `--model` takes.
        targets: A targets.txt, see `track_table`.
        organism: Which head.

    Raises:
        InputError: See `track_table`.
        ModelError: There is no such model, or it has no such head.
    """
    if model == hub.OFFICIAL_NAME:
        return _official_table(targets, organism)
    checkpoint = open_checkpoint(model, Choice())
    wanted_heads(checkpoint, (organism,))
    return track_table(checkpoint, organism, targets)


def _official_table(targets: Path | None, organism: str) -> TrackTable | None:
    """The published table fits the official weights; a given one is compared with it where it is at hand."""
    text = hub.cached_targets(organism) if targets else hub.fetch_targets(organism)
    own = None if text is None else TrackTable.from_text(text, source=f"model {hub.OFFICIAL_NAME}")
    if targets is None:
        return own
    table = TrackTable.read(targets)
    if own is not None:
        require_same_tracks(table.identifiers, own.identifiers, str(targets), f"model {hub.OFFICIAL_NAME}")
    return table
