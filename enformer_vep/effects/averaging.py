"""Averages an engine's predictions over strands and shifts."""

from collections.abc import Iterable, Iterator, Sequence

from enformer_vep.effects.base import Effect, EffectBatch, EffectEngine


def predict_averaged(
    engine: EffectEngine, batches: Sequence[EffectBatch], bins: Sequence[slice], both_strands: bool
) -> Effect:
    """Mean prediction over shifts and, if wanted, both strands.

    The mean is linear, so the mean of deltas is the delta of the means; scores are computed after.

    Args:
        engine: Predicts one view at a time.
        batches: The same variants under each shift, on the engine's device.
        bins: For each shift, which of the engine's bins to average, in forward order.
        both_strands: Also predict the reverse complement; its bins are flipped back before averaging, so the
            engine's have to lie evenly around the middle of the window.

    Returns:
        Mean reference prediction and mean delta.
    """
    return mean_effect(_views(engine, batches, bins, both_strands))


def mean_effect(effects: Iterable[Effect]) -> Effect:
    """Mean of at least one effect of the same variants; holds two at a time."""
    some = iter(effects)
    total, views = next(some), 1
    for effect in some:
        total = Effect(total.reference + effect.reference, total.delta + effect.delta)
        views += 1
    return Effect(total.reference / views, total.delta / views)


def _views(
    engine: EffectEngine, batches: Sequence[EffectBatch], bins: Sequence[slice], both_strands: bool
) -> Iterator[Effect]:
    for batch, some in zip(batches, bins, strict=True):
        yield _read(engine.predict(batch), some)
        if both_strands:
            yield _read(_flipped(engine.predict(batch.reverse_complement())), some)


def _flipped(effect: Effect) -> Effect:
    return Effect(effect.reference.flip(1), effect.delta.flip(1))


def _read(effect: Effect, bins: slice) -> Effect:
    return Effect(effect.reference[:, bins], effect.delta[:, bins])
