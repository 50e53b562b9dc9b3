"""The delta engine against the pair engine in float64: random small models, random variants."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.effects import chunks, differences
from enformer_vep.effects.differences import LARGEST_GAIN
from enformer_vep.effects.edits import affected_tokens, find_edits
from enformer_vep.effects.effect import Effect, EffectBatch, Portions
from enformer_vep.effects.network import one_hot
from enformer_vep.effects.pair import PairEngine
from enformer_vep.effects.products import Products
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta import attention_change, reference
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Precision
from tests.builders import randomise

WINDOW = 1024


def small_network(seed: int, layers: int = 2, stages: int = 4) -> Enformer:
    config = EnformerConfig(
        channels=12,
        transformer_layers=layers,
        attention_heads=2,
        key_size=4,
        pooling_stages=stages,
        channel_multiple=2,
        target_length=WINDOW // 2**stages - 12,
        window=WINDOW,
        output_tracks={"human": 3},
    )
    network = Enformer(config).eval().requires_grad_(False)
    randomise(network, seed)
    return network


@st.composite
def alternates(draw: st.DrawFn, reference: torch.Tensor) -> torch.Tensor:
    """A substitution, insertion, deletion or both, anywhere; the right flank comes from outside the window."""
    start = draw(st.integers(0, WINDOW - 1))
    removed = draw(st.integers(0, 12))
    inserted = draw(st.lists(st.integers(0, 4), max_size=12))
    flank = torch.tensor(draw(st.lists(st.integers(0, 4), min_size=12, max_size=12)), dtype=torch.uint8)
    pieces = [
        reference[:start],
        torch.tensor(inserted, dtype=torch.uint8),
        reference[start + removed :],
        flank,
    ]
    return torch.cat(pieces)[:WINDOW]


@st.composite
def batches(draw: st.DrawFn) -> EffectBatch:
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    references = torch.randint(0, 4, (draw(st.integers(1, 2)), WINDOW), generator=generator, dtype=torch.uint8)
    gap = draw(st.integers(0, WINDOW - 100))
    references[:, gap : gap + draw(st.integers(0, 100))] = 4
    owners = sorted(draw(st.lists(st.integers(0, len(references) - 1), min_size=1, max_size=5)))
    rows = [draw(alternates(references[owner])) for owner in owners]
    return EffectBatch(references, torch.stack(rows), torch.tensor(owners))


def compare(network: Enformer, batch: EffectBatch, bins: slice, tolerance: float) -> None:
    pair = PairEngine(network, "human", None, bins).predict(batch)
    delta = DeltaEngine(network, "human", None, bins).predict(batch)
    assert (pair.reference - delta.reference).abs().max() <= tolerance * pair.reference.abs().max()
    assert (pair.delta - delta.delta).abs().max() <= tolerance * pair.reference.abs().max()


@settings(max_examples=60, deadline=None)
@given(batches(), st.integers(0, 10_000), st.integers(0, 2), st.booleans())
def test_delta_is_alternate_minus_reference(batch: EffectBatch, seed: int, layers: int, reverse: bool) -> None:
    network = small_network(seed, layers).double()
    compare(network, batch.reverse_complement() if reverse else batch, slice(0, 52), 1e-10)


@settings(max_examples=15, deadline=None)
@given(batches(), st.integers(0, 50), st.integers(1, 3))
def test_chosen_bins(batch: EffectBatch, start: int, count: int) -> None:
    compare(small_network(1).double(), batch, slice(start, min(start + count, 52)), 1e-10)


@settings(max_examples=15, deadline=None)
@given(batches(), st.sampled_from([1, 7, 20, 63]), st.integers(0, 30), st.sampled_from([0.0, LARGEST_GAIN]))
def test_a_few_queries_at_a_time(batch: EffectBatch, step: int, first_bin: int, gain: float) -> None:
    """As on a CPU at full size; also where rows of attention maps are subtracted, as those of large gains are."""
    with patch.object(attention_change, "QUERIES_AT_ONCE", step), patch.object(differences, "LARGEST_GAIN", gain):
        compare(small_network(5).double(), batch, slice(first_bin, 52), 1e-10)


@pytest.mark.parametrize("gain", [LARGEST_GAIN, 1e-6])
def test_a_gpu_is_asked_once_whether_any_attention_needs_another_form(gain: float) -> None:
    """And then computes again as a CPU does at once: the same bits, with and without large gains."""
    batch, network = substitutions(6), small_network(2)
    with patch.object(differences, "LARGEST_GAIN", gain):
        expected = DeltaEngine(network, "human", None, slice(0, 52)).predict(batch)
        with (
            patch.object(DeltaEngine, "_defers", True),
            patch.object(DeltaEngine, "_propagate", autospec=True, side_effect=DeltaEngine._propagate) as propagate,
        ):
            got = DeltaEngine(network, "human", None, slice(0, 52)).predict(batch)
    assert propagate.call_count == (1 if gain == LARGEST_GAIN else 2)
    assert torch.equal(got.delta, expected.delta)


def test_each_alternate_by_itself_gives_what_the_batch_gives() -> None:
    batch, network = substitutions(6), small_network(2).double()
    together = DeltaEngine(network, "human", None, slice(0, 52)).predict(batch)
    for row in range(6):
        single = EffectBatch(batch.reference, batch.alternate[row : row + 1], batch.owner[row : row + 1])
        alone = DeltaEngine(network, "human", None, slice(0, 52)).predict(single)
        torch.testing.assert_close(alone.delta[0], together.delta[row], rtol=1e-10, atol=1e-15)


def substitutions(count: int) -> EffectBatch:
    generator = torch.Generator().manual_seed(3)
    reference = torch.randint(0, 4, (1, WINDOW), generator=generator, dtype=torch.uint8)
    alternate = reference.repeat(count, 1)
    for row in range(count):
        position = 11 + row * 173
        alternate[row, position] = (alternate[row, position] + 1 + row % 3) % 4
    return EffectBatch(reference, alternate, torch.zeros(count, dtype=torch.int64))


def sad(effect: Effect) -> torch.Tensor:
    return effect.delta.double().sum(1)


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [(Precision.FLOAT32, 1e-5), (Precision.FLOAT16, 2e-2), (Precision.BFLOAT16, 2e-1)],
)
def test_precisions_keep_small_effects(precision: Precision, tolerance: float) -> None:
    batch, network = substitutions(6), small_network(5)
    with torch.no_grad():
        network.blocks[0].attention.value.weight.mul_(1e-3)
        network.final.conv.weight.mul_(1e-2)
    got = sad(DeltaEngine(network, "human", None, slice(0, 52), precision).predict(batch))
    expected = sad(PairEngine(network.double(), "human", None, slice(0, 52)).predict(batch))
    assert ((got - expected).norm() / expected.norm()).item() < tolerance


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("precision", [Precision.MIXED, Precision.FLOAT16, Precision.BFLOAT16, Precision.TF32])
def test_as_on_a_gpu_with_several_windows(layers: int, precision: Precision) -> None:
    """Types of a GPU, all queries at once, portions of several windows, an odd number of bins and alternates."""
    network, one = small_network(5, layers), substitutions(5)
    reference = torch.cat([one.reference, one.reference.flip(1), one.reference.roll(300, 1)])
    alternate = torch.cat([one.alternate[:2], one.alternate[2:3].flip(1), one.alternate[3:].roll(300, 1)])
    batch = EffectBatch(reference, alternate, torch.tensor([0, 0, 1, 2, 2]))
    bins, tolerance = slice(3, 50), 2e-1 if precision is Precision.BFLOAT16 else 3e-2
    for strand in (batch, batch.reverse_complement()):
        with (
            patch.object(DeltaEngine, "_defers", True),
            patch.object(DeltaEngine, "products", Products.of(precision, torch.device("cuda"))),
            patch.object(attention_change, "QUERIES_AT_ONCE", 1000),
        ):
            got = DeltaEngine(network, "human", None, bins, precision, Portions(2, 3)).predict(strand)
        expected = PairEngine(small_network(5, layers).double(), "human", None, bins).predict(strand)
        assert got.delta.shape == expected.delta.shape == (5, 47, 3)
        for found, true in zip(got.delta, expected.delta, strict=True):
            assert (found - true).norm() <= tolerance * true.norm()


def test_edits_by_hand() -> None:
    reference = torch.tensor([[0, 1, 2, 3, 0, 1]], dtype=torch.uint8)
    alternate = torch.tensor([[0, 1, 2, 3, 0, 1], [0, 2, 2, 3, 0, 1], [0, 1, 0, 3, 1, 1], [1, 1, 2, 3, 0, 2]])
    edits = find_edits(EffectBatch(reference, alternate.to(torch.uint8), torch.zeros(4, dtype=torch.int64)))
    assert edits.start.tolist() == [0, 1, 2, 0]
    assert edits.end.tolist() == [0, 2, 5, 6]


def test_reach_of_the_full_model() -> None:
    with torch.device("meta"):
        front = Enformer(EnformerConfig()).front
    assert front.reach == 259
    assert affected_tokens(front, 1536, 98_303, 98_304) == slice(765, 771)


def test_the_reach_is_the_networks_own() -> None:
    """Convolving one changed base changes tokens within the stated reach and none beyond."""
    network = small_network(6, layers=0).double()
    batch = substitutions(1)
    before, after = (network.convolve(one_hot(codes, torch.float64)) for codes in (batch.reference, batch.alternate))
    changed = (before != after).any(dim=2)[0].nonzero()[:, 0]
    affected = affected_tokens(network.front, network.config.tokens, 11, 12)
    assert changed.min() >= affected.start
    assert changed.max() < affected.stop


@pytest.mark.parametrize("chunk", [16, 48, 256, 4096])
def test_convolutions_in_chunks_are_the_modules(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    network = small_network(8).double()
    x = one_hot(substitutions(1).alternate, torch.float64).transpose(1, 2)
    for stage in network.stages:
        torch.testing.assert_close(reference.convolve_stage(stage, x), stage(x), rtol=1e-12, atol=1e-13)
        x = stage(x)


def test_convolutions_at_once_are_the_modules() -> None:
    """What a GPU runs, alone and in 16-bit arithmetic."""
    network = small_network(8).double()
    x = one_hot(substitutions(2).alternate, torch.float64).transpose(1, 2)
    for stage in network.stages:
        torch.testing.assert_close(reference.convolve_whole(stage, x), stage(x), rtol=1e-12, atol=1e-13)
        x = stage(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bit_convolutions_are_no_worse_than_the_modules(dtype: torch.dtype) -> None:
    network = small_network(8)
    x = one_hot(substitutions(2).alternate).transpose(1, 2)
    ours = theirs = x
    with torch.inference_mode():
        for stage in network.stages:
            x = stage(x)
        with torch.autocast("cpu", dtype=dtype):
            for stage in network.stages:
                ours, theirs = reference.convolve_stage(stage, ours), stage(theirs)
    assert ours.dtype is dtype
    ours_error, their_error = ((half.float() - x).norm() / x.norm() for half in (ours, theirs))
    assert ours_error <= 1.2 * their_error
    assert ours_error < 20 * torch.finfo(dtype).eps


def indels_among_substitutions() -> EffectBatch:
    plain = substitutions(4)
    deleted = torch.cat([plain.reference[0, :300], plain.reference[0, 301:], plain.reference[0, :1]])
    inserted = torch.cat([plain.reference[0, :700], plain.reference[0, :3], plain.reference[0, 700:-3]])
    rows = [plain.alternate[0], deleted, plain.alternate[1], plain.alternate[2], inserted, plain.alternate[3]]
    return EffectBatch(plain.reference, torch.stack(rows), torch.zeros(6, dtype=torch.int64))


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.BFLOAT16, Precision.MIXED])
def test_indels_are_computed_in_float32_and_substitutions_as_asked_for(precision: Precision) -> None:
    batch, network = indels_among_substitutions(), small_network(7)

    def predict(precision: Precision) -> Effect:
        return DeltaEngine(network, "human", None, slice(0, 52), precision).predict(batch)

    got, careful = predict(precision), predict(Precision.FLOAT32)
    for row in (1, 4):
        assert torch.equal(got.delta[row], careful.delta[row])
        assert torch.equal(got.reference[row], careful.reference[row])
    alone = batch.select(torch.tensor([0, 2, 3, 5]))
    only = DeltaEngine(network, "human", None, slice(0, 52), precision).predict(alone)
    assert torch.equal(got.delta[[0, 2, 3, 5]], only.delta)
    assert not torch.equal(got.delta[0], careful.delta[0])
