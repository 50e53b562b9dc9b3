"""Tokens that are computed once per contig, against windows that are convolved in full, in float64."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.effects import adjoint, tokens, tower
from enformer_vep.effects.effect import Effect, EffectBatch, Portions, make_batch
from enformer_vep.effects.network import Front, one_hot
from enformer_vep.effects.pair import PairEngine
from enformer_vep.effects.sites import Place, make_sites
from enformer_vep.effects.tokens import TokenBuffer, bases_beside, chunk_tokens
from enformer_vep.genome.encoding import UNKNOWN, Codes
from enformer_vep.genome.windows import AllelePair
from enformer_vep.models.enformer.config import EnformerConfig
from enformer_vep.models.enformer.delta.engine import AdjointEngine, DeltaEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Precision
from tests.builders import randomise

WINDOW, WIDTH, BINS = 512, 16, slice(0, 20)
TOLERANCE = 1e-12


def network_of(seed: int, layers: int = 1, window: int = WINDOW) -> Enformer:
    config = EnformerConfig(
        channels=12,
        transformer_layers=layers,
        attention_heads=2,
        key_size=4,
        pooling_stages=4,
        channel_multiple=2,
        target_length=min(20, window // WIDTH),
        window=window,
        output_tracks={"human": 3},
    )
    network = Enformer(config).eval().requires_grad_(False).double()
    randomise(network, seed)
    return network


class Contig:
    """Random bases with a gap; N before the beginning and past the end."""

    def __init__(self, seed: int, length: int, gap: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.codes = generator.integers(0, 4, length).astype(np.uint8)
        begin = int(generator.integers(0, length))
        self.codes[begin : begin + gap] = UNKNOWN

    def fetch(self, start: int, end: int) -> Codes:
        result = np.full(end - start, UNKNOWN, dtype=np.uint8)
        first, last = max(start, 0), min(end, len(self.codes))
        if first < last:
            result[first - start : last - start] = self.codes[first:last]
        return result

    def pair(self, window: int, position: int, removed: int, inserted: Sequence[int]) -> AllelePair:
        """An allele at `position` of the contig in the window that begins at `window`; the left flank stays."""
        edit = position - window
        right = self.fetch(position + removed, position + removed + WINDOW)
        alternate = np.concatenate([self.fetch(window, position), np.array(inserted, dtype=np.uint8), right])[:WINDOW]
        return AllelePair(self.fetch(window, window + WINDOW), alternate, edit, removed, len(inserted))

    def batch(self, network: Enformer, edits: Sequence[tuple[int, int, int, Sequence[int]]]) -> EffectBatch:
        """Alleles as for `pair`."""
        pairs = [self.pair(*edit) for edit in edits]
        places = [Place("chr1", window) for window, *_ in edits]
        beside = bases_beside(network.front, WINDOW)
        distinct = list(dict.fromkeys(places))
        codes = [self.fetch(one.start - beside, one.start + WINDOW + beside) for one in distinct]
        return make_batch(pairs, make_sites(pairs, places, codes, beside))


@st.composite
def edits_in_order(draw: st.DrawFn) -> list[tuple[int, int, int, Sequence[int]]]:
    """Up to five alleles in windows that ascend in steps of tokens, before, on and past a contig of about 1,000 bp."""
    windows = sorted(draw(st.lists(st.integers(-35, 70), min_size=1, max_size=5)))
    phase = draw(st.sampled_from([0, 0, 5]))
    made = []
    for window in windows:
        start = window * WIDTH + phase
        inserted = draw(st.lists(st.integers(0, 3), min_size=0, max_size=40))
        # As long as REF, or an indel.
        removed = draw(st.sampled_from([len(inserted), max(len(inserted), 1), draw(st.integers(0, 40))]))
        made.append((start, start + draw(st.integers(0, WINDOW - 1)), removed, inserted))
    return made


def engine_of(network: Enformer, portions: Portions = Portions()) -> DeltaEngine:  # noqa: B008 (frozen)
    return DeltaEngine(network, "human", None, slice(0, network.config.target_length), portions=portions)


def assert_equal_to_rounding(got: Effect, expected: Effect) -> None:
    scale = expected.reference.abs().max()
    assert (got.reference - expected.reference).abs().max() <= TOLERANCE * scale
    assert (got.delta - expected.delta).abs().max() <= TOLERANCE * scale


@settings(max_examples=20, deadline=None)
@given(edits_in_order(), st.integers(0, 10_000), st.booleans(), st.sampled_from([Portions(), Portions(3, 2)]))
def test_the_grid_gives_what_full_windows_give(
    edits: list[tuple[int, int, int, Sequence[int]]], seed: int, reverse: bool, portions: Portions
) -> None:
    network = network_of(seed % 7)
    batch = Contig(seed, 1000, gap=seed % 100).batch(network, edits)
    batch = batch.reverse_complement() if reverse else batch
    got = engine_of(network, portions).predict(batch)
    assert_equal_to_rounding(got, engine_of(network).predict(replace(batch, sites=None)))
    pair = PairEngine(network, "human", None, BINS).predict(batch)
    assert (got.delta - pair.delta).abs().max() <= 1e-10 * pair.reference.abs().max()


@pytest.mark.parametrize("width", [1, 64, 65, 300])
@pytest.mark.parametrize("position", [0, 1, 255, 256, 400, 448])
def test_wide_local_edits(width: int, position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the limit of what counts as local is drawn."""
    monkeypatch.setattr(tower, "WIDEST_LOCAL_EDIT", 300)
    network, contig, width = network_of(3), Contig(1, 2000), min(width, WINDOW - position)
    other = (contig.fetch(640 + position, 640 + position + width) + 1) % 4
    batch = contig.batch(network, [(640, 640 + position, width, other.tolist())])
    got = engine_of(network).predict(batch)
    assert_equal_to_rounding(got, PairEngine(network, "human", None, BINS).predict(batch))
    assert got.delta.abs().max() > 0


