"""Engines and models whose answer is known without running a network."""

import torch

from enformer_vep.effects.batches import Effect, EffectBatch


class CountingEngine:
    """Predicts, per bin of `width` bp, how many A (track 0) and how many T (track 1) there are.

    Args:
        width: Base pairs per bin.
        capacity: Alternates that fit; more raise the device's out-of-memory error.
    """

    def __init__(self, width: int = 4, capacity: int | None = None) -> None:
        self.width, self.capacity = width, capacity
        self.sizes: list[int] = []

    def predict(self, batch: EffectBatch) -> Effect:
        self.sizes.append(len(batch))
        if self.capacity is not None and len(batch) > self.capacity:
            raise torch.OutOfMemoryError("toy")
        reference = self.count(batch.reference)[batch.owner]
        return Effect(reference, self.count(batch.alternate) - reference)

    def count(self, codes: torch.Tensor) -> torch.Tensor:
        bins = codes.view(codes.shape[0], -1, self.width)
        return torch.stack([(bins == 0).sum(2), (bins == 3).sum(2)], dim=2).float()
