"""The one way from windows to predictions: averaged over strands and shifts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar, cast

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect, EffectBatch, EffectEngine, reverse_complement
from enformer_vep.effects.linear import LinearEngine, Linearised, Objective
from enformer_vep.effects.stitching import Stitches, stitch

T = TypeVar("T")

Observer = Callable[[Effect], None]
"""Is shown the effect of every single view, one strand of one shift, as it comes."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """Averages an engine's predictions over views of the same windows.

    The mean is linear, so the mean of deltas is the delta of the means; scores are computed after.

    Attributes:
        engine: Predicts one view at a time.
        device: Where it computes.
        views: For each shift, which of the engine's bins to read, in forward order.
        both_strands: Also predict the reverse complement; its bins are flipped back before they are read, so
            the engine's have to lie evenly around the middle of the window.
        partners: int64 [tracks], for each track of the engine the one that has its place on the other strand;
            None where no track is of one strand.
        tracks: How many of the engine's tracks are wanted, from the first; None for all.
    """

    engine: EffectEngine
    device: torch.device
    views: tuple[slice, ...]
    both_strands: bool = False
    partners: Tensor | None = None
    tracks: int | None = None

    @property
    def device_name(self) -> str:
        """The device in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def predict(self, windows: Sequence[Tensor]) -> Tensor:
        """Predict windows as they are: for each shift uint8 [W, L] to [W, bins, tracks], on the predictor's device."""
        total, views = _sum(self._predictions(windows), torch.add)
        return (total / views)[..., : self.tracks]

    def effect(
        self,
        batches: Sequence[EffectBatch],
        stitches: Sequence[Stitches] | None = None,
        observe: Observer | None = None,
    ) -> Effect:
        """Predict what alternates change.

        Args:
            batches: For each shift, the same alternates.
            stitches: For each shift, how alternates go together; None when there is one for each variant.
            observe: Is shown each view before it is averaged, of the variants and tracks that are returned; of the
                alternates of one variant after they are put together.

        Returns:
            Mean reference prediction and mean delta, [B, bins, tracks], on the predictor's device.
        """
        plans = [None] * len(batches) if stitches is None else [plan.to(self.device) for plan in stitches]
        views = (
            effect if plan is None else stitch(effect, plan)
            for batch, bins, plan in zip(batches, self.views, plans, strict=True)
            for effect in self._strands(batch.to(self.device), bins)
        )
        return self._wanted(_mean_effect(self._shown(views, observe)))

    def _wanted(self, effect: Effect) -> Effect:
        return effect if self.tracks is None else effect.map(lambda values: values[..., : self.tracks])

    def _shown(self, views: Iterable[Effect], observe: Observer | None) -> Iterator[Effect]:
        for view in views:
            if observe is not None:
                observe(self._wanted(view))
            yield view

    def linearise(self, batches: Sequence[EffectBatch], objectives: Sequence[Objective]) -> list[Linearised]:
        """Linearise outputs of every reference window, averaged over views.

        Args:
            batches: For each shift, the same alternates in the same reference windows.
            objectives: For each reference window, a function that is linear in its prediction [bins, tracks].

        Returns:
            One for each reference window, on the predictor's device.
        """
        engine = cast(LinearEngine, self.engine)
        views: list[list[Linearised]] = []
        for batch, bins in zip(batches, self.views, strict=True):
            batch = batch.to(self.device)
            for is_reverse in (False, True) if self.both_strands else (False,):
                seen = [self._seen(objective, bins, is_reverse) for objective in objectives]
                views.append(engine.linearise(batch.reverse_complement() if is_reverse else batch, seen))
        return [reduce(Linearised.plus, windows).over(len(views)) for windows in zip(*views, strict=True)]

    def _seen(self, objective: Objective, bins: slice, is_reverse: bool) -> Objective:
        """The same objective of the engine's own prediction of one window in one view."""

        def seen(values: Tensor) -> Tensor:
            forward = self._forward(values[None])[0] if is_reverse else values
            return objective(forward[bins, : self.tracks])

        return seen

    def _strands(self, batch: EffectBatch, bins: slice) -> Iterator[Effect]:
        yield self.engine.predict(batch).map(lambda values: values[:, bins])
        if self.both_strands:
            reverse = self.engine.predict(batch.reverse_complement())
            yield reverse.map(lambda values: self._forward(values)[:, bins])

    def _predictions(self, windows: Sequence[Tensor]) -> Iterator[Tensor]:
        for codes, bins in zip(windows, self.views, strict=True):
            codes = codes.to(self.device)
            yield self.engine.predict_windows(codes)[:, bins]
            if self.both_strands:
                yield self._forward(self.engine.predict_windows(reverse_complement(codes)))[:, bins]

    def _forward(self, values: Tensor) -> Tensor:
        """[B, bins, tracks] of the reverse strand, as the forward strand has them."""
        flipped = values.flip(1)
        return flipped if self.partners is None else flipped[..., self.partners]


def _mean_effect(effects: Iterable[Effect]) -> Effect:
    """Mean of at least one effect of the same variants; holds two at a time."""
    total, views = _sum(effects, Effect.plus)
    return total.map(lambda values: values / views)


def _sum(items: Iterable[T], add: Callable[[T, T], T]) -> tuple[T, int]:
    some = iter(items)
    total, count = next(some), 1
    for item in some:
        total, count = add(total, item), count + 1
    return total, count
