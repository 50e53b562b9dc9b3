"""Basenji2's engines against the pair engine in float64, from genome and variant on: random small models."""

import functools
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.effects import adjoint, chunks, tower
from enformer_vep.effects.edits import affected_tokens, find_edits
from enformer_vep.effects.effect import Effect, EffectBatch, Portions
from enformer_vep.effects.network import Front, one_hot
from enformer_vep.effects.pair import PairEngine
from enformer_vep.effects.tokens import bases_beside
from enformer_vep.genome.variants import Variant
from enformer_vep.models.basenji2.config import Basenji2Config
from enformer_vep.models.basenji2.delta.engine import AdjointEngine, DeltaEngine
from enformer_vep.models.basenji2.dilation import changed_tokens, needed_tokens
from enformer_vep.models.basenji2.network import Basenji2
from enformer_vep.settings import Precision
from tests.basenji2_models import small_basenji2
from tests.effects.test_acceptance import Contig, assert_equal_to_rounding, batch_of, cases, in_batches
from tests.effects.test_adjoint import delta_sums, scaled, sums
from tests.effects.test_delta import sad, substitutions
from tests.effects.test_tokens import WINDOW as GRID_WINDOW
from tests.effects.test_tokens import Contig as GridContig
from tests.effects.test_tokens import edits_in_order

BINS = slice(0, 52)
DILATIONS = [(), (1,), (1, 2, 4), (5, 3, 20)]
BATCH = substitutions(5)


@functools.cache
def network_of(seed: int, dilations: tuple[int, ...] = (1, 2, 4), activation: str = "sigmoid") -> Basenji2:
    return small_basenji2(seed, dilations, activation).double()


def engine_of(network: Basenji2, bins: slice = BINS, **more: object) -> DeltaEngine:
    return DeltaEngine(network, "human", None, bins, **more)


@settings(max_examples=40, deadline=None)
@given(
    cases(),
    st.integers(0, 20),
    st.sampled_from(DILATIONS),
    st.sampled_from(["sigmoid", "tanh"]),
    st.booleans(),
    st.integers(1, 5),
    st.builds(Portions, st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([BINS, slice(0, 1), slice(24, 28), slice(40, 52)]),
)
def test_delta_is_alternate_minus_reference_of_any_variant(
    case: tuple[Contig, list[Variant]],
    seed: int,
    dilations: tuple[int, ...],
    activation: str,
    both_strands: bool,
    batch_size: int,
    portions: Portions,
    bins: slice,
) -> None:
    """One plain batch of the pair engine against any batches, portions and bins of the delta engine."""
    genome, alleles = case
    network = network_of(seed, dilations, activation)
    parts = [alleles[at : at + batch_size] for at in range(0, len(alleles), batch_size)]
    assert_equal_to_rounding(
        in_batches(
            engine_of(network, bins, portions=portions), [batch_of(genome, part) for part in parts], both_strands
        ),
        in_batches(PairEngine(network, "human", None, bins), [batch_of(genome, alleles)], both_strands),
    )


@settings(max_examples=25, deadline=None)
@given(cases(), st.integers(0, 20), st.booleans())
def test_incremental_convolutions_are_the_full_ones(
    case: tuple[Contig, list[Variant]], seed: int, reverse: bool
) -> None:
    network, batch = network_of(seed), batch_of(*case)
    batch = batch.reverse_complement() if reverse else batch
    with torch.inference_mode():
        tokens, change = engine_of(network)._convolve(batch)
        reference, alternate = (
            network.convolve(one_hot(codes, torch.float64)).transpose(1, 2)
            for codes in (batch.reference, batch.alternate)
        )
    scale = alternate.abs().max()
    assert (tokens - reference).abs().max() <= 1e-10 * scale
    assert (tokens[batch.owner] + change - alternate).abs().max() <= 1e-10 * scale


def grid_network(seed: int) -> Basenji2:
    return small_basenji2(seed, window=GRID_WINDOW, target_length=20).double()


@settings(max_examples=15, deadline=None)
@given(edits_in_order(), st.integers(0, 10_000), st.booleans(), st.sampled_from([Portions(), Portions(3, 2)]))
def test_the_grid_gives_what_full_windows_give(
    edits: list[tuple[int, int, int, list[int]]], seed: int, reverse: bool, portions: Portions
) -> None:
    network, bins = grid_network(seed % 7), slice(0, 20)
    batch = GridContig(seed, 1000, gap=seed % 100).batch(network, edits)
    batch = batch.reverse_complement() if reverse else batch
    got = engine_of(network, bins, portions=portions).predict(batch)
    assert_equal_to_rounding(got, engine_of(network, bins).predict(replace(batch, sites=None)))
    assert_equal_to_rounding(got, PairEngine(network, "human", None, bins).predict(batch))


@pytest.mark.parametrize("width", [1, 64, 65, 300])
@pytest.mark.parametrize("position", [0, 255, 448])
def test_wide_local_edits(width: int, position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tower, "WIDEST_LOCAL_EDIT", 300)
    network, contig, width = grid_network(3), GridContig(1, 2000), min(width, GRID_WINDOW - position)
    other = (contig.fetch(640 + position, 640 + position + width) + 1) % 4
    batch = contig.batch(network, [(640, 640 + position, width, other.tolist())])
    got = engine_of(network, slice(0, 20)).predict(batch)
    assert_equal_to_rounding(got, PairEngine(network, "human", None, slice(0, 20)).predict(batch))
    assert got.delta.abs().max() > 0


def test_the_padding_reaches_just_the_edge() -> None:
    """No fewer tokens at the ends of a window differ from those of the contig, and no more."""
    network, contig = grid_network(6), GridContig(5, 3000)
    edge = network.front.edge
    whole = network.convolve(one_hot(torch.from_numpy(contig.codes[None, :2560]), torch.float64))[0, :, 32:64]
    window = network.convolve(one_hot(torch.from_numpy(contig.codes[None, 512:1024]), torch.float64))[0]
    differs = ((whole - window).abs().amax(0) > 1e-12).nonzero()[:, 0].tolist()
    assert differs == [*range(edge), *range(32 - edge, 32)]
    assert bases_beside(network.front, GRID_WINDOW) > 0


@settings(max_examples=15, deadline=None)
@given(cases(), st.integers(0, 20))
def test_float32_equals_float64_to_its_own_rounding(case: tuple[Contig, list[Variant]], seed: int) -> None:
    """Relative to the delta itself, not to the prediction, where an allele changes few bases."""
    batch = batch_of(*case)
    got = engine_of(small_basenji2(seed)).predict(batch).delta.double()
    expected = PairEngine(network_of(seed), "human", None, BINS).predict(batch).delta
    for row in (find_edits(batch).width <= 8).nonzero()[:, 0].tolist():
        assert (got[row] - expected[row]).norm() <= 1e-4 * expected[row].norm()


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [(Precision.FLOAT32, 1e-5), (Precision.FLOAT16, 2e-2), (Precision.BFLOAT16, 2e-1), (Precision.MIXED, 1e-1)],
)
def test_precisions_keep_small_effects(precision: Precision, tolerance: float) -> None:
    network = small_basenji2(5)
    network.final.conv.weight.mul_(1e-4)
    got = sad(engine_of(network, precision=precision).predict(BATCH))
    expected = sad(PairEngine(network.double(), "human", None, BINS).predict(BATCH))
    assert ((got - expected).norm() / expected.norm()).item() < tolerance


