"""The engine that carries (reference, change) through the network instead of subtracting two predictions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from enformer_vep.effects.base import Effect, EffectBatch
from enformer_vep.effects.edits import Edits, affected_tokens, find_edits, with_margin
from enformer_vep.effects.local import Stretch, propagate_stage
from enformer_vep.effects.precision import arithmetic
from enformer_vep.effects.products import Products
from enformer_vep.effects.propagation import Carried, propagate_block, propagate_final, propagate_head
from enformer_vep.model.enformer import Enformer, one_hot
from enformer_vep.settings import Precision

WIDEST_LOCAL_EDIT = 64
"""Base pairs. Wider stretches of changed bases (an indel's reaches to the window's end) are convolved in full."""


class DeltaEngine:
    """Predicts each reference window once and carries every alternate's change through the network.

    Equal to `PairEngine` in float64 to rounding, and accurate however small the effect is. Substitutions cost
    next to nothing in the convolutions; of an indel only the side that moved is convolved again.

    Args:
        network: The model, in eval mode, on the device that is to be used.
        organism: Which head.
        tracks: Rows of the head that are wanted; all when None.
        bins: Output bins that are wanted.
        precision: Arithmetic of convolutions and matrix products; everything else is at least float32.
    """

    def __init__(
        self,
        network: Enformer,
        organism: str,
        tracks: Sequence[int] | None,
        bins: slice,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self._network, self._bins, self._precision = network, bins, precision
        self._products = Products(precision)
        head = network.head(organism)
        rows = slice(None) if tracks is None else torch.tensor(tracks, device=head.weight.device)
        self._weight, self._bias = head.weight.detach()[rows], head.bias.detach()[rows]

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict.

        Args:
            batch: Windows, on the engine's device.

        Returns:
            Reference prediction and delta, [B, bins, tracks].
        """
        with arithmetic(self._precision, self._weight.device):
            carried = self._convolve(batch)
            carried = self._transform(carried)
            carried = propagate_final(self._network.final, carried, self._products)
            with torch.autocast(self._weight.device.type, enabled=False):
                carried = propagate_head(self._weight, self._bias, carried)
            return Effect(carried.reference[batch.owner], carried.change)

    def _transform(self, carried: Carried) -> Carried:
        """Transformer and crop; the last block computes only what is kept."""
        blocks, kept = self._network.transformer_blocks, self._network.kept_tokens(self._bins)
        for block in blocks[:-1]:
            carried = propagate_block(block, carried, self._products)
        return propagate_block(blocks[-1], carried, self._products, kept) if blocks else carried.keep(kept)

    def _convolve(self, batch: EffectBatch) -> Carried:
        """Tokens of the reference windows and what the alternates change in them."""
        edits = find_edits(batch)
        local = edits.width <= WIDEST_LOCAL_EDIT
        x = one_hot(batch.reference, self._weight.dtype).transpose(1, 2)
        stretch = _first_stretch(batch, edits, local, x.dtype)
        for stage in self._network.stages:
            stretch = propagate_stage(stage, x, stretch, self._products)
            x = stage(x)
        tokens = x.transpose(1, 2).to(self._weight.dtype)
        change = tokens.new_zeros(len(batch), *tokens.shape[1:])
        _place(change, local.nonzero()[:, 0], stretch)
        for row in (~local).nonzero()[:, 0].tolist():
            self._convolve_moved_side(change[row], batch, row, edits, tokens)
        return Carried(tokens, change, batch.owner)

    def _convolve_moved_side(
        self, change: Tensor, batch: EffectBatch, row: int, edits: Edits, tokens: Tensor
    ) -> None:
        """Fill `change` [T, C] of an alternate whose flank moved, from a pass over that flank alone.

        There the change is as large as the tokens themselves, so a subtraction loses nothing.
        """
        config = self._network.config
        affected = affected_tokens(config, int(edits.start[row]), int(edits.end[row]))
        convolved = with_margin(config, affected)
        bases = slice(convolved.start * config.bin_width, convolved.stop * config.bin_width)
        moved = self._network.convolve(one_hot(batch.alternate[row : row + 1, bases], tokens.dtype))[0]
        middle = slice(affected.start - convolved.start, affected.stop - convolved.start)
        change[affected] = moved[middle].to(tokens.dtype) - tokens[batch.owner[row], affected]


def _first_stretch(batch: EffectBatch, edits: Edits, local: Tensor, dtype: torch.dtype) -> Stretch:
    """The change of the one-hot input, for the alternates with a local edit."""
    owner, start = batch.owner[local], edits.start[local]
    width = max(int(edits.width[local].max()), 1) if len(owner) else 1
    positions = start[:, None] + torch.arange(width, device=start.device)
    inside = positions < batch.alternate.shape[1]
    clamped = positions.clamp(max=batch.alternate.shape[1] - 1)
    alternate = batch.alternate[local].gather(1, clamped)
    reference = batch.reference[owner[:, None], clamped]
    change = one_hot(alternate, dtype) - one_hot(reference, dtype)
    return Stretch(owner, start, torch.where(inside[:, :, None], change, 0).transpose(1, 2))


def _place(change: Tensor, rows: Tensor, stretch: Stretch) -> None:
    """Write a stretch of changed tokens into `change` [B, T, C], leaving out what lies outside the window."""
    positions = stretch.start[:, None] + torch.arange(stretch.change.shape[2], device=rows.device)
    inside = (positions >= 0) & (positions < change.shape[1])
    row = rows[:, None].expand_as(positions)
    change[row[inside], positions[inside]] = stretch.change.transpose(1, 2)[inside].to(change.dtype)
