"""Which bases of a window an alternate changes, and which tokens that can reach."""

from dataclasses import dataclass

import torch
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.models.enformer.config import EnformerConfig

STEM_REACH = 7
TOWER_REACH = 2


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


def receptive_reach(config: EnformerConfig) -> int:
    """How far to either side, in bp, a base can change the convolutions' output: 259 for the full model."""
    return STEM_REACH + TOWER_REACH * (2**config.pooling_stages - 2)


def affected_tokens(config: EnformerConfig, start: int, end: int) -> slice:
    """Tokens that bases [start, end) of a window can change."""
    reach, width = receptive_reach(config), config.bin_width
    return slice(max((start - reach) // width, 0), min((end - 1 + reach) // width + 1, config.tokens))


def with_margin(config: EnformerConfig, tokens: slice) -> slice:
    """The same tokens and enough neighbours that convolving these alone gives the right values in the middle."""
    margin = receptive_reach(config) // config.bin_width + 1
    return slice(max(tokens.start - margin, 0), min(tokens.stop + margin, config.tokens))
