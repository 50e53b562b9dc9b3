"""Strand and shift averages of an engine that counts letters: every number worked by hand."""

import torch

from enformer_vep.effects.effect import Effect, EffectBatch, make_batch
from enformer_vep.effects.predictor import Predictor
from enformer_vep.effects.stitching import plan_stitches
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.windows import AllelePair
from tests.toys import CountingEngine

ALL = slice(None)


CPU = torch.device("cpu")


def averaged(batches: list[EffectBatch], bins: list[slice], both_strands: bool) -> Effect:
    return Predictor(CountingEngine(), CPU, tuple(bins), both_strands).effect(batches)


def batch_of(reference: str, alternate: str) -> EffectBatch:
    return make_batch([AllelePair(encode(reference), encode(alternate), 0, 1, 1)])


def test_one_view_is_the_engine_itself() -> None:
    effect = averaged([batch_of("AAAATTTC", "AAACTTTC")], [ALL], both_strands=False)
    assert effect.reference.tolist() == [[[4, 0], [0, 3]]]
    assert effect.delta.tolist() == [[[-1, 0], [0, 0]]]


def test_both_strands_flip_bins_back() -> None:
    # Reverse complement of the reference: GAAATTTT; its bins flipped back count A where the forward strand has T.
    effect = averaged([batch_of("AAAATTTC", "AAACTTTC")], [ALL], both_strands=True)
    assert effect.reference.tolist() == [[[2.0, 2.0], [1.5, 1.5]]]
    assert effect.delta.tolist() == [[[-0.5, -0.5], [0.0, 0.0]]]


def test_shifts_are_averaged_before_any_score() -> None:
    views = [batch_of("AAAACCCC", "TAAACCCC"), batch_of("AAACCCCC", "AAACCCCC")]
    effect = averaged(views, [ALL, ALL], both_strands=False)
    assert effect.reference.tolist() == [[[3.5, 0.0], [0.0, 0.0]]]
    assert effect.delta.tolist() == [[[-0.5, 0.5], [0.0, 0.0]]]


def test_the_order_of_strands_does_not_matter() -> None:
    forward = batch_of("ACGTACGA", "ACGTACTA")
    effect = averaged([forward], [ALL], both_strands=True)
    reverse = averaged([forward.reverse_complement()], [ALL], both_strands=True)
    assert torch.equal(effect.reference, reverse.reference.flip(1))
    assert torch.equal(effect.delta, reverse.delta.flip(1))


def test_bins_are_read_after_the_flip() -> None:
    """Bin 1 of the forward strand is bin 0 of the reverse one: GAAA TTTT, with an A for each T of TTTC."""
    effect = averaged([batch_of("AAAATTTC", "AAAATGTC")], [slice(1, 2)], both_strands=True)
    assert effect.reference.tolist() == [[[1.5, 1.5]]]
    assert effect.delta.tolist() == [[[-0.5, -0.5]]]


def test_every_view_has_its_own_bins() -> None:
    views = [batch_of("AAAACCCC", "TAAACCCC"), batch_of("CCCCAAAA", "CCCCTAAA")]
    effect = averaged(views, [slice(0, 1), slice(1, 2)], both_strands=False)
    assert effect.reference.tolist() == [[[4.0, 0.0]]]
    assert effect.delta.tolist() == [[[-1.0, 1.0]]]


def test_windows_alone_are_averaged_as_references_are() -> None:
    views = [batch_of("AAAATTTC", "AAACTTTC"), batch_of("CCAAAATT", "CCAAAATT")]
    bins = (slice(0, 2), slice(0, 2))
    for both_strands in (False, True):
        predictor = Predictor(CountingEngine(), CPU, bins, both_strands)
        predicted = predictor.predict([view.reference for view in views])
        assert torch.equal(predicted, predictor.effect(views).reference)


def test_stranded_tracks_change_places_on_the_other_strand() -> None:
    """A on one strand is T on the other: with the two tracks partners, both strands say the same."""
    batches = [batch_of("AAAATTTC", "AAACTTTC")]
    partners = torch.tensor([1, 0])
    stranded = Predictor(CountingEngine(), CPU, (ALL,), True, partners).effect(batches)
    forward = Predictor(CountingEngine(), CPU, (ALL,)).effect(batches)
    assert torch.equal(stranded.reference, forward.reference)
    assert torch.equal(stranded.delta, forward.delta)
    only_a = Predictor(CountingEngine(), CPU, (ALL,), True, partners, tracks=1).effect(batches)
    assert torch.equal(only_a.delta, forward.delta[..., :1])


def test_every_view_is_shown_before_it_is_averaged() -> None:
    views = [batch_of("AAAATTTC", "AAACTTTC"), batch_of("AAACCCCC", "CAACCCCC")]
    shown: list[Effect] = []
    partners = torch.tensor([1, 0])
    predictor = Predictor(CountingEngine(), CPU, (slice(0, 1), slice(0, 1)), True, partners, tracks=1)
    mean = predictor.effect(views, None, shown.append)
    assert [view.delta.tolist() for view in shown] == [[[[-1]]], [[[-1]]], [[[-1]]], [[[-1]]]]
    assert [view.reference.tolist() for view in shown] == [[[[4]]], [[[4]]], [[[3]]], [[[3]]]]
    assert mean.reference.tolist() == [[[3.5]]]


def test_two_alternates_of_a_variant_are_one_view() -> None:
    """An indel's bins come from both; what is shown is put together already."""
    pair = AllelePair(encode("AAAATTTT"), encode("CAAATTTT"), 0, 1, 1)
    right = AllelePair(encode("AAAATTTT"), encode("AAAATTTC"), 0, 1, 1)
    shown: list[Effect] = []
    predictor = Predictor(CountingEngine(), CPU, (ALL,), both_strands=True)
    mean = predictor.effect([make_batch([pair, right])], [plan_stitches([2], [0])], shown.append)
    # Forward: A lost on the left, T lost on the right; on the other strand the same two, as T and A.
    assert [view.delta.tolist() for view in shown] == [[[[-1, 0], [0, -1]]], [[[0, -1], [-1, 0]]]]
    assert mean.delta.tolist() == [[[-0.5, -0.5], [-0.5, -0.5]]]
