"""The plain, trusted engine: two forward passes and a subtraction."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from enformer_vep.effects.base import Effect, EffectBatch, Portions
from enformer_vep.effects.head import SelectedHead
from enformer_vep.effects.precision import arithmetic
from enformer_vep.model.enformer import Enformer, one_hot, softplus
from enformer_vep.settings import Precision


class PairEngine:
    """Predicts reference and alternate in full and subtracts.

    In float32 the difference of two predictions carries their rounding: about 1e-6 of the prediction, so
    1 % of an effect of 1e-4. Other engines are checked against this one in float64.

    Args:
        network: The model, in eval mode, on the device that is to be used.
        organism: Which head.
        tracks: Rows of the head that are wanted; all when None. Only these are computed.
        bins: Output bins that are wanted.
        precision: Arithmetic of the trunk; the head is always at least float32.
        portions: How many windows to predict at a time.
    """

    def __init__(
        self,
        network: Enformer,
        organism: str,
        tracks: Sequence[int] | None,
        bins: slice,
        precision: Precision = Precision.FLOAT32,
        portions: Portions = Portions(),  # noqa: B008 (frozen)
    ) -> None:
        self._network, self._bins, self._precision, self._portions = network, bins, precision, portions
        self._head = SelectedHead.of(network, organism, tracks)

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