@pytest.mark.parametrize("precision", [one for one in Precision if one is not Precision.FLOAT32])
def test_nothing_changes_where_nothing_changes(precision: Precision) -> None:
    batch = batch_of(Contig("N" * 1500), [Variant("chr1", 600, "snv", "N", "N")])
    assert (engine_of(small_basenji2(3), precision=precision).predict(batch).delta == 0).all()


def test_each_alternate_by_itself_gives_what_the_batch_gives() -> None:
    network = small_basenji2(2)
    together = engine_of(network).predict(BATCH)
    for row in range(len(BATCH)):
        single = EffectBatch(BATCH.reference, BATCH.alternate[row : row + 1], BATCH.owner[row : row + 1])
        assert torch.equal(engine_of(network).predict(single).delta[0], together.delta[row])


@pytest.mark.parametrize("chunk", [16, 48, 4096])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_convolutions_in_chunks_are_the_modules(chunk: int, activation: str) -> None:
    network = network_of(8, activation=activation)
    x = one_hot(BATCH.alternate[:1], torch.float64).transpose(1, 2)
    with patch.object(chunks, "CHUNK", chunk):
        for stage in engine_of(network)._stages:
            x = stage.convolve(x)
    expected = network.convolve(one_hot(BATCH.alternate[:1], torch.float64))
    torch.testing.assert_close(x, expected, rtol=1e-12, atol=1e-13)


def test_a_change_stops_where_it_cannot_reach() -> None:
    """Bins beyond the tower's and the dilated blocks' reach have a delta of exactly zero."""
    network = network_of(4, (1, 3))
    batch = EffectBatch(BATCH.reference, BATCH.alternate[2:3], torch.zeros(1, dtype=torch.int64))
    (position,) = find_edits(batch).start.tolist()
    changed = affected_tokens(network.front, 64, position, position + 1)
    delta = engine_of(network).predict(batch).delta[0]
    reached = (delta != 0).any(dim=1).nonzero()[:, 0].tolist()
    crop = network.config.crop
    assert reached == list(range(changed.start - 4 - crop, changed.stop + 4 - crop))


