"""Rows read out of predictions, against scores taken of the bins one row at a time."""

import numpy as np
import torch

from enformer_vep.effects.effect import Effect
from enformer_vep.genome.placing import Readout
from enformer_vep.scoring.readout import read_out
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score


def test_rows_are_scores_of_their_bins_in_order():
    generator = torch.Generator().manual_seed(3)
    effect = Effect(torch.rand(3, 6, 2, generator=generator), torch.rand(3, 6, 2, generator=generator) / 10)
    bins = [[(1, 2)], [None, (5,)], [(0, 1), (3, 4), (0, 1, 2)]]
    scores = list(Score)
    rows = read_out(effect, [[Readout(some) for some in one] for one in bins], scores)
    expected = []
    for index, one in enumerate(bins):
        for some in one:
            where = slice(None) if some is None else list(some)
            part = compute_scores(
                effect.reference[index : index + 1, where], effect.delta[index : index + 1, where], scores
            )
            expected.append(part[0])
    np.testing.assert_allclose(rows, torch.stack(expected), rtol=1e-6)


def test_a_fold_change_by_hand():
    # Bins 1 and 2: reference 1 + 2 = 3, alternate 3 + 4 = 7: log2((7 + 1) / (3 + 1)) = 1.
    effect = Effect(torch.tensor([[[9.0], [1.0], [2.0]]]), torch.tensor([[[9.0], [2.0], [2.0]]]))
    assert read_out(effect, [[Readout((1, 2))]], [Score.SADR]).item() == 1.0
