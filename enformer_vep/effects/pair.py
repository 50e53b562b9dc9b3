"""The plain, trusted engine: two forward passes and a subtraction. It works with any network."""

from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.effects.engine import NetworkEngine
from enformer_vep.effects.network import Network
from enformer_vep.effects.precision import arithmetic


class PairEngine(NetworkEngine[Network]):
    """Predicts reference and alternate in full and subtracts.

    In float32 the difference of two predictions carries their rounding: about 1e-6 of the prediction, so
    1 % of an effect of 1e-4. Other engines are checked against this one in float64.
    """

    def predict(self, batch: EffectBatch) -> Effect:
        """Run both passes of windows on the engine's device: reference prediction and delta, [B, bins, tracks]."""
        reference = self.predict_windows(batch.reference)
        alternate = self.predict_windows(batch.alternate)
        with arithmetic(self._precision, self._head.device):
            reference = reference[batch.owner]
            return Effect(reference, alternate - reference)
