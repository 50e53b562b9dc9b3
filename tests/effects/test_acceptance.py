"""What the effect engines promise, from genome and variant on: random small models, contigs and variants."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enformer_vep.effects.edits import find_edits
from enformer_vep.effects.effect import Effect, EffectBatch, EffectEngine, Portions, make_batch
from enformer_vep.effects.network import one_hot
from enformer_vep.effects.pair import PairEngine
from enformer_vep.effects.predictor import Predictor
from enformer_vep.genome.compensation import compensated, is_compensated
from enformer_vep.genome.normalisation import locate, normalise
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import AllelePair, allele_pair, right_anchored, window_start
from enformer_vep.models.enformer.delta.engine import DeltaEngine
from enformer_vep.models.enformer.network import Enformer
from enformer_vep.settings import Precision
from tests.effects.test_delta import WINDOW, small_network

BINS = slice(0, 52)
CONTIG = 1500
"""Little longer than a window: most windows reach past one end of it, or both."""


def averaged(engine: EffectEngine, batches: Sequence[EffectBatch], both_strands: bool) -> Effect:
    views = (slice(None),) * len(batches)
    return Predictor(engine, torch.device("cpu"), views, both_strands).effect(batches)


@dataclass(frozen=True)
class Contig:
    """A genome of one contig; N past its ends."""

    letters: str

    def fetch(self, contig: str, start: int, end: int) -> bytes:
        inside = self.letters[max(start, 0) : max(end, 0)]
        left = "N" * min(max(-start, 0), end - start)
        return (left + inside).ljust(end - start, "N").encode()


@functools.cache
def network_of(seed: int, layers: int, sharpness: float = 1.0) -> Enformer:
    """Random weights; with sharp attention, a changed base moves all weight from one token to another."""
    network = small_network(seed, layers).double()
    for block in network.transformer_blocks:
        block.attention.query.weight.mul_(sharpness)
    return network


@st.composite
def genomes(draw: st.DrawFn) -> Contig:
    """Random sequence with a run of N in it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    letters = rng.choice(list("ACGT"), CONTIG)
    gap = draw(st.integers(0, CONTIG))
    letters[gap : gap + draw(st.integers(0, 300))] = "N"
    return Contig("".join(letters))


def positions(genome: Contig) -> st.SearchStrategy[int]:
    """Anywhere, but often at the contig's ends and beside its N; 1-based."""
    gap, end = genome.letters.find("N") + 1, len(genome.letters)
    special = [1, 2, end - 1, end] + [at for at in (gap - 1, gap, gap + 1) if 1 <= at <= end]
    return st.sampled_from(special) | st.integers(1, end)


@st.composite
def variants(draw: st.DrawFn, genome: Contig, kind: str) -> Variant:
    position = draw(positions(genome))
    longest = min(8, len(genome.letters) - position + 1)
    length = draw(st.integers(1, longest)) if kind in ("mnv", "deletion", "delins") else 1
    reference = genome.letters[position - 1 : position - 1 + length]
    letters = st.sampled_from("ACGTN")
    if kind == "insertion":
        alternate = reference + "".join(draw(st.lists(letters, min_size=1, max_size=8)))
    elif kind == "deletion":
        alternate = reference[:1]
    else:
        size = 8 if kind == "delins" else length
        alternate = "".join(draw(st.lists(letters, min_size=1 if kind == "delins" else size, max_size=size)))
    return Variant("chr1", position, kind, reference, alternate)


KINDS = ("snv", "mnv", "insertion", "deletion", "delins")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Contig, list[Variant]]:
    genome = draw(genomes())
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    return genome, [draw(variants(genome, kind)) for kind in kinds]


def batch_of(genome: Contig, alleles: list[Variant], shift: int = 0) -> EffectBatch:
    return make_batch([pair for one in alleles for pair in pairs_of(genome, one, shift)])


def pairs_of(genome: Contig, written: Variant, shift: int) -> list[AllelePair]:
    """As the record has it; of an indel also with its right edge kept, and with both flanks in place (two ways)."""
    plain, variant = allele_pair(genome, written, "chr1", WINDOW, shift), normalise(written, genome, "chr1")
    site = locate(variant, genome, "chr1")
    if plain.reference_length == plain.alternate_length:
        return [plain]
    stitched = [plain, right_anchored(plain, genome, written, "chr1", shift)]
    if not is_compensated(site):
        return stitched
    start = window_start(variant.start, WINDOW, shift)
    pair = allele_pair(genome, variant, "chr1", WINDOW, shift)
    return [*stitched, *compensated(pair, start, genome, site, "chr1")]


def in_batches(engine: EffectEngine, batch: list[EffectBatch], both_strands: bool) -> Effect:
    effects = [averaged(engine, [one], both_strands) for one in batch]
    return Effect(torch.cat([one.reference for one in effects]), torch.cat([one.delta for one in effects]))


def assert_equal_to_rounding(one: Effect, other: Effect) -> None:
    scale = other.reference.abs().max()
    assert (one.reference - other.reference).abs().max() <= 1e-10 * scale
    assert (one.delta - other.delta).abs().max() <= 1e-10 * scale


