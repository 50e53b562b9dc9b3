"""Engines and models whose answer is known without running a network."""

import torch

from enformer_vep.effects.effect import Effect, EffectBatch, EffectEngine
from enformer_vep.effects.predictor import Predictor
from enformer_vep.genome.bins import Geometry
from enformer_vep.scoring.layout import value_blocks
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import ScoreSettings
from enformer_vep.tables.row import ContextColumn, Layout


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
        self._take(len(batch))
        reference = self.count(batch.reference)[batch.owner]
        return Effect(reference, self.count(batch.alternate) - reference)

    def predict_windows(self, codes: torch.Tensor) -> torch.Tensor:
        self._take(len(codes))
        return self.count(codes)

    def _take(self, size: int) -> None:
        self.sizes.append(size)
        if self.capacity is not None and size > self.capacity:
            raise torch.OutOfMemoryError("toy")

    def count(self, codes: torch.Tensor) -> torch.Tensor:
        bins = codes.view(codes.shape[0], -1, self.width)
        return torch.stack([(bins == 0).sum(2), (bins == 3).sum(2)], dim=2).float()


def toy_scorer(
    engine: EffectEngine,
    geometry: Geometry,
    settings: ScoreSettings,
    batch_size: int,
    context: tuple[ContextColumn, ...] = (),
) -> Scorer:
    """A scorer around an engine that predicts just the bins of a geometry, whatever the shift."""
    views = (slice(None),) * len(settings.shifts)
    blocks = value_blocks(settings, ("A", "T"))
    return Scorer(
        model="toy",
        sha256="0" * 64,
        layout=Layout(blocks, context),
        tracks=(0, 1),
        geometry=geometry,
        predictor=Predictor(engine, torch.device("cpu"), views, settings.reverse_complement),
        batch_size=batch_size,
        settings=settings,
    )
