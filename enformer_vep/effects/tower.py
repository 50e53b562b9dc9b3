"""Engines that carry (reference, change) through networks that begin with a tower of convolutions."""

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from enformer_vep.effects.changed_stretches import Stage, Stretch
from enformer_vep.effects.edits import Edits, affected_tokens, edit_ranges, find_edits, with_margin
from enformer_vep.effects.effect import Effect, EffectBatch, send
from enformer_vep.effects.engine import AnyNetwork, NetworkEngine
from enformer_vep.effects.network import Segment, one_hot
from enformer_vep.effects.patches import add_local_changes, find_patches, portions_of
from enformer_vep.effects.precision import SIXTEEN_BIT, arithmetic
from enformer_vep.effects.products import Products
from enformer_vep.effects.sites import Sites
from enformer_vep.effects.tokens import TokenBuffer
from enformer_vep.settings import Precision

WIDEST_LOCAL_EDIT = 64
"""Base pairs. Wider stretches of changed bases are convolved in full: the flank that an indel moves, or the hundred
bases between a local indel and where its length is made up for, which change as much as they are."""


class TowerEngine(NetworkEngine[AnyNetwork]):
    """Predicts each reference window once and carries every alternate's change through the network.

    A family's engine says what the stages of the network's front are, and how changes go on above them.

    Equal to `PairEngine` in float64 to rounding, and accurate however small the effect is. Substitutions cost
    next to nothing in the convolutions; of an indel only the bases that moved are convolved again.

    An indel that moves a flank moves half of the window's bases by a few: what it changes inside the network is as
    large as the reference itself, and mostly cancels on the way to a score. So its accuracy is that of two passes,
    and in every precision it has a float32 reference (see the accuracy tables in benchmarks/README.md).

    Where a batch says at which sites of their contigs its windows lie, tokens of the reference come from a
    `TokenBuffer`, and a window is not convolved as a whole.

    Args:
        network: See `NetworkEngine`, and for the others.
        *wanted: See there.
        **more: See there.
    """

    def __init__(self, network: AnyNetwork, *wanted: Any, **more: Any) -> None:
        super().__init__(network, *wanted, **more)
        front, self._window = network.front, network.output.window
        assert front is not None
        self._front, self._tokens = front, self._window // front.width
        self._stages = self._make_stages()
        self._buffer = TokenBuffer(front, self._window)

    @abstractmethod
    def _make_stages(self) -> Sequence[Stage]:
        """The front, from the one-hot input upwards."""

    @abstractmethod
    def _carry(self, tokens: Tensor, change: Tensor, batch: EffectBatch) -> Effect:
        """Carry changes from the tokens to the prediction.

        Args:
            tokens: [G, T, C], of the reference windows.
            change: [B, T, C], what the alternates change in them.
            batch: Windows.
        """

    @abstractmethod
    def _segments_above(self) -> Sequence[Segment]:
        """Differentiable functions that one after the other turn tokens [1, T, C] into [1, bins, channels]."""

    @property
    def device(self) -> torch.device:
        """What kind of device to choose 16-bit types for."""
        return self._head.device

    @property
    def products(self) -> Products:
        """Arithmetic of the changes."""
        return Products.of(self._precision, self.device)

    @property
    def indel_precision(self) -> Precision:
        """What an indel is computed in: with a change in float16 at the least, in float32, or in float64."""
        if self._precision is Precision.FLOAT64:
            return self._precision
        sixteen_bit = self._precision in SIXTEEN_BIT
        return Precision.MIXED if sixteen_bit and self.device.type == "cuda" else Precision.FLOAT32

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict.

        Args:
            batch: Windows, on the engine's device.

        Returns:
            Reference prediction and delta, [B, bins, tracks].
        """
        precision = self.indel_precision
        moved = _edit_widths(batch) > WIDEST_LOCAL_EDIT
        if precision is self._precision or not moved.any():
            return self._predict_parts(batch)
        if moved.all():
            return self._with(precision)._predict_parts(batch)
        local, wide = (~moved).nonzero()[:, 0], moved.nonzero()[:, 0]
        effects = [
            self._predict_parts(batch.select(local)),
            self._with(precision)._predict_parts(batch.select(wide)),
        ]
        place = torch.argsort(torch.cat([local, wide]))
        return Effect.joined(effects).map(lambda values: values[place])

    def _with(self, precision: Precision) -> Self:
        other = copy.copy(self)
        other._precision = precision
        return other

    def _predict_parts(self, batch: EffectBatch) -> Effect:
        with arithmetic(self._precision, self._head.device):
            return Effect.joined([self._predict(part) for part in batch.split(self._portions.references)])

    def _predict(self, batch: EffectBatch) -> Effect:
        return self._carry(*self._convolve(batch), batch)

    def _changed_tokens(self, batch: EffectBatch) -> list[slice]:
        """Tokens that each alternate can change."""
        return [affected_tokens(self._front, self._tokens, *edit) for edit in edit_ranges(batch)]

    def _rows(self, count: int) -> Iterator[slice]:
        step = self._portions.alternates
        return (slice(start, min(start + step, count)) for start in range(0, count, step))

    def _convolve(self, batch: EffectBatch) -> tuple[Tensor, Tensor]:
        """Tokens of the reference windows [G, T, C] and what the alternates change in them [B, T, C]."""
        if batch.sites is not None:
            tokens = self._site_tokens(batch.sites)
            return tokens, self._site_changes(batch, batch.sites, tokens)
        edits = find_edits(batch)
        local = (edits.width <= WIDEST_LOCAL_EDIT).nonzero()[:, 0]
        x = one_hot(batch.reference, self._head.dtype).transpose(1, 2)
        products = self.products
        groups = [local[rows] for rows in self._rows(len(local))]
        stretches = [_first_stretch(batch, edits, rows, x.dtype) for rows in groups]
        for stage in self._stages:
            stretches = [stage.propagate(x, stretch, products) for stretch in stretches]
            x = stage.convolve(x)
        tokens = x.transpose(1, 2).to(self._head.dtype).contiguous()
        change = tokens.new_zeros(len(batch), *tokens.shape[1:])
        for rows, stretch in zip(groups, stretches, strict=True):
            _place(change, rows, stretch)
        for row in (edits.width > WIDEST_LOCAL_EDIT).nonzero()[:, 0].tolist():
            moved = int(edits.start[row]), int(edits.end[row])
            self._convolve_moved_side(change[row], batch, row, moved, tokens[batch.owner[row]])
        return tokens, change

    def _site_tokens(self, sites: Sites) -> Tensor:
        """Tokens of the reference windows [G, T, C], which are computed once per contig."""
        return self._buffer.cut(sites, self._precision, self._convolve_codes)

    def _site_changes(self, batch: EffectBatch, sites: Sites, tokens: Tensor) -> Tensor:
        """What the alternates of a batch with sites change in the tokens [G, T, C] of its windows: [B, T, C]."""
        change = tokens.new_zeros(len(batch), *tokens.shape[1:])
        wide = [row for row, (start, end) in enumerate(sites.edits) if end - start > WIDEST_LOCAL_EDIT]
        local = [row for row in range(len(batch)) if row not in wide]
        at_once = self._portions.alternates
        for patches in portions_of(find_patches(self._front, sites, local), at_once):
            add_local_changes(change, self._stages, batch, patches, self.products, at_once)
        for row in wide:
            reference = tokens[sites.owner[row]]
            self._convolve_moved_side(change[row], batch, row, sites.edits[row], reference)
        return change

    def _convolve_codes(self, codes: Tensor) -> Tensor:
        """Tokens [n, P / width, C] of base codes, uint8 [n, P] on the CPU."""
        x = one_hot(send(codes, self.device), self._head.dtype).transpose(1, 2)
        for stage in self._stages:
            x = stage.convolve(x)
        return x.transpose(1, 2).to(self._head.dtype).contiguous()

    def _convolve_moved_side(
        self, change: Tensor, batch: EffectBatch, row: int, edit: tuple[int, int], reference: Tensor
    ) -> None:
        """Fill `change` [T, C] of an alternate whose flank moved, from a pass over that flank alone.

        There the change is as large as the tokens themselves, so a subtraction loses nothing.
        """
        width = self._front.width
        affected = affected_tokens(self._front, self._tokens, *edit)
        convolved = with_margin(self._front, self._tokens, affected)
        bases = slice(convolved.start * width, convolved.stop * width)
        x = one_hot(batch.alternate[row : row + 1, bases], reference.dtype).transpose(1, 2)
        for stage in self._stages:
            x = stage.convolve(x)
        moved = x[0].t()[affected.start - convolved.start : affected.stop - convolved.start]
        change[affected] = moved.to(reference.dtype) - reference[affected]


def _edit_widths(batch: EffectBatch) -> Tensor:
    """int64 [B], base pairs from the first to the last difference; on the CPU where that is known there."""
    if batch.sites is None:
        return find_edits(batch).width
    return torch.tensor([end - start for start, end in batch.sites.edits])


def _first_stretch(batch: EffectBatch, edits: Edits, rows: Tensor, dtype: torch.dtype) -> Stretch:
    """The change of the one-hot input, for alternates with a local edit."""
    owner, start = batch.owner[rows], edits.start[rows]
    width = max(int(edits.width[rows].max()), 1)
    positions = start[:, None] + torch.arange(width, device=start.device)
    inside = positions < batch.alternate.shape[1]
    clamped = positions.clamp(max=batch.alternate.shape[1] - 1)
    alternate = batch.alternate[rows].gather(1, clamped)
    reference = batch.reference[owner[:, None], clamped]
    change = one_hot(alternate, dtype) - one_hot(reference, dtype)
    return Stretch(owner, start, torch.where(inside[:, :, None], change, 0).transpose(1, 2))


def _place(change: Tensor, rows: Tensor, stretch: Stretch) -> None:
    """Write a stretch of changed tokens into `change` [B, T, C], leaving out what lies outside the window."""
    positions = stretch.start[:, None] + torch.arange(stretch.change.shape[2], device=rows.device)
    inside = (positions >= 0) & (positions < change.shape[1])
    row = rows[:, None].expand_as(positions)
    change[row[inside], positions[inside]] = stretch.change.transpose(1, 2)[inside].to(change.dtype)
