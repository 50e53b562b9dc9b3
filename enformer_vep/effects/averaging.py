"""Averages an engine's predictions over strands and shifts."""

from collections.abc import Iterable, Iterator, Sequence

from enformer_vep.effects.base import Effect, EffectBatch, EffectEngine


def predict_averaged(engine: EffectEngine, batches: Sequence[EffectBatch], both_strands: bool) -> Effect:
    """Mean prediction over shifts and, if wanted, both strands.

    The mean is linear, so the mean of deltas is the delta of the means; scores are computed after.

    Args:
        engine: Predicts one view at a time.
        batches: The same variants under each shift, on the engine's device.
        both_strands: Also predict the reverse complement; its bins are flipped back before averaging.

    Returns:
        Mean reference prediction and mean delta.
    """
    return mean_effect(_views(engine, batches, both_strands))


def mean_effect(effects: Iterable[Effect]) -> Effect:
    """Mean of at least one effect of the same variants; holds two at a time."""
    some = iter(effects)
    total, views = next(some), 1
    for effect in some:
        total = Effect(total.reference + effect.reference, total.delta + effect.delta)
        views += 1
    return Effect(total.reference / views, total.delta / views)


def _views(engine: EffectEngine, batches: Sequence[EffectBatch], both_strands: bool) -> Iterator[Effect]:
    for batch in batches:
        yield engine.predict(batch)
        if both_strands:
            yield _flipped(engine.predict(batch.reverse_complement()))


def _flipped(effect: Effect) -> Effect:
    return Effect(effect.reference.flip(1), effect.delta.flip(1))
