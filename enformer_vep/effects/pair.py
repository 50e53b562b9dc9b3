"""The plain, trusted engine: two forward passes and a subtraction."""

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.batches import Effect, EffectBatch
from enformer_vep.effects.network import NetworkEngine
from enformer_vep.effects.precision import arithmetic
from enformer_vep.models.enformer.network import one_hot, softplus


class PairEngine(NetworkEngine):
    """Predicts reference and alternate in full and subtracts.

    In float32 the difference of two predictions carries their rounding: about 1e-6 of the prediction, so
    1 % of an effect of 1e-4. Other engines are checked against this one in float64.
    """

    def predict(self, batch: EffectBatch) -> Effect:
        """Run both passes.

        Args:
            batch: Windows, on the engine's device.

        Returns:
            Reference prediction and delta, [B, bins, tracks].
        """
        with arithmetic(self._precision, self._head.device):
            reference = self._predict_tracks(batch.reference)[batch.owner]
            return Effect(reference, self._predict_tracks(batch.alternate) - reference)

    def _predict_tracks(self, codes: Tensor) -> Tensor:
        """[windows, L] to [windows, bins, tracks]."""
        return torch.cat(
            [self._predict_portion(part) for part in torch.split(codes, self._portions.references)]
        )

    def _predict_portion(self, codes: Tensor) -> Tensor:
        embedding = self._network.embed(one_hot(codes, self._head.dtype), self._bins)
        with torch.autocast(codes.device.type, enabled=False):
            return softplus(F.linear(embedding.to(self._head.dtype), self._head.weight, self._head.bias))
