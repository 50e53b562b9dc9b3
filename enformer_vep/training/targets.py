"""The targets table: which coverage a track is read from, and how it is squashed before training.

The layout is the published one (`targets.txt` of Basenji2 and Enformer): tab separated, with a header, the
columns identifier, file, clip, clip_soft, scale, sum_stat and description, of which only identifier is
required. Arithmetic after bin/basenji_data_read.py of calico/basenji, which has had two orders of it: see `Squash`.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError

Values = npt.NDArray[np.float32]

_SQUARE_ROOT = "_sqrt"
_REDUCTIONS: dict[str, Callable[..., npt.NDArray[np.float64]]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "median": np.median,
}
SUMMARIES = tuple(_REDUCTIONS)
_SUMMARY_NAMES = {name: name for name in SUMMARIES} | {"avg": "mean"}

CLIP_FIRST, SCALE_FIRST = "clip-first", "scale-first"
SQUASH_ORDERS = (CLIP_FIRST, SCALE_FIRST)


@dataclass(frozen=True, slots=True)
class Target:
    """One track to learn.

    Attributes:
        identifier: Unique name.
        description: Assay and sample, such as "DNASE:HepG2".
        file: Coverage file as the table names it; empty when the data come from elsewhere.
        summary: How the bases of a bin become one value: "sum", "mean", "max" or "median".
        square_root: Whether sqrt(1 + x) - 1 is taken of the summary (`sum_stat` sum_sqrt, mean_sqrt).
        scale: Factor, on the clipped or on the raw value: see `Squash`.
        clip_soft: Above it, only the square root of the excess counts; None for no soft clip.
        clip: Largest value, after the soft clip; None for no clip.
        strand_partner: Row of the same track on the other strand; its own row when it has no strand.
    """

    identifier: str
    description: str
    file: str
    summary: str
    square_root: bool
    scale: float
    clip_soft: float | None
    clip: float | None
    strand_partner: int


def read_targets(path: Path) -> tuple[Target, ...]:
    """Reads a targets table.

    Args:
        path: Tab-separated file with a header.

    Returns:
        One target per row, in order.

    Raises:
        InputError: The file is missing or malformed; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"targets table {path} cannot be read ({error}); check the path") from None
    return parse_targets(text, str(path))


def parse_targets(text: str, name: str) -> tuple[Target, ...]:
    """Parses a targets table; see `read_targets`.

    Args:
        text: The table.
        name: What messages call it.

    Returns:
        One target per row, in order.

    Raises:
        InputError: The table is malformed; the message names the line.
    """
    reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    if "identifier" not in (reader.fieldnames or ()):
        raise InputError(
            f"targets table {name} has no column 'identifier'; "
            "its first line must name the tab-separated columns"
        )
    targets = tuple(_parse_row(row, index, name) for index, row in enumerate(reader))
    if not targets:
        raise InputError(f"targets table {name} has no rows; add one line per track")
    identifiers = [target.identifier for target in targets]
    for index, identifier in enumerate(identifiers):
        if identifier in identifiers[:index]:
            raise InputError(
                f"targets table {name} line {index + 2}: {identifier!r} came before; make it unique"
            )
        if not 0 <= targets[index].strand_partner < len(targets):
            raise InputError(
                f"targets table {name} line {index + 2}: strand_pair is not a row of the table; fix it"
            )
    return targets


def _parse_row(row: dict[str, str | None], index: int, name: str) -> Target:
    where = f"targets table {name} line {index + 2}"
    sum_stat = row.get("sum_stat") or "mean"
    summary = _SUMMARY_NAMES.get(sum_stat.removesuffix(_SQUARE_ROOT))
    if summary is None:
        known = ", ".join((*SUMMARIES, "sum_sqrt", "mean_sqrt"))
        raise InputError(f"{where}: sum_stat {sum_stat!r} is not known; use one of {known}")
    if not row["identifier"]:
        raise InputError(f"{where}: the identifier is missing; name the track")
    scale = _number(row, "scale", where)
    partner = _number(row, "strand_pair", where)
    return Target(
        identifier=row["identifier"],
        description=row.get("description") or "",
        file=row.get("file") or "",
        summary=summary,
        square_root=sum_stat.endswith(_SQUARE_ROOT),
        scale=1.0 if scale is None else scale,
        clip_soft=_number(row, "clip_soft", where),
        clip=_number(row, "clip", where),
        strand_partner=index if partner is None else int(partner),
    )


def _number(row: dict[str, str | None], column: str, where: str) -> float | None:
    text = row.get(column)
    if not text or text in ("NA", "nan"):
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: {column} {text!r} is not a number; correct it") from None


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

    def __init__(self, targets: Sequence[Target], order: str) -> None:
        self._clips_first = order == CLIP_FIRST
        self._scale = np.array([target.scale for target in targets], dtype=np.float32)
        self._square_root = np.array([target.square_root for target in targets])
        self._clip_soft = _limits([target.clip_soft for target in targets])
        self._clip = _limits([target.clip for target in targets])
        if self._clips_first and self._square_root.any():
            track = targets[int(self._square_root.argmax())]
            raise InputError(
                f"track {track.identifier}: sum_stat {track.summary}_sqrt is younger than the order that clips "
                f"first; choose {SCALE_FIRST!r} (squash in the configuration, --squash)"
            )

    def __call__(self, values: Values) -> Values:
        """Squash.

        Args:
            values: float32 [bins, tracks] summaries; NaN is kept.

        Returns:
            float32 [bins, tracks].
        """
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
