import logging
from collections.abc import Sequence

import pytest
import torch

from enformer_vep.effects.devices import automatic_batch_size, resolve_device
from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.effects.guards import MemoryGuard
from enformer_vep.effects.linear import Linearised, Objective
from enformer_vep.effects.network import Footprint
from enformer_vep.errors import EnformerVepError, UsageError
from tests.toys import CountingEngine


def random_batch(size: int) -> EffectBatch:
    generator = torch.Generator().manual_seed(size)
    codes = torch.randint(0, 5, (2, size, 8), generator=generator, dtype=torch.uint8)
    return EffectBatch(codes[0], codes[1], torch.arange(size))


@pytest.mark.parametrize("capacity", [1, 2, 3, 5])
def test_halving_gives_the_same_numbers(capacity: int, caplog: pytest.LogCaptureFixture) -> None:
    batch, engine = random_batch(7), CountingEngine(capacity=capacity)
    expected = CountingEngine().predict(batch)
    guard = MemoryGuard(engine)
    with caplog.at_level(logging.WARNING):
        effect = guard.predict(batch)
    assert torch.equal(effect.reference, expected.reference)
    assert torch.equal(effect.delta, expected.delta)
    assert "out of device memory" in caplog.text


def test_windows_alone_are_halved_too() -> None:
    codes = random_batch(7).reference
    predicted = MemoryGuard(CountingEngine(capacity=3)).predict_windows(codes)
    assert torch.equal(predicted, CountingEngine().predict_windows(codes))


def test_what_did_not_fit_once_is_not_tried_again() -> None:
    engine = CountingEngine(capacity=2)
    guard = MemoryGuard(engine)
    guard.predict(random_batch(8))
    engine.sizes.clear()
    guard.predict(random_batch(8))
    assert max(engine.sizes) <= 2


def test_one_variant_that_does_not_fit_is_an_error_with_a_remedy() -> None:
    with pytest.raises(EnformerVepError, match="--device cpu"):
        MemoryGuard(CountingEngine(capacity=0)).predict(random_batch(3))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", EnformerVepError),
        ("mat1 and mat2 shapes cannot be multiplied", RuntimeError),
    ],
)
def test_memory_of_a_cpu_is_told_from_other_errors(words: str, expected: type[Exception]) -> None:
    class FailingEngine(CountingEngine):
        def predict(self, batch: EffectBatch) -> Effect:
            raise RuntimeError(words)

    with pytest.raises(expected):
        MemoryGuard(FailingEngine()).predict(random_batch(3))


def test_gradients_that_do_not_fit_are_an_error_with_a_remedy() -> None:
    class Linear(CountingEngine):
        def linearise(self, batch: EffectBatch, objectives: Sequence[Objective]) -> list[Linearised]:
            raise torch.OutOfMemoryError("toy")

    with pytest.raises(EnformerVepError, match="--tracks"):
        MemoryGuard(Linear()).linearise(random_batch(1), [torch.sum])


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "mps", "cpu:x"])
def test_device_that_is_not_there(name: str) -> None:
    with pytest.raises(UsageError, match="cpu"):
        resolve_device(name)


def test_automatic_choices_on_a_cpu() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert automatic_batch_size(Footprint(1), torch.device("cpu")) == 1