@settings(max_examples=40, deadline=None)
@given(
    cases(),
    st.integers(0, 20),
    st.integers(0, 2),
    st.sampled_from([1.0, 100.0, 10_000.0]),
    st.booleans(),
    st.integers(1, 5),
    st.builds(Portions, st.integers(1, 3), st.integers(1, 3)),
)
def test_delta_is_alternate_minus_reference_of_any_variant(
    case: tuple[Contig, list[Variant]],
    seed: int,
    layers: int,
    sharpness: float,
    both_strands: bool,
    batch_size: int,
    portions: Portions,
) -> None:
    """One plain batch of the pair engine against any batches and portions of the delta engine."""
    genome, alleles = case
    network = network_of(seed, layers, sharpness)
    parts = [alleles[at : at + batch_size] for at in range(0, len(alleles), batch_size)]
    delta = DeltaEngine(network, "human", None, BINS, portions=portions)
    pair = PairEngine(network, "human", None, BINS)
    assert_equal_to_rounding(
        in_batches(delta, [batch_of(genome, part) for part in parts], both_strands),
        in_batches(pair, [batch_of(genome, alleles)], both_strands),
    )


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(0, 20), st.booleans())
def test_incremental_convolutions_are_the_full_ones(
    case: tuple[Contig, list[Variant]], seed: int, reverse: bool
) -> None:
    """Tokens of the reference plus their change, computed only where there is one, against a full pass."""
    network, batch = network_of(seed, 0), batch_of(*case)
    batch = batch.reverse_complement() if reverse else batch
    with torch.inference_mode():
        tokens, change = DeltaEngine(network, "human", None, BINS)._convolve(batch)
        reference = network.convolve(one_hot(batch.reference, torch.float64))
        alternate = network.convolve(one_hot(batch.alternate, torch.float64))
    scale = alternate.abs().max()
    assert (tokens - reference).abs().max() <= 1e-10 * scale
    assert (tokens[batch.owner] + change - alternate).abs().max() <= 1e-10 * scale


@settings(max_examples=25, deadline=None)
@given(st.data(), genomes(), st.integers(0, 20), st.sampled_from([1, 40, 300]))
def test_a_shared_window_changes_nothing_but_the_window(
    data: st.DataObject, genome: Contig, seed: int, within: int
) -> None:
    """Alleles of one window in one batch, against the pair engine in the same window one at a time."""
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=5))
    drawn = [data.draw(variants(genome, kind)) for kind in kinds]
    middle = drawn[0].position
    near = [one for one in drawn if abs(one.position - middle) <= within]
    pairs = [allele_pair(genome, one, "chr1", WINDOW, middle - one.position) for one in near]
    together, alone = make_batch(pairs), [make_batch([pair]) for pair in pairs]
    assert len(together.reference) == 1
    network = network_of(seed, 1)
    assert_equal_to_rounding(
        DeltaEngine(network, "human", None, BINS).predict(together),
        in_batches(PairEngine(network, "human", None, BINS), alone, False),
    )


@settings(max_examples=20, deadline=None)
@given(cases(), st.integers(0, 20), st.sampled_from([-300, -1, 0, 129]))
def test_shifted_windows(case: tuple[Contig, list[Variant]], seed: int, shift: int) -> None:
    network, batches = network_of(seed, 1), [batch_of(*case), batch_of(*case, shift)]
    one, other = (averaged(kind(network, "human", None, BINS), batches, True) for kind in (DeltaEngine, PairEngine))
    assert_equal_to_rounding(one, other)


@settings(max_examples=20, deadline=None)
@given(cases(), st.integers(0, 20))
@example((Contig("ACGT" * 375), [Variant("chr1", 700, "snv", "T", "A")]), 0)
def test_float32_equals_float64_to_its_own_rounding(case: tuple[Contig, list[Variant]], seed: int) -> None:
    """Relative to the delta itself, not to the prediction, where an allele changes few bases."""
    network, batch = small_network(seed, 2), batch_of(*case)
    got = DeltaEngine(network, "human", None, BINS).predict(batch).delta.double()
    expected = PairEngine(network.double(), "human", None, BINS).predict(batch).delta
    for row in (find_edits(batch).width <= 8).nonzero()[:, 0].tolist():
        assert (got[row] - expected[row]).norm() <= 1e-4 * expected[row].norm()


def test_the_strategies_reach_what_they_promise() -> None:
    genome = Contig("ACGT" * 300 + "N" * 20 + "ACGT" * 70)
    assert genome.fetch("chr1", -3, 2) == b"NNNAC"
    assert genome.fetch("chr1", 1498, 1503) == b"GTNNN"
    edges = [Variant("chr1", 1, ".", "A", "C"), Variant("chr1", 1500, ".", "T", "TA")]
    batch = batch_of(genome, edges)
    assert (batch.reference == 4).sum(1).tolist() == [511, 512 + 20]


@pytest.mark.parametrize("precision", [one for one in Precision if one is not Precision.FLOAT32])
def test_nothing_changes_where_nothing_changes(precision: Precision) -> None:
    """An allele of N in N is an edit in the VCF and none in the window: a delta of exactly zero."""
    batch = batch_of(Contig("N" * CONTIG), [Variant("chr1", 600, "snv", "N", "N")])
    effect = DeltaEngine(small_network(3), "human", None, BINS, precision).predict(batch)
    assert (effect.delta == 0).all()