@pytest.mark.parametrize("layers", [0, 1])
def test_first_order_serves_any_number_of_alternates(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The changes of a window's alternates are computed a few at a time; gradients once."""
    monkeypatch.setattr(adjoint, "CHANGES_AT_ONCE", 2)
    network, contig = network_of(3, layers), Contig(1, 2000)
    edits = [(640, 650 + 60 * number, 1, [number % 4]) for number in range(7)]
    batch = contig.batch(network, edits)
    linear = AdjointEngine(network, "human", None, BINS)
    outputs = [lambda prediction: prediction[2:, :2].sum(0)]
    got, expected = (linear.linearise(one, outputs)[0] for one in (batch, replace(batch, sites=None)))
    assert got.changes.shape == (7, 2)
    torch.testing.assert_close(got.changes, expected.changes, rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(got.values, expected.values, rtol=1e-12, atol=0)
    assert expected.changes.abs().max() > 1e-6


def test_an_allele_that_changes_nothing() -> None:
    network, contig = network_of(3), Contig(1, 2000)
    batch = contig.batch(network, [(640, 700, 1, contig.fetch(700, 701).tolist())])
    assert engine_of(network).predict(batch).delta.abs().max() == 0
    assert engine_of(network).predict(batch.reverse_complement()).delta.abs().max() == 0


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(-40, 90), max_size=8), st.lists(st.sampled_from([0, 3, 8]), max_size=8))
def test_bytes_do_not_depend_on_what_was_asked_before(windows: list[int], phases: list[int]) -> None:
    network, contig = network_of(4).float(), Contig(2, 1200)
    warm = engine_of(network)
    wanted = [contig.batch(network, [(320 + phase, 500, 1, [3])]) for phase in (0, 3)]
    wanted += [batch.reverse_complement() for batch in wanted]
    expected = [engine_of(network).predict(batch) for batch in wanted]
    for window, phase in zip(windows, phases, strict=False):
        warm.predict(contig.batch(network, [(window * WIDTH + phase, window * WIDTH + phase + 200, 1, [1])]))
    for batch, effect in zip(wanted, expected, strict=True):
        got = warm.predict(batch)
        assert torch.equal(got.reference, effect.reference)
        assert torch.equal(got.delta, effect.delta)


