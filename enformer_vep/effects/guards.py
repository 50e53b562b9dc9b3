"""Which engine, and what happens when its arithmetic fails."""

import logging
from collections.abc import Callable, Sequence

import torch

from enformer_vep.effects.batches import Effect, EffectBatch, EffectEngine, Portions
from enformer_vep.effects.devices import MemoryGuard
from enformer_vep.effects.pair import PairEngine
from enformer_vep.effects.precision import SIXTEEN_BIT
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Engine, Precision

logger = logging.getLogger(__name__)

_ENGINES: dict[Engine, type[DeltaEngine] | type[PairEngine]] = {
    Engine.DELTA: DeltaEngine,
    Engine.PAIR: PairEngine,
}


def make_engine(
    engine: Engine,
    network: Enformer,
    organism: str,
    tracks: Sequence[int] | None,
    bins: slice,
    precision: Precision,
    portions: Portions,
) -> EffectEngine:
    """An engine that survives a full device and an overflow of 16-bit numbers.

    Args:
        engine: Which one.
        network: The model, in eval mode, on the device that is to be used.
        organism: Which head.
        tracks: Rows of the head that are wanted; all when None.
        bins: Output bins that are wanted.
        precision: Arithmetic of convolutions and matrix products.
        portions: How much to compute at a time.

    Returns:
        The engine.
    """

    def make(precision: Precision) -> EffectEngine:
        return _ENGINES[engine](network, organism, tracks, bins, precision, portions)

    made = make(precision)
    if precision in SIXTEEN_BIT:
        made = FiniteGuard(made, lambda: make(Precision.FLOAT32))
    return MemoryGuard(made)


class FiniteGuard:
    """Repeats a batch in float32 when float16 overflowed: no infinity or NaN of ours reaches the output.

    Args:
        engine: The engine that may overflow.
        make_fallback: Makes the engine that does not, when it is needed.
    """

    def __init__(self, engine: EffectEngine, make_fallback: Callable[[], EffectEngine]) -> None:
        self._engine, self._make_fallback = engine, make_fallback

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict, in float32 if the faster arithmetic gave something that is not a number.

        Args:
            batch: Windows, on the engine's device.

        Returns:
            A finite effect, unless float32 overflows as well.
        """
        effect = self._engine.predict(batch)
        if bool(torch.isfinite(effect.delta).all() & torch.isfinite(effect.reference).all()):
            return effect
        logger.warning("float16 overflowed in a batch of %d alleles: repeated in float32", len(batch))
        return self._make_fallback().predict(batch)
