"""The adjoint engine against finite differences and the delta engine, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from enformer_vep.effects.effect import EffectBatch
from enformer_vep.effects.linear import Objective
from enformer_vep.effects.predictor import Predictor
from enformer_vep.models.enformer.delta import engine
from enformer_vep.models.enformer.delta.attention_change import BlockTrace
from enformer_vep.models.enformer.delta.engine import AdjointEngine, DeltaEngine
from enformer_vep.models.enformer.delta.pullback import pull_block
from enformer_vep.models.enformer.network import Enformer, TransformerBlock
from tests.effects.test_delta import small_network, substitutions

BINS = slice(7, 40)


def sums(prediction: Tensor) -> Tensor:
    """Two outputs of unlike bins and tracks."""
    return torch.stack([prediction[3:11, 0].sum(), (prediction * torch.tensor([0.25, 0.0, 0.75])).sum()])


def scaled(kind: type[DeltaEngine], network: Enformer, size: float, bins: slice = BINS) -> DeltaEngine:
    """An engine in which alternates change the tokens by so much of what they do."""
    made = kind(network, "human", None, bins)
    convolve: Callable[[EffectBatch], tuple[Tensor, Tensor]] = made._convolve

    def shrunk(batch: EffectBatch) -> tuple[Tensor, Tensor]:
        tokens, change = convolve(batch)
        return tokens, change * size

    made._convolve = shrunk  # type: ignore[method-assign]
    return made


def delta_sums(engine: DeltaEngine, batch: EffectBatch) -> Tensor:
    """The same outputs' changes by the delta engine: both are linear."""
    return torch.stack([sums(one) for one in engine.predict(batch).delta])


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_changes_are_directional_derivatives(layers: int) -> None:
    network, batch, step = small_network(3, layers).double(), substitutions(5), 1e-5
    linearised = AdjointEngine(network, "human", None, BINS).linearise(batch, [sums])[0]
    ahead = delta_sums(scaled(DeltaEngine, network, step), batch)
    behind = delta_sums(scaled(DeltaEngine, network, -step), batch)
    torch.testing.assert_close(linearised.changes, (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(
        linearised.values, sums(AdjointEngine(network, "human", None, BINS).predict_windows(batch.reference)[0])
    )


def test_it_tends_to_delta_as_the_change_shrinks() -> None:
    network, batch = small_network(4).double(), substitutions(6)
    errors = []
    for size in (1e-1, 1e-2, 1e-3):
        screened = scaled(AdjointEngine, network, size)
        assert isinstance(screened, AdjointEngine)
        first_order = screened.linearise(batch, [sums])[0].changes
        exact = delta_sums(scaled(DeltaEngine, network, size), batch)
        errors.append(((first_order - exact).norm() / exact.norm()).item())
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_its_exact_effects_are_those_of_delta_to_the_bit() -> None:
    network, batch = small_network(5), substitutions(4)
    delta = DeltaEngine(network, "human", None, BINS).predict(batch)
    assert torch.equal(AdjointEngine(network, "human", None, BINS).predict(batch).delta, delta.delta)


def test_views_are_averaged_as_effects_are_window_by_window() -> None:
    network, one = small_network(6).double(), substitutions(4)
    other = one.reference.flip(1).clone()
    alternate = torch.cat([one.alternate[:2], one.alternate[2:].flip(1)])
    batch = EffectBatch(torch.cat([one.reference, other]), alternate, torch.tensor([0, 0, 1, 1]))
    views, partners, step = (slice(2, 30), slice(3, 31)), torch.tensor([1, 0, 2]), 1e-5
    objectives: list[Objective] = [sums, lambda prediction: 2 * sums(prediction)[1:]]

    def predictor(engine: DeltaEngine) -> Predictor:
        return Predictor(engine, torch.device("cpu"), views, True, partners, tracks=3)

    first, second = predictor(AdjointEngine(network, "human", None, slice(6, 46))).linearise([batch, batch], objectives)
    ahead, behind = (
        predictor(scaled(DeltaEngine, network, size, slice(6, 46))).effect([batch, batch]) for size in (step, -step)
    )
    slopes = (ahead.delta - behind.delta) / (2 * step)
    expected = torch.stack([sums(delta) for delta in slopes])
    torch.testing.assert_close(first.changes, expected[:2], rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(second.changes, 2 * expected[2:, 1:], rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(first.values, sums(ahead.reference[0]))
    torch.testing.assert_close(second.values, 2 * sums(ahead.reference[2])[1:])


def test_of_attention_only_the_maps_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all blocks at the same time: with their logits they would take twice the memory."""
    pulled = list[int]()

    def pull(block: TransformerBlock, trace: BlockTrace, gradients: Tensor) -> Tensor:
        assert all(maps.logits is None for maps in trace.maps)
        pulled.append(len(trace.maps))
        return pull_block(block, trace, gradients)

    monkeypatch.setattr(engine, "pull_block", pull)
    AdjointEngine(small_network(3), "human", None, BINS).linearise(substitutions(2), [sums])
    assert pulled == [1] * 4
