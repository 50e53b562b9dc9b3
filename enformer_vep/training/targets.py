"""How the coverage of a track becomes what is learnt: summaries of bins, and how they are squashed.

Both stand in the targets table (`targets.txt` of Basenji2 and Enformer, `enformer_vep.tracks.table`). Arithmetic
after bin/basenji_data_read.py of calico/basenji, which has had two orders of it: see `Squash`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.tracks.table import Track, TrackTable

Values = npt.NDArray[np.float32]

_SQUARE_ROOT = "_sqrt"
_REDUCTIONS: dict[str, Callable[..., npt.NDArray[np.float64]]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "median": np.median,
}
_SUMMARY_NAMES = {name: name for name in _REDUCTIONS} | {"avg": "mean"}

CLIP_FIRST, SCALE_FIRST = "clip-first", "scale-first"
SQUASH_ORDERS = (CLIP_FIRST, SCALE_FIRST)


def read_targets(path: Path) -> TrackTable:
    """Reads the table of the tracks that are learnt; its `index` may have gaps.

    Raises:
        InputError: The file is missing, malformed or empty; the message names the line.
    """
    targets = TrackTable.read(path, gaps=True)
    if not targets:
        raise InputError(f"targets table {path} has no rows; add one line per track")
    for track in targets:
        summary_of(track)
    return targets


def summary_of(track: Track) -> str:
    """How the bases of a bin become one value: "sum", "mean" (unless the table says), "max" or "median".

    Raises:
        InputError: The track's `sum_stat` is none of these, nor one of them with "_sqrt"; see `takes_root`.
    """
    sum_stat = track.sum_stat or "mean"
    summary = _SUMMARY_NAMES.get(sum_stat.removesuffix(_SQUARE_ROOT))
    if summary is None:
        known = ", ".join((*_REDUCTIONS, "sum_sqrt", "mean_sqrt"))
        raise InputError(f"{track.place}: sum_stat {sum_stat!r} is not known; use one of {known}")
    return summary


def takes_root(track: Track) -> bool:
    """Whether sqrt(1 + x) - 1 is taken of the summary (`sum_stat` sum_sqrt, mean_sqrt)."""
    return (track.sum_stat or "").endswith(_SQUARE_ROOT)


def scale_of(track: Track) -> float:
    """Factor, on the clipped or on the raw value: see `Squash`."""
    return 1.0 if track.scale is None else track.scale


def summarise(coverage: npt.NDArray[np.floating], bin_width: int, summary: str) -> Values:
    """Turns coverage per base into one value per bin.

    Args:
        coverage: [bins * bin_width] coverage, NaN where it is unknown.
        bin_width: Base pairs per bin.
        summary: "sum", "mean", "max" or "median" over the bases of a bin.

    Returns:
        float32 [bins]. A bin is known when all its bases are: nothing is guessed from the others.
    """
    bases = coverage.reshape(-1, bin_width).astype(np.float64)
    # All four carry NaN through.
    return _REDUCTIONS[summary](bases, axis=1).astype(np.float32)


class Squash:
    """Scale, soft clip and clip of every track at once, in one of basenji's two orders.

    - "clip-first", December 2018 (1d32c36) to March 2023 (76d899f), when the published tables of Basenji2 and
      Enformer were made: above the soft clip c, c + sqrt(x - c); then at most the clip; then times the scale. The
      largest value is scale * clip.
    - "scale-first", since then: times the scale; sqrt(1 + x) - 1 for the square-root tracks; above the soft clip
      c, c - 1 + sqrt(x - c + 1); then at most the clip. The largest value is the clip.

    Either way at least minus the clip.

    Args:
        targets: The tracks, in order.
        order: "clip-first" or "scale-first".

    Raises:
        InputError: A square-root track with "clip-first": none was published so, and basenji then computed them
            in ways that it has given up.
    """

    def __init__(self, targets: TrackTable, order: str) -> None:
        self._clips_first = order == CLIP_FIRST
        self._scale = np.array([scale_of(track) for track in targets], dtype=np.float32)
        self._square_root = np.array([takes_root(track) for track in targets])
        self._clip_soft = _limits([track.clip_soft for track in targets])
        self._clip = _limits([track.clip for track in targets])
        if self._clips_first and self._square_root.any():
            track = targets[int(self._square_root.argmax())]
            raise InputError(
                f"track {track.identifier}: sum_stat {track.sum_stat} is younger than the order that clips "
                f"first; choose {SCALE_FIRST!r} (squash in the configuration, --squash)"
            )

    def __call__(self, values: Values) -> Values:
        """From float32 [bins, tracks] summaries to what is learnt, of the same shape; NaN is kept."""
        if self._clips_first:
            return (self._clipped(values, offset=0) * self._scale).astype(np.float32)
        x = values * self._scale
        if self._square_root.any():
            x = np.where(self._square_root, np.sqrt(1 + np.maximum(x, 0)) - 1, x)
        return self._clipped(x, offset=1).astype(np.float32)

    def _clipped(self, x: Values, offset: int) -> Values:
        """Both clips; `offset` 1 joins the soft clip's square root at slope 1/2, 0 at infinite slope."""
        excess = np.maximum(x - self._clip_soft, 0)
        softened = np.where(excess > 0, self._clip_soft - offset + np.sqrt(excess + offset), x)
        return np.clip(softened, -self._clip, self._clip)


def _limits(limits: Sequence[float | None]) -> Values:
    # A finite stand-in for "no limit": infinity minus infinity would be NaN.
    largest = float(np.finfo(np.float32).max)
    return np.array([largest if limit is None else limit for limit in limits], dtype=np.float32)
