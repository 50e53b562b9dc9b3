"""Which bases of a window an alternate changes, and which tokens that can reach."""

from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.network import Front


@dataclass(frozen=True, slots=True)
class Edits:
    """Where alternates differ from their reference window.

    Attributes:
        start: int64 [B], first window index that differs; 0 when none does.
        end: int64 [B], one past the last; where an indel moves a flank, the end of the window (or its start).
    """

    start: Tensor
    end: Tensor

    @property
    def width(self) -> Tensor:
        """int64 [B], base pairs from the first to the last difference."""
        return self.end - self.start


def find_edits(batch: EffectBatch) -> Edits:
    """Compare base codes; engines need to know no more of a variant than this.

    Args:
        batch: Windows.

    Returns:
        The edits, on the batch's device.
    """
    differs = (batch.reference[batch.owner] != batch.alternate).to(torch.uint8)
    some = differs.amax(dim=1).bool()
    start = differs.argmax(dim=1)
    end = differs.shape[1] - differs.flip(1).argmax(dim=1)
    return Edits(torch.where(some, start, 0), torch.where(some, end, 0))


def edit_ranges(batch: EffectBatch) -> list[tuple[int, int]]:
    """Window indices [start, end) that each alternate changes, on the host; known there where the batch has sites."""
    if batch.sites is not None:
        return list(batch.sites.edits)
    edits = find_edits(batch)
    return list(zip(edits.start.tolist(), edits.end.tolist(), strict=True))


def affected_tokens(front: Front, tokens: int, start: int, end: int) -> slice:
    """Of so many tokens of a window, those that its bases [start, end) can change."""
    reach, width = front.reach, front.width
    return slice(max((start - reach) // width, 0), min((end - 1 + reach) // width + 1, tokens))


def with_margin(front: Front, tokens: int, inner: slice) -> slice:
    """Tokens `inner` and enough neighbours that convolving these alone gives the right values in the middle."""
    margin = front.reach // front.width + 1
    return slice(max(inner.start - margin, 0), min(inner.stop + margin, tokens))
