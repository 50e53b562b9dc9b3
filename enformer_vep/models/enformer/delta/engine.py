"""Enformer's engines: the change is carried through its transformer, exactly or to first order."""

from collections.abc import Sequence

import torch
from torch import Tensor

from enformer_vep.effects.adjoint import Linearising
from enformer_vep.effects.changed_stretches import Stage
from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.effects.linear import Objective
from enformer_vep.effects.network import Segment
from enformer_vep.effects.tower import TowerEngine
from enformer_vep.models.enformer.delta.attention_change import BlockTrace
from enformer_vep.models.enformer.delta.local import TowerStage
from enformer_vep.models.enformer.delta.propagation import (
    propagate_block,
    propagate_final,
    trace_block,
    trace_final,
)
from enformer_vep.models.enformer.delta.pullback import pull_block
from enformer_vep.models.enformer.network import Enformer


class DeltaEngine(TowerEngine[Enformer]):
    """Carries the change of the tokens through transformer, final block and head (`propagation`)."""

    def _make_stages(self) -> Sequence[Stage]:
        return [TowerStage(stage) for stage in self._network.stages]

    def _segments_above(self) -> Sequence[Segment]:
        return self._network.segments_above(self._bins)

    @property
    def _defers(self) -> bool:
        """Whether to ask once, at the end, if any attention needed another form: a GPU is not waited for in between."""
        return self._head.device.type == "cuda"

    def _carry(self, tokens: Tensor, change: Tensor, batch: EffectBatch) -> Effect:
        if not self._defers:
            return self._propagate(tokens, change, batch)
        deferred: list[Tensor] = []
        effect = self._propagate(tokens, change, batch, deferred)
        if deferred and bool(torch.stack(deferred).any()):
            return self._propagate(tokens, change, batch)
        return effect

    def _propagate(
        self, tokens: Tensor, change: Tensor, batch: EffectBatch, deferred: list[Tensor] | None = None
    ) -> Effect:
        x, products = tokens, self.products
        blocks, kept = self._network.transformer_blocks, self._network.kept_tokens(self._bins)
        for block in blocks:
            trace = trace_block(block, x, kept if block is blocks[-1] else None)
            parts = [
                propagate_block(block, trace, change[rows], batch.owner[rows], products, deferred)
                for rows in self._rows(len(batch))
            ]
            x, change = trace.output, torch.cat(parts)
        if not blocks:
            x, change = x[:, kept], change[:, kept]
        return self._finish(x, change, batch.owner)

    def _finish(self, x: Tensor, change: Tensor, owner: Tensor) -> Effect:
        final, head = self._network.final, self._head
        trace, products = trace_final(final, head, x), self.products
        parts = [
            propagate_final(final, head, trace, change[rows], owner[rows], products) for rows in self._rows(len(owner))
        ]
        return Effect(trace.prediction[owner], torch.cat(parts))


class AdjointEngine(Linearising[Enformer], DeltaEngine):
    """As `DeltaEngine`, and to first order above the convolutions."""

    def _gradients(self, tokens: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        """As the base class does it, with the gradients of transformer blocks written out (`pullback`)."""
        traces, kept = list[BlockTrace](), self._network.kept_tokens(self._bins)
        blocks, x = self._network.transformer_blocks, tokens
        for block in blocks:
            traces.append(trace_block(block, x, kept if block is blocks[-1] else None).for_gradients())
            x = traces[-1].output
        if not blocks:
            return super()._gradients(tokens, objective)
        values, gradients = self._top(self._network.finish, x, objective)
        for block in reversed(blocks):
            # A gradient at a time: memory holds the maps of one beside the traces, which go as they are used.
            trace = traces.pop()
            gradients = torch.cat([pull_block(block, trace, one) for one in gradients[:, None]])
        return values, gradients
