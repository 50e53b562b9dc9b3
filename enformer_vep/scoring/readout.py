"""From predictions to rows of values: which bins are read, and what they are summed up to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect, send
from enformer_vep.genome.placing import Readout
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score


@dataclass(frozen=True, slots=True)
class _Alike:
    """Rows that read equally many bins, and so are computed at once; all tensors lie on the device.

    Attributes:
        rows: int64 [n], their numbers.
        variants: int64 [n], for each the variant; None when these are all, in order.
        bins: int64 [n, bins], for each the bins; None for all bins.
    """

    rows: Tensor
    variants: Tensor | None
    bins: Tensor | None

    def select(self, effect: Effect) -> Effect:
        """What they read: [n, bins, T]."""
        if self.variants is None:
            return effect
        if self.bins is None:
            return effect.map(lambda values: values[self.variants])
        where = (self.variants[:, None], self.bins)
        return effect.map(lambda values: values[where])


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads the rows of a batch out of as many effects of it as there are, without waiting for the device."""

    _parts: tuple[_Alike, ...]
    _count: int

    @classmethod
    def of(cls, readouts: Sequence[Sequence[Readout]], device: torch.device) -> "RowReader":
        """Make it for B variants, given the rows of each."""
        rows = [(index, readout.bins) for index, some in enumerate(readouts) for readout in some]
        parts = []
        for numbers in _alike(bins for _, bins in rows):
            variants = [rows[number][0] for number in numbers]
            bins = None
            if rows[numbers[0]][1] is not None:
                bins = send(torch.tensor([list(rows[number][1] or ()) for number in numbers]), device)
            every = bins is None and variants == list(range(len(readouts)))
            parts.append(
                _Alike(
                    send(torch.tensor(numbers), device),
                    None if every else send(torch.tensor(variants), device),
                    bins,
                )
            )
        return cls(tuple(parts), len(rows))

    def read(self, effect: Effect, scores: Sequence[Score], pseudocount: float = 1.0) -> Tensor:
        """Compute scores of an effect [B, N, T]: float32 [rows, len(scores), T]; see `read_out`."""
        result = effect.delta.new_empty(self._count, len(scores), effect.delta.shape[2], dtype=torch.float32)
        for part in self._parts:
            chosen = part.select(effect)
            result[part.rows] = compute_scores(chosen.reference, chosen.delta, scores, pseudocount)
        return result


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
    return RowReader.of(readouts, effect.delta.device).read(effect, scores, pseudocount)


def _alike(bins: Iterable[Sequence[int] | None]) -> list[list[int]]:
    """Numbers of the rows that read equally many bins, and so can be computed at once."""
    groups: dict[int | None, list[int]] = {}
    for number, some in enumerate(bins):
        groups.setdefault(None if some is None else len(some), []).append(number)
    return list(groups.values())
