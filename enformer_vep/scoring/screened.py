"""Scores to first order for every alternate of a piece, exact ones for those that matter and for a random sample.

What is scored exactly follows from the piece alone, so that shards, restarts and devices choose the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from enformer_vep.genome.placing import Placed
from enformer_vep.genome.sharing import LARGEST_GROUP
from enformer_vep.scoring.refinement import Comparison, choose, is_sampled
from enformer_vep.scoring.scorer import Floats, Scorer, Work
from enformer_vep.settings import Engine

Portion = tuple[Sequence[int], Work]


@dataclass(frozen=True, slots=True)
class Screened:
    """Values of a piece.

    Attributes:
        values: For each placement its rows, float32 [value columns].
        engines: For each placement, how it was scored.
        comparison: The rows that were scored both ways.
    """

    values: Mapping[int, list[Floats]]
    engines: Mapping[int, Engine]
    comparison: Comparison


def is_screenable(placed: Placed) -> bool:
    """Whether first order means anything: not for an indel, which moves bases to other places."""
    return len(placed.variant.reference) == len(placed.variant.alternate)


def screen_and_refine(placed: Sequence[Placed], portions: Sequence[Portion], scorer: Scorer) -> Screened:
    """Score a piece.

    Args:
        placed: Its placements.
        portions: What is computed at once; either all of a portion can be screened or nothing.
        scorer: The model, with the engine `adjoint`.
    """
    values: dict[int, list[Floats]] = {}
    screened = [portion for portion in portions if is_screenable(placed[portion[0][0]])]
    for indices, work in portions:
        screenable = is_screenable(placed[indices[0]])
        values |= _by_placement(scorer.screen(work) if screenable else _exact(scorer, work), indices, placed)
    engines = dict.fromkeys(values, Engine.DELTA)
    candidates = [index for indices, _ in screened for index in indices]
    engines |= dict.fromkeys(candidates, Engine.ADJOINT)
    chosen, sampled = _select(candidates, placed, values, scorer)
    before = {index: values[index] for index in chosen | sampled}
    for indices, work in screened:
        every = [row for row, index in enumerate(indices) if index in before]
        for first in range(0, len(every), LARGEST_GROUP):
            rows = every[first : first + LARGEST_GROUP]
            again = [indices[row] for row in rows]
            values |= _by_placement(_exact(scorer, work.select(rows)), again, placed)
            engines |= dict.fromkeys(again, Engine.DELTA)
    rows_screened = sum(len(values[index]) for index in candidates)
    return Screened(values, engines, _compare(before, values, chosen, sampled, rows_screened, scorer))


def _exact(scorer: Scorer, work: Work) -> Floats:
    return scorer.collect(scorer.submit(work))


def _by_placement(rows: Floats, indices: Sequence[int], placed: Sequence[Placed]) -> dict[int, list[Floats]]:
    """The rows of each placement."""
    ends = np.cumsum([len(placed[index].readouts) for index in indices])
    return {index: list(part) for index, part in zip(indices, np.split(rows, ends[:-1]), strict=True)}


def _select(
    candidates: Sequence[int], placed: Sequence[Placed], values: Mapping[int, list[Floats]], scorer: Scorer
) -> tuple[set[int], set[int]]:
    """Placements that are chosen by magnitude, and those of the random sample."""
    if not candidates:
        return set(), set()
    refinement, effects = scorer.settings.refinement, scorer.effect_columns
    magnitudes = np.stack([np.abs(np.stack(values[index])[:, effects]).max(axis=0) for index in candidates])
    chosen = choose(magnitudes, refinement)
    sampled = {index for index in candidates if is_sampled(placed[index].variant, refinement.sample)}
    return {index for index, flag in zip(candidates, chosen, strict=True) if flag}, sampled


def _compare(
    before: Mapping[int, list[Floats]],
    after: Mapping[int, list[Floats]],
    chosen: set[int],
    sampled: set[int],
    rows: int,
    scorer: Scorer,
) -> Comparison:
    order, effects = sorted(before), scorer.effect_columns
    numbers = [index for index in order for _ in before[index]]
    empty = np.empty((0, len(scorer.layout.values)), dtype=np.float32)
    return Comparison(
        screened=np.concatenate([empty, *(np.stack(before[index]) for index in order)])[:, effects],
        exact=np.concatenate([empty, *(np.stack(after[index]) for index in order)])[:, effects],
        chosen=np.array([index in chosen for index in numbers], dtype=bool),
        sampled=np.array([index in sampled for index in numbers], dtype=bool),
        rows=rows,
        outputs=tuple(scorer.layout.values[number] for number in effects),
    )


def screened_alone(placed: Sequence[Placed], window: Sequence[int]) -> list[list[int]]:
    """Part the placements of a window into those that can be screened and the others; none is empty.

    The others are scored exactly, at most `LARGEST_GROUP` at once; a screen bounds its memory itself.
    """
    screenable, others = ([index for index in window if is_screenable(placed[index]) is kind] for kind in (True, False))
    exact = [others[first : first + LARGEST_GROUP] for first in range(0, len(others), LARGEST_GROUP)]
    return [screenable, *exact] if screenable else exact
