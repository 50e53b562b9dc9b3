"""Strand and shift averages of an engine that counts letters: every number worked by hand."""

import torch

from enformer_vep.effects.averaging import predict_averaged
from enformer_vep.effects.base import EffectBatch, make_batch
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.windows import AllelePair
from tests.toys import CountingEngine

ALL = slice(None)


def batch_of(reference: str, alternate: str) -> EffectBatch:
    return make_batch([AllelePair(encode(reference), encode(alternate), 0, 1, 1)])


def test_one_view_is_the_engine_itself() -> None:
    effect = predict_averaged(CountingEngine(), [batch_of("AAAATTTC", "AAACTTTC")], [ALL], both_strands=False)
    assert effect.reference.tolist() == [[[4, 0], [0, 3]]]
    assert effect.delta.tolist() == [[[-1, 0], [0, 0]]]


def test_both_strands_flip_bins_back() -> None:
    # Reverse complement of the reference: GAAATTTT; its bins flipped back count A where the forward strand has T.
    effect = predict_averaged(CountingEngine(), [batch_of("AAAATTTC", "AAACTTTC")], [ALL], both_strands=True)
    assert effect.reference.tolist() == [[[2.0, 2.0], [1.5, 1.5]]]
    assert effect.delta.tolist() == [[[-0.5, -0.5], [0.0, 0.0]]]


def test_shifts_are_averaged_before_any_score() -> None:
    views = [batch_of("AAAACCCC", "TAAACCCC"), batch_of("AAACCCCC", "AAACCCCC")]
    effect = predict_averaged(CountingEngine(), views, [ALL, ALL], both_strands=False)
    assert effect.reference.tolist() == [[[3.5, 0.0], [0.0, 0.0]]]
    assert effect.delta.tolist() == [[[-0.5, 0.5], [0.0, 0.0]]]


def test_the_order_of_strands_does_not_matter() -> None:
    forward = batch_of("ACGTACGA", "ACGTACTA")
    effect = predict_averaged(CountingEngine(), [forward], [ALL], both_strands=True)
    reverse = predict_averaged(CountingEngine(), [forward.reverse_complement()], [ALL], both_strands=True)
    assert torch.equal(effect.reference, reverse.reference.flip(1))
    assert torch.equal(effect.delta, reverse.delta.flip(1))


def test_bins_are_read_after_the_flip() -> None:
    """Bin 1 of the forward strand is bin 0 of the reverse one: GAAA TTTT, with an A for each T of TTTC."""
    effect = predict_averaged(
        CountingEngine(), [batch_of("AAAATTTC", "AAAATGTC")], [slice(1, 2)], both_strands=True
    )
    assert effect.reference.tolist() == [[[1.5, 1.5]]]
    assert effect.delta.tolist() == [[[-0.5, -0.5]]]


def test_every_view_has_its_own_bins() -> None:
    views = [batch_of("AAAACCCC", "TAAACCCC"), batch_of("CCCCAAAA", "CCCCTAAA")]
    effect = predict_averaged(CountingEngine(), views, [slice(0, 1), slice(1, 2)], both_strands=False)
    assert effect.reference.tolist() == [[[4.0, 0.0]]]
    assert effect.delta.tolist() == [[[-1.0, 1.0]]]
