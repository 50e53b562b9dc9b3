"""What happens when an engine's memory or arithmetic is not enough."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect, EffectBatch, EffectEngine
from enformer_vep.effects.linear import LinearEngine, Linearised, Objective
from enformer_vep.errors import EnformerVepError

logger = logging.getLogger(__name__)

In = TypeVar("In", EffectBatch, Tensor)
Out = TypeVar("Out", Effect, Tensor)


class MemoryGuard:
    """Halves an engine's batch when the device runs out of memory, instead of dying."""

    def __init__(self, engine: EffectEngine) -> None:
        self._engine = engine
        self._limit: int | None = None

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict, in parts where needed; what did not fit once is not tried again.

        Raises:
            EnformerVepError: When a single variant does not fit.
        """
        return self._in_parts(self._engine.predict, batch, EffectBatch.halves, Effect.joined)

    def predict_windows(self, codes: Tensor) -> Tensor:
        """As `predict`, for windows alone."""
        return self._in_parts(self._engine.predict_windows, codes, _halves, _joined)

    def linearise(self, batch: EffectBatch, objectives: Sequence[Objective]) -> list[Linearised]:
        """As the engine, which has to be one that can; it takes a window at a time as it is.

        Raises:
            EnformerVepError: When the gradients of a window do not fit.
        """
        try:
            return cast(LinearEngine, self._engine).linearise(batch, objectives)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            raise EnformerVepError(
                "the gradients of one window do not fit into memory: name fewer tracks with --tracks, average them "
                "with --groups, use a smaller --window, or --device cpu instead of a GPU"
            ) from None

    def _in_parts(
        self,
        predict: Callable[[In], Out],
        items: In,
        halves: Callable[[In], tuple[In, In]],
        join: Callable[[Sequence[Out]], Out],
    ) -> Out:
        if self._limit is None or len(items) <= self._limit:
            try:
                return predict(items)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._lower_limit(len(items))
        return join([self._in_parts(predict, half, halves, join) for half in halves(items)])

    def _lower_limit(self, size: int) -> None:
        if size == 1:
            raise EnformerVepError(
                "one variant does not fit into memory: use a smaller --window, or --device cpu instead of a GPU"
            ) from None
        self._limit = size // 2
        torch.cuda.empty_cache()
        logger.warning("out of device memory with %d alleles at once: going on with %d", size, self._limit)


def _halves(codes: Tensor) -> tuple[Tensor, Tensor]:
    middle = (len(codes) + 1) // 2
    return codes[:middle], codes[middle:]


def _joined(predictions: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(predictions))


def _is_out_of_memory(error: RuntimeError) -> bool:
    """On a CPU torch raises a plain RuntimeError, told apart by its words only."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def is_finite(*values: Tensor) -> Tensor:
    """Whether every number is one, as a tensor on their device: asking for it would wait for the device."""
    return torch.stack([torch.isfinite(one).all() for one in values]).all()
