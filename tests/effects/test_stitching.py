"""Which bins come from which alternate."""

import torch

from enformer_vep.effects.effect import Effect
from enformer_vep.effects.stitching import plan_stitches, stitch


def test_bins_up_to_the_seam_come_from_the_left_alternate():
    # Three variants: an indel with its seam in bin 1, a substitution, an indel whose seam lies before the bins.
    delta = torch.arange(5.0)[:, None, None].expand(5, 4, 1) + 1
    reference = torch.tensor([7.0, 7, 8, 9, 9])[:, None, None].expand(5, 4, 1)
    stitched = stitch(Effect(reference, delta), plan_stitches([2, 1, 2], [1, 3, -1]))
    assert stitched.delta[:, :, 0].tolist() == [[1, 1, 2, 2], [3, 3, 3, 3], [5, 5, 5, 5]]
    assert stitched.reference[:, 0, 0].tolist() == [7, 8, 9]


def test_a_seam_past_the_last_bin_leaves_the_left_alternate():
    delta = torch.tensor([1.0, 2.0])[:, None, None].expand(2, 3, 1)
    stitched = stitch(Effect(delta, delta), plan_stitches([2], [17]))
    assert stitched.delta[:, :, 0].tolist() == [[1, 1, 1]]


def test_two_alternates_without_a_seam_are_averaged() -> None:
    # An indel with both flanks in place, a substitution, an indel that is stitched after bin 0.
    delta = torch.tensor([1.0, 4.0, 7.0, 8.0, 9.0])[:, None, None].expand(5, 3, 1)
    joined = stitch(Effect(delta, delta), plan_stitches([2, 1, 2], [None, 1, 0]))
    assert joined.delta[:, :, 0].tolist() == [[2.5] * 3, [7] * 3, [8, 9, 9]]
