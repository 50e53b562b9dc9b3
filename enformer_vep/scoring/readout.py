"""From predictions to rows of values: which bins are read, and what they are summed up to."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect
from enformer_vep.genome.placing import Readout
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score


def read_out(
    effect: Effect, readouts: Sequence[Sequence[Readout]], scores: Sequence[Score], pseudocount: float = 1.0
) -> Tensor:
    """Compute scores over the bins that each row asks for.

    Args:
        effect: [B, N, T].
        readouts: For each of the B variants, its rows.
        scores: What to compute.
        pseudocount: See `compute_scores`.

    Returns:
        float32 [rows, len(scores), T], rows in the order of the variants and their readouts.
    """
    rows = [(index, readout.bins) for index, some in enumerate(readouts) for readout in some]
    result = effect.delta.new_empty(len(rows), len(scores), effect.delta.shape[2], dtype=torch.float32)
    for numbers in _alike(bins for _, bins in rows):
        variants = torch.tensor([rows[number][0] for number in numbers], device=effect.delta.device)
        part = _select(effect, variants, [rows[number][1] for number in numbers])
        result[numbers] = compute_scores(part.reference, part.delta, scores, pseudocount)
    return result


def _alike(bins: Iterable[Sequence[int] | None]) -> list[list[int]]:
    """Numbers of the rows that read equally many bins, and so can be computed at once."""
    groups: dict[int | None, list[int]] = {}
    for number, some in enumerate(bins):
        groups.setdefault(None if some is None else len(some), []).append(number)
    return list(groups.values())


def _select(effect: Effect, variants: Tensor, bins: Sequence[Sequence[int] | None]) -> Effect:
    if bins[0] is None:
        if len(variants) == len(effect.delta):
            return effect
        return Effect(effect.reference[variants], effect.delta[variants])
    where = (variants[:, None], torch.tensor([list(some or ()) for some in bins], device=variants.device))
    return Effect(effect.reference[where], effect.delta[where])