def test_an_alternate_does_not_depend_on_its_neighbours() -> None:
    network, contig = network_of(4).float(), Contig(2, 1200)
    edits = [(320, 500 + step, 1, [(int(contig.codes[500 + step]) + 1) % 4]) for step in (0, 1, 2, 40, 41)]
    together = engine_of(network).predict(contig.batch(network, edits))
    for row, edit in enumerate(edits):
        alone = engine_of(network).predict(contig.batch(network, [edit]))
        assert torch.equal(alone.delta[0], together.delta[row])


class Convolving:
    """Counts what it convolves."""

    def __init__(self, network: Enformer) -> None:
        self.network, self.bases = network, 0

    def __call__(self, codes: torch.Tensor) -> torch.Tensor:
        self.bases += codes.numel()
        return self.network.convolve(one_hot(codes, torch.float64))


def test_every_base_is_convolved_once_as_windows_go_by() -> None:
    network, contig = network_of(5), Contig(3, 20_000)
    buffer, counted = TokenBuffer(network.front, WINDOW), Convolving(network)
    ends = 4 * network.front.edge * WIDTH
    starts = range(0, 10_000, 7 * WIDTH)
    for start in starts:
        sites = contig.batch(network, [(start, start + 250, 1, [0])]).sites
        assert sites is not None
        buffer.cut(sites, 0, counted)
    margins = (chunk_tokens(network.front, WINDOW) + 2 * network.front.edge) / chunk_tokens(network.front, WINDOW)
    assert counted.bases - len(starts) * ends <= margins * (starts[-1] + 2 * WINDOW)
    assert sum(len(track) for track in buffer._tracks.values()) <= buffer._capacity


def test_a_window_that_comes_back_late_is_computed_again() -> None:
    network, contig = network_of(5), Contig(3, 20_000)
    buffer, counted = TokenBuffer(network.front, WINDOW), Convolving(network)
    cuts = []
    for start in (0, 8000, 16_000, 0):
        sites = contig.batch(network, [(start, start + 250, 1, [0])]).sites
        assert sites is not None
        before = counted.bases
        cuts.append(buffer.cut(sites, 0, counted))
        assert counted.bases - before > WINDOW
    assert torch.equal(cuts[0], cuts[3])


