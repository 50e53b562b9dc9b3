import logging

import pytest
import torch

from enformer_vep.effects.batches import Effect, EffectBatch, Portions
from enformer_vep.effects.guards import FiniteGuard, make_engine
from enformer_vep.settings import Engine, Precision
from tests.effects.test_delta import sad, small_network, substitutions
from tests.toys import CountingEngine


class Overflowing:
    """Gives an infinity for the alternates named."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, batch: EffectBatch) -> Effect:
        effect = CountingEngine().predict(batch)
        effect.delta[-1, 0, 0] = self.value
        return effect


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_overflow_is_repeated_and_logged(value: float, caplog: pytest.LogCaptureFixture) -> None:
    batch = substitutions(2)
    with caplog.at_level(logging.WARNING):
        effect = FiniteGuard(Overflowing(value), CountingEngine).predict(batch)
    assert torch.equal(effect.delta, CountingEngine().predict(batch).delta)
    assert "repeated in float32" in caplog.text


def test_a_real_overflow_of_float16_never_reaches_the_output() -> None:
    network = small_network(3)
    with torch.no_grad():
        network.final.conv.weight.mul_(1e6)
    engines = [
        make_engine(engine, network, "human", None, slice(0, 52), precision, Portions())
        for engine in Engine
        for precision in (Precision.FLOAT16, Precision.FLOAT32)
    ]
    for engine in engines:
        effect = engine.predict(substitutions(2))
        assert torch.isfinite(effect.delta).all()
        assert torch.isfinite(effect.reference).all()


def test_engines_agree() -> None:
    batch, network = substitutions(5), small_network(4)
    made = [
        make_engine(engine, network, "human", (2, 0), slice(10, 30), Precision.FLOAT32, Portions(1, 2))
        for engine in Engine
    ]
    one, two = (sad(engine.predict(batch)) for engine in made)
    torch.testing.assert_close(one, two, rtol=1e-2, atol=1e-5)
