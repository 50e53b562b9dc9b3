"""Basenji2's engines: the change is carried through its dilated blocks, exactly or to first order."""

import itertools
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from enformer_vep.effects.adjoint import Linearising
from enformer_vep.effects.changed_stretches import Stage
from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.effects.network import Segment
from enformer_vep.effects.tower import TowerEngine
from enformer_vep.models.basenji2.delta.pooled_stages import PooledStage
from enformer_vep.models.basenji2.delta.trunk_changes import (
    DilatedTrace,
    HeadTrace,
    propagate_dilated,
    propagate_head,
    trace_dilated,
    trace_head,
)
from enformer_vep.models.basenji2.dilation import changed_tokens, needed_tokens
from enformer_vep.models.basenji2.network import Basenji2


class DeltaEngine(TowerEngine[Basenji2]):
    """Carries the change of the tokens through dilated blocks, last block and head.

    Everything above the tower is computed where it can matter: the reference in the tokens on which the wanted bins
    depend, a change in those of them that it can reach, up to 27 kb to each side of a substitution.
    """

    def _make_stages(self) -> Sequence[Stage]:
        return [PooledStage(block) for block in self._network.stages]

    def _segments_above(self) -> Sequence[Segment]:
        return [partial(torch.transpose, dim0=1, dim1=2), *self._network.segments_above(self._bins)]

    def _carry(self, tokens: Tensor, change: Tensor, batch: EffectBatch) -> Effect:
        network = self._network
        dilations, kept = network.config.dilations, network.kept_tokens(self._bins)
        needed = needed_tokens(dilations, kept, self._tokens)
        x, traces = tokens.transpose(1, 2)[:, :, needed[0]], []
        for block, (inputs, outputs) in zip(network.dilated_blocks, itertools.pairwise(needed), strict=True):
            trace, x = trace_dilated(block, x, inputs, outputs)
            traces.append(trace)
        final = trace_head(network.final, self._head, x)
        prediction, spans = final.prediction, self._changed_tokens(batch)
        delta = prediction.new_zeros(len(batch), *prediction.shape[1:])
        for rows in self._rows(len(batch)):
            together = slice(min(one.start for one in spans[rows]), max(one.stop for one in spans[rows]))
            reached = changed_tokens(dilations, together, needed)
            bins = slice(reached[-1].start - kept.start, reached[-1].stop - kept.start)
            # Of a change too far from the wanted bins nothing is left.
            if bins.stop > bins.start:
                start = change[rows, reached[0]].transpose(1, 2)
                delta[rows, bins] = self._carry_some(start, reached, batch.owner[rows], traces, final, bins)
        return Effect(prediction[batch.owner], delta)

    def _carry_some(
        self,
        change: Tensor,
        reached: Sequence[slice],
        owner: Tensor,
        traces: Sequence[DilatedTrace],
        final: HeadTrace,
        bins: slice,
    ) -> Tensor:
        """Changes [B, C, m] of the tokens reached first, carried to predictions [B, bins, tracks]."""
        network, products = self._network, self.products
        for block, trace, changed in zip(network.dilated_blocks, traces, itertools.pairwise(reached), strict=True):
            change = propagate_dilated(block, trace, change, changed, owner, products)
        return propagate_head(network.final, self._head, final, change, bins, owner, products)


class AdjointEngine(Linearising[Basenji2], DeltaEngine):
    """As `DeltaEngine`, and to first order above the tower."""
