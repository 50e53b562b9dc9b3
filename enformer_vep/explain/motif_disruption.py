"""Substitutions that destroy the matches of a motif, and control edits that leave them alone."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.binding_motifs import Pattern, find_matches, score_sums, strand_scores
from enformer_vep.genome.encoding import UNKNOWN, Codes

Integers = npt.NDArray[np.int64]

_TRANSITION = (2, 3, 0, 1)
# A position of a matrix counts for binding where choosing the worst base costs so much, in its scores.
_LEAST_LOSS = 1.0
_ROUNDS, _OFFSETS = 4, 100


@dataclass(frozen=True, slots=True)
class Edits:
    """Substitutions in one window.

    Attributes:
        codes: uint8 [L], the window with them.
        places: int64 [edits], the window indices that differ.
    """

    codes: Codes
    places: Integers


def disrupt(codes: Codes, pattern: Pattern, start: int, end: int) -> Edits | None:
    """Destroy every match that lies wholly in a stretch by substitutions.

    At every position of a match that matters (scores differ there by 1 at least), the base becomes the one that fits
    worst, its transition where several fit as badly. What matches still, or anew, is treated again.

    Args:
        codes: uint8 [L].
        pattern: What is destroyed.
        start: First base of the stretch, 0-based.
        end: Its end, half-open.

    Returns:
        Window and places; no places where nothing matches, None where matches come back however often.
    """
    changed = codes.copy()
    for _ in range(_ROUNDS):
        matches = find_matches(changed[start:end], pattern) + start
        if not len(matches):
            return Edits(changed, np.flatnonzero(changed != codes))
        for first in matches:
            _replace(changed, pattern, int(first))
    return None


def _replace(codes: Codes, pattern: Pattern, first: int) -> None:
    stretch = codes[first : first + pattern.width]
    for table in strand_scores(pattern):
        if score_sums(stretch, table)[0] < pattern.lowest:
            continue
        for offset, row in enumerate(table[:, :4]):
            base = int(stretch[offset])
            worst = np.flatnonzero(row == row.min())
            if row.max() - row.min() >= _LEAST_LOSS and base not in worst:
                stretch[offset] = _TRANSITION[base] if _TRANSITION[base] in worst else worst[0]


def edit_elsewhere(
    codes: Codes, like: Edits, pattern: Pattern, start: int, end: int, random: np.random.Generator
) -> Edits | None:
    """Control edits: as many runs of substitutions of the same bases, moved together to where no motif is touched.

    All places move by one random offset within the stretch, round its end, and every base there becomes its
    transition.

    Args:
        codes: uint8 [L], the window as it is.
        like: What was done to the motif.
        pattern: Its matches stay untouched, and none comes to be.
        start: First base of the stretch, 0-based.
        end: Its end, half-open.
        random: Its state decides the offset.

    Returns:
        The control; None where no offset of a hundred will do.
    """
    length, before = end - start, find_matches(codes[start:end], pattern)
    touched = np.zeros(length, dtype=np.bool_)
    for first in before:
        touched[first : first + pattern.width] = True
    for offset in random.integers(1, length, size=_OFFSETS):
        places = start + (like.places - start + int(offset)) % length
        if touched[places - start].any() or (codes[places] == UNKNOWN).any():
            continue
        changed = codes.copy()
        changed[places] = np.array(_TRANSITION, dtype=np.uint8)[codes[places]]
        if np.array_equal(find_matches(changed[start:end], pattern), before):
            return Edits(changed, np.sort(places))
    return None
