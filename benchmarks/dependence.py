"""How likely a figure is by chance, where neighbours on the genome are alike and are no independent samples.

Measured effects and scores of a saturated element are both smooth along it: at any two places that one motif
covers they go up and down together. Shuffling single variants destroys that and finds any two smooth curves
related. Rotating the scores along the element keeps their smoothness and only takes them away from where they
belong. Signs of edits in one another's windows are alike for the same reason: there, whole clusters are flipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from correlations import Array, spearman

_KINDS = {"transition": ("AG", "CT"), "complement": ("AT", "CG"), "other": ("AC", "GT")}
_COLUMN = {"".join(pair): column for column, pairs in enumerate(_KINDS.values()) for pair in pairs}


@dataclass(frozen=True)
class Rotated:
    """A Spearman correlation and where it stands among those of all rotations.

    Attributes:
        spearman: As the scores stand.
        p: Share of all rotations, the unrotated one among them, that reach it: one-sided, for a positive one.
        rotations: How many there are besides the unrotated one.
    """

    spearman: float
    p: float
    rotations: int


PAIRINGS = ("kind", "letter")


def by_position(variants: pd.DataFrame, values: Array, pairing: str) -> Array:
    """Lays values out along the sequence.

    Args:
        variants: Columns position, reference, alternate.
        values: [variants].
        pairing: Which substitution of one base stands for which of another when they are rotated onto each other:
            "kind", the transition for the transition, the complement for the complement; or "letter", in the
            alphabet's order.

    Returns:
        [positions that have any, 3]; NaN where a substitution is missing.
    """
    positions = {place: row for row, place in enumerate(sorted(set(variants["position"])))}
    table = np.full((len(positions), 3), np.nan)
    places = zip(variants["position"], variants["reference"], variants["alternate"], values, strict=True)
    for place, reference, alternate, value in places:
        column = _COLUMN[_pair(reference, alternate)] if pairing == "kind" else _letter(reference, alternate)
        table[positions[place], column] = value
    return table


def _pair(reference: str, alternate: str) -> str:
    return "".join(sorted(reference + alternate))


def _letter(reference: str, alternate: str) -> int:
    return "ACGT".replace(reference, "").index(alternate)


def rotate(scores: Array, effects: Array, given: Array | None = None) -> Rotated:
    """Compares scores with effects, and with effects that they do not belong to.

    Args:
        scores: [positions, substitutions]; a row moves as a whole, from the end to the beginning.
        effects: The same shape; stays. What is NaN in either is left out of that comparison.
        given: The same shape; stays. What ranks say of it linearly is taken out of both (partial Spearman).

    Returns:
        The correlation and its p.
    """
    turned = (np.roll(scores, shift, axis=0) for shift in range(len(scores)))
    values = np.array([_compare(one, effects, given) for one in turned])
    # Rounding must not tell a rotation from the original where they are equal.
    reached = values >= values[0] - 1e-12
    return Rotated(float(values[0]), float(reached.mean()), len(scores) - 1)


def _compare(scores: Array, effects: Array, given: Array | None) -> float:
    known = np.isfinite(scores) & np.isfinite(effects)
    return spearman(scores[known], effects[known], None if given is None else given[known])


@dataclass(frozen=True)
class Negatives:
    """A count of negative values and how likely it is.

    Attributes:
        count: How many are negative.
        clusters: In how many clusters they lie.
        p: Chance of as many or more where each cluster as a whole had the other sign with probability 1/2.
    """

    count: int
    clusters: int
    p: float


def count_negatives(values: Array, positions: Sequence[int], reach: int) -> Negatives:
    """Counts negative values; those closer than `reach` to the next one are one cluster."""
    order = np.argsort(positions, kind="stable")
    breaks = np.flatnonzero(np.diff(np.asarray(positions)[order]) >= reach) + 1
    clusters = np.split(np.where(values < 0, 1, -1)[order], breaks)
    excess = [int(cluster.sum()) for cluster in clusters]
    return Negatives(int((values < 0).sum()), len(clusters), _chance_of_reaching(sum(excess), excess))


def _chance_of_reaching(total: int, sizes: Sequence[int]) -> float:
    """Exactly: the share of all 2^n choices of signs whose sum is at least `total`."""
    chances = {0: 1.0}
    for size in sizes:
        after: dict[int, float] = {}
        for reached, chance in chances.items():
            for step in (size, -size):
                after[reached + step] = after.get(reached + step, 0.0) + chance / 2
        chances = after
    return sum(chance for reached, chance in chances.items() if reached >= total)
