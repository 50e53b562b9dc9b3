import numpy as np
import torch

from enformer_vep.effects.effect import EffectBatch, make_batch
from enformer_vep.genome.encoding import encode
from enformer_vep.genome.windows import AllelePair


def pair(reference: str, alternate: str) -> AllelePair:
    return AllelePair(encode(reference), encode(alternate), 0, 1, 1)


def test_a_shared_reference_is_kept_once() -> None:
    batch = make_batch([pair("AAAA", "CAAA"), pair("AAAA", "GAAA"), pair("TTTT", "TTTA"), pair("AAAA", "AAAC")])
    assert batch.reference.tolist() == [[0, 0, 0, 0], [3, 3, 3, 3], [0, 0, 0, 0]]
    assert batch.owner.tolist() == [0, 0, 1, 2]
    assert batch.alternate.dtype == torch.uint8
    assert len(batch) == 4


def test_reverse_complement_by_hand() -> None:
    batch = make_batch([pair("AACGN", "TACGN")]).reverse_complement()
    np.testing.assert_array_equal(batch.reference[0].numpy(), encode("NCGTT"))
    np.testing.assert_array_equal(batch.alternate[0].numpy(), encode("NCGTA"))


def test_reverse_complement_twice_is_the_same() -> None:
    batch = make_batch([pair("ACGTNNAG", "ACTTNNAG")])
    twice = batch.reverse_complement().reverse_complement()
    assert torch.equal(twice.reference, batch.reference)
    assert torch.equal(twice.alternate, batch.alternate)


def test_halves_keep_every_alternate_with_its_reference() -> None:
    batch = EffectBatch(
        torch.tensor([[0], [1], [2]], dtype=torch.uint8),
        torch.arange(5, dtype=torch.uint8)[:, None],
        torch.tensor([0, 0, 1, 2, 2]),
    )
    first, second = batch.halves()
    assert [len(first), len(second)] == [3, 2]
    assert torch.cat([first.alternate, second.alternate]).equal(batch.alternate)
    owners = torch.cat([part.reference[part.owner] for part in (first, second)])
    assert owners.equal(batch.reference[batch.owner])
    assert len(second.reference) == 1


def test_selected_alternates_keep_their_references() -> None:
    batch = EffectBatch(
        torch.tensor([[0], [1], [2]], dtype=torch.uint8),
        torch.arange(5, dtype=torch.uint8)[:, None],
        torch.tensor([0, 0, 1, 2, 2]),
    )
    chosen = batch.select(torch.tensor([1, 3, 4]))
    assert chosen.alternate[:, 0].tolist() == [1, 3, 4]
    assert chosen.reference[:, 0].tolist() == [0, 2]
    assert chosen.owner.tolist() == [0, 1, 1]


def test_the_same_batch_where_it_already_is() -> None:
    batch = make_batch([pair("ACGT", "ACTT")])
    assert batch.to(torch.device("cpu")).alternate is batch.alternate