def test_windows_of_any_phase_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of saturated stretches lie on no grid; those asked for last are kept."""
    monkeypatch.setattr(tokens, "TRACKS_KEPT", 4)
    network, contig = network_of(5), Contig(3, 2000)
    buffer, counted = TokenBuffer(network.front, WINDOW), Convolving(network)

    def cut(start: int) -> int:
        sites, before = contig.batch(network, [(start, start + 250, 1, [0])]).sites, counted.bases
        assert sites is not None
        for one in (sites, sites.reverse_complement()):
            buffer.cut(one, 0, counted)
        return counted.bases - before

    first = cut(600)
    ends = cut(600)
    assert ends < first - 2 * WINDOW
    for start in range(601, 600 + WIDTH):
        assert cut(start) > ends
        assert len(buffer._tracks) <= 4
    assert cut(start) == cut(start - 1) == ends
    assert cut(600) == first


def test_kinds_and_strands_are_kept_apart() -> None:
    """In a window around the contig's first base, positions are the same on both strands."""
    network, contig = network_of(5), Contig(3, 2000)
    sites = contig.batch(network, [(-WINDOW // 2, 100, 1, [0])]).sites
    assert sites is not None
    reverse = sites.reverse_complement()
    assert sites.places[0].start == reverse.places[0].start
    buffer, plain = TokenBuffer(network.front, WINDOW), Convolving(network)
    forward = buffer.cut(sites, "plain", plain)
    doubled = buffer.cut(sites, "doubled", lambda codes: 2 * plain(codes))
    torch.testing.assert_close(doubled, 2 * forward, rtol=0, atol=0)
    for one in (sites, reverse):
        codes = torch.from_numpy(one.codes[:, one.beside : one.beside + WINDOW])
        expected = network.convolve(one_hot(codes, torch.float64))
        torch.testing.assert_close(buffer.cut(one, "plain", plain), expected, rtol=TOLERANCE, atol=1e-13)


def test_windows_shorter_than_their_edges() -> None:
    network = network_of(5, window=160)
    front = network.front
    beside = bases_beside(front, 160)
    contig = Contig(4, 1000)
    pair = AllelePair(contig.fetch(320, 480), contig.fetch(320, 480), 80, 1, 1)
    sites = make_sites([pair], [Place("chr1", 320)], [contig.fetch(320 - beside, 480 + beside)], beside)
    got = TokenBuffer(front, 160).cut(sites, 0, Convolving(network))
    expected = network.convolve(one_hot(torch.from_numpy(pair.reference[None]), torch.float64))
    torch.testing.assert_close(got, expected, rtol=TOLERANCE, atol=1e-14)


@pytest.mark.parametrize("stages", [2, 4, 7])
def test_what_the_network_declares(stages: int) -> None:
    config = EnformerConfig(
        channels=12, attention_heads=2, pooling_stages=stages, channel_multiple=2, target_length=8, window=2048
    )
    assert Enformer(config).front == Front(2**stages, 7 + 2 * (2**stages - 2))


def test_edges_of_the_full_model() -> None:
    assert Front(128, 259).edge == 3
    assert Front(128, 256).edge == 2
    assert Front(128, 257).edge == 3


def test_the_padding_reaches_just_the_edge() -> None:
    """No fewer tokens at the ends of a window differ from those of the contig, and no more."""
    network, contig = network_of(6), Contig(5, 3000)
    edge = network.front.edge
    whole = network.convolve(one_hot(torch.from_numpy(contig.codes[None, :2560]), torch.float64))[0, 32:64]
    window = network.convolve(one_hot(torch.from_numpy(contig.codes[None, 512:1024]), torch.float64))[0]
    differs = ((whole - window).abs().amax(1) > 1e-12).nonzero()[:, 0].tolist()
    assert differs == [*range(edge), *range(32 - edge, 32)]


@pytest.mark.slow
def test_the_convolutions_ask_the_device_for_nothing() -> None:
    """On torch's device without values, whatever would have to wait for one is an error."""
    network, contig = network_of(6), Contig(5, 3000)
    batch = contig.batch(
        network, [(512, 700, 1, [0]), (512, 720, 3, [0, 1, 2]), (528, 800, 1, []), (528, 1039, 1, [2])]
    )
    without_values = engine_of(network.to("meta"), Portions(4, 2))
    for strand in (batch, batch.reverse_complement()):
        with torch.inference_mode():
            tokens, change = without_values._convolve(strand.to(torch.device("meta")))
        assert (tokens.shape, change.shape) == ((2, 32, 12), (4, 32, 12))


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.BFLOAT16, Precision.MIXED])
def test_lower_precisions(precision: Precision) -> None:
    """As far from float64 as without the grid; of an indel's window the tokens are float32 ones."""
    network, contig = network_of(7), Contig(6, 2000)
    exact = contig.batch(network, [(512, 700, 1, [0]), (512, 720, 3, [0, 1, 2]), (528, 800, 1, [])])
    expected = engine_of(network).predict(exact).delta
    plain, grid = (
        DeltaEngine(network.float(), "human", None, BINS, precision).predict(batch).delta
        for batch in (replace(exact, sites=None), exact)
    )
    for row in range(3):
        errors = [(one[row] - expected[row]).norm() for one in (plain, grid)]
        assert errors[1] <= 3 * errors[0] + 1e-6 * expected[row].norm()
    assert torch.allclose(grid[2], expected[2].float(), rtol=1e-3, atol=1e-5)