def test_how_far_the_published_model_sees() -> None:
    config = Basenji2Config()
    assert config.tower_reach == 259
    assert needed_tokens(config.dilations, slice(400, 401), 1024)[0] == slice(400 - 212, 401 + 212)
    assert needed_tokens(config.dilations, slice(64, 960), 1024)[:2] == [slice(0, 1024)] * 2
    with torch.device("meta"):
        front = Basenji2(config).front
    assert front == Front(128, 259)
    changed = affected_tokens(front, 1024, 65_535, 65_536)
    needed = needed_tokens(config.dilations, slice(64, 960), 1024)
    assert changed_tokens(config.dilations, changed, needed)[-1] == slice(changed.start - 212, changed.stop + 212)


def test_tokens_by_hand() -> None:
    assert needed_tokens((1, 3), slice(4, 6), 8) == [slice(0, 8), slice(1, 8), slice(4, 6)]
    needed = needed_tokens((1, 3), slice(4, 6), 20)
    assert needed == [slice(0, 10), slice(1, 9), slice(4, 6)]
    assert changed_tokens((1, 3), slice(5, 6), needed) == [slice(5, 6), slice(4, 7), slice(4, 6)]
    assert changed_tokens((1, 3), slice(0, 1), needed) == [slice(0, 1), slice(1, 2), slice(4, 5)]
    far = changed_tokens((1, 3), slice(15, 17), needed)
    assert [one.stop - one.start for one in far] == [0, 0, 0]


def test_what_is_wanted_decides_what_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a few bins the trunk's reference is computed where these can see."""
    network, lengths = network_of(4, (1, 3)), []
    convolve = torch.nn.functional.conv1d

    def counted(x: torch.Tensor, *words: object, **more: object) -> torch.Tensor:
        lengths.append(x.shape[2])
        return convolve(x, *words, **more)

    with torch.inference_mode():
        engine = engine_of(network, slice(30, 32))
        convolved = engine._convolve(BATCH)
        monkeypatch.setattr(torch.nn.functional, "conv1d", counted)
        engine._carry(*convolved, BATCH)
    assert max(lengths) <= 2 + 2 * (1 + 3)


@pytest.mark.parametrize("dilations", DILATIONS)
def test_first_order_changes_are_directional_derivatives(dilations: tuple[int, ...]) -> None:
    network, step, bins = network_of(3, dilations), 1e-5, slice(7, 40)
    linearised = AdjointEngine(network, "human", None, bins).linearise(BATCH, [sums])[0]
    ahead, behind = (delta_sums(scaled(DeltaEngine, network, size, bins), BATCH) for size in (step, -step))
    torch.testing.assert_close(linearised.changes, (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-12)
    predicted = PairEngine(network, "human", None, bins).predict_windows(BATCH.reference)
    torch.testing.assert_close(linearised.values, sums(predicted[0]))


def test_first_order_serves_any_number_of_alternates_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adjoint, "CHANGES_AT_ONCE", 2)
    network, contig = grid_network(3), GridContig(1, 2000)
    batch = contig.batch(network, [(640, 650 + 60 * number, 1, [number % 4]) for number in range(7)])
    linear = AdjointEngine(network, "human", None, slice(0, 20))
    got, expected = (linear.linearise(one, [sums])[0] for one in (batch, replace(batch, sites=None)))
    assert got.changes.shape == (7, 2)
    torch.testing.assert_close(got.changes, expected.changes, rtol=1e-9, atol=1e-13)
    assert expected.changes.abs().max() > 1e-6


def test_first_order_tends_to_delta_as_the_change_shrinks() -> None:
    network, errors = network_of(4), []
    for size in (1e-1, 1e-2, 1e-3):
        screened = scaled(AdjointEngine, network, size)
        assert isinstance(screened, AdjointEngine)
        first_order = screened.linearise(BATCH, [sums])[0].changes
        exact = delta_sums(scaled(DeltaEngine, network, size), BATCH)
        errors.append(((first_order - exact).norm() / exact.norm()).item())
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_exact_effects_of_the_adjoint_engine_are_those_of_delta_to_the_bit() -> None:
    network = small_basenji2(5)
    delta: Effect = engine_of(network).predict(BATCH)
    assert torch.equal(AdjointEngine(network, "human", None, BINS).predict(BATCH).delta, delta.delta)


def test_the_maximum_moves_in_what_the_others_test() -> None:
    """Else pooling would be linear, and its difference not tested."""
    network, moved = network_of(3), 0
    x, y = (one_hot(codes, torch.float64).transpose(1, 2) for codes in (BATCH.reference, BATCH.alternate[:1]))
    for stage in network.stages:
        x, y = stage(x), stage(y)
        lefts = [one[:, :, 0::2] > one[:, :, 1::2] for one in (x, y)]
        moved += int((lefts[0] != lefts[1]).sum())
        x, y = (torch.nn.functional.max_pool1d(one, 2) for one in (x, y))
    assert moved > 10
