"""What is explained of a model's tracks: each of them, groups, or the mean of all that are chosen."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from enformer_vep.errors import UsageError
from enformer_vep.settings.contribution_settings import ContributionSettings
from enformer_vep.tracks.groups import load_groups
from enformer_vep.tracks.selection import select_tracks
from enformer_vep.tracks.table import TrackTable

MOST_TARGETS = 64
"""Of one run: each takes a backward pass in every window and view."""
MEAN = "mean"
"""Label of the mean of all tracks."""


@dataclass(frozen=True, slots=True)
class TargetTracks:
    """Tracks, groups or means of tracks.

    Attributes:
        labels: Their names; unique.
        weights: float64 [labels, tracks of the head], each row adding up to 1.
    """

    labels: tuple[str, ...]
    weights: Tensor


def choose_targets(settings: ContributionSettings, table: TrackTable | None, track_count: int) -> TargetTracks:
    """Find out what is explained.

    Args:
        settings: Tracks, groups and whether to average.
        table: The organism's tracks; None when the model has no table.
        track_count: Rows of the organism's head.

    Raises:
        UsageError: There is no such track or group, or there are too many.
        InputError: A file of tracks or groups cannot be understood.
    """
    every = tuple(range(track_count))
    groups = load_groups(settings.groups, table) if settings.groups else None
    tracks = select_tracks(settings.tracks, table, track_count) if settings.tracks else every
    if groups is not None:
        labels, averages = groups.names, groups.weights(tracks).T
    elif settings.average_tracks:
        labels, averages = (MEAN,), np.full((1, len(tracks)), 1 / len(tracks))
    else:
        labels = tuple(table[track].identifier if table is not None else str(track) for track in tracks)
        averages = np.eye(len(tracks)) if len(tracks) <= MOST_TARGETS else np.empty((0, 0))
    if len(labels) > MOST_TARGETS:
        raise UsageError(
            f"{len(labels)} tracks would be explained, each with a backward pass: choose at most {MOST_TARGETS} with "
            "--tracks, or average them with --average-tracks or --groups"
        )
    weights = np.zeros((len(labels), track_count))
    weights[:, list(tracks)] = averages
    return TargetTracks(labels, torch.from_numpy(weights))
