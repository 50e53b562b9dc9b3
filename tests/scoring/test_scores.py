"""Scores against hand-worked numbers, plain float64 numpy and scipy-free textbook formulas."""

import numpy as np
import pytest
import torch

from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Score

# Two bins, two tracks: reference 1, 3 and 7, 0; alternate 3, 3 and 3, 0.
REFERENCE = torch.tensor([[[1.0, 7.0], [3.0, 0.0]]])
DELTA = torch.tensor([[[2.0, -4.0], [0.0, 0.0]]])

HAND_WORKED = {
    Score.SAD: (2.0, -4.0),
    Score.MEAN: (1.0, -2.0),
    Score.SADR: (np.log2(7 / 5), np.log2(4 / 8)),
    Score.SAR: (1.0, -1.0),
    Score.SAX: (2.0, -4.0),
    Score.D1: (2.0, 4.0),
    Score.D2: (2.0, 4.0),
    Score.LOGD2: (1.0, 1.0),
    Score.REF: (4.0, 7.0),
    Score.ALT: (6.0, 3.0),
}


def one(score: Score, reference: torch.Tensor, delta: torch.Tensor) -> np.ndarray:
    return compute_scores(reference, delta, [score])[:, 0].numpy()


@pytest.mark.parametrize("score", HAND_WORKED)
def test_hand_worked(score: Score) -> None:
    np.testing.assert_allclose(one(score, REFERENCE, DELTA)[0], HAND_WORKED[score], rtol=1e-6)


def test_largest_change_keeps_its_sign() -> None:
    delta = torch.tensor([[[1.0], [-3.0], [2.0]]])
    assert one(Score.SAX, torch.ones(1, 3, 1), delta).item() == -3.0


def naive(score: Score, reference: np.ndarray, alternate: np.ndarray) -> np.ndarray:
    """The table of the documentation, in float64, with the alternate formed."""
    log_change = np.log2(alternate + 1) - np.log2(reference + 1)
    change = alternate - reference
    match score:
        case Score.SAD:
            return change.sum(0)
        case Score.MEAN:
            return change.mean(0)
        case Score.SADR:
            return np.log2(alternate.sum(0) + 1) - np.log2(reference.sum(0) + 1)
        case Score.SAR:
            return log_change.sum(0)
        case Score.SAX:
            return change[np.abs(change).argmax(0), np.arange(change.shape[1])]
        case Score.D1:
            return np.abs(change).sum(0)
        case Score.D2:
            return np.sqrt((change**2).sum(0))
        case Score.LOGD2:
            return np.sqrt((log_change**2).sum(0))
        case Score.JS:
            raised = np.percentile(reference, 25, axis=0)
            p, q = ((x + raised) / (x + raised).sum(0) for x in (reference, alternate))
            return ((p * np.log(p / q)).sum(0) + (q * np.log(q / p)).sum(0)) / 2
        case Score.REF:
            return reference.sum(0)
        case Score.ALT:
            return alternate.sum(0)


@pytest.mark.parametrize("score", list(Score))
@pytest.mark.parametrize("size", [1e-5, 1e-2, 1.0])
def test_small_effects_survive_float32(score: Score, size: float) -> None:
    random = np.random.default_rng(3)
    reference = random.gamma(0.5, 2.0, (896, 5)).astype(np.float32)
    delta = (reference * random.normal(0, size, reference.shape).clip(-0.9)).astype(np.float32)
    expected = naive(score, reference.astype(np.float64), reference.astype(np.float64) + delta)
    got = one(score, torch.from_numpy(reference)[None], torch.from_numpy(delta)[None])[0]
    np.testing.assert_allclose(got, expected, rtol=2e-5)


@pytest.mark.parametrize("score", [Score.SAD, Score.MEAN, Score.SADR, Score.SAR, Score.SAX])
def test_swapping_alleles_negates(score: Score) -> None:
    generator = torch.Generator().manual_seed(1)
    reference, delta = torch.rand(3, 16, 4, generator=generator), torch.rand(3, 16, 4, generator=generator)
    swapped = one(score, reference + delta, -delta)
    np.testing.assert_allclose(swapped, -one(score, reference, delta), rtol=1e-5)


@pytest.mark.parametrize("score", list(Score))
def test_no_change_scores_zero(score: Score) -> None:
    reference = torch.rand(2, 8, 3, generator=torch.Generator().manual_seed(2))
    expected = reference.sum(1).numpy() if score in (Score.REF, Score.ALT) else np.zeros((2, 3))
    np.testing.assert_allclose(one(score, reference, torch.zeros_like(reference)), expected, rtol=1e-6)


def test_divergence_of_silent_track_is_zero() -> None:
    assert one(Score.JS, torch.zeros(1, 8, 1), torch.zeros(1, 8, 1)).item() == 0.0


def test_order_of_the_result() -> None:
    both = compute_scores(REFERENCE, DELTA, [Score.REF, Score.SAD])
    assert both.shape == (1, 2, 2)
    assert both.dtype == torch.float32
    assert both[0].tolist() == [[4.0, 7.0], [2.0, -4.0]]


@pytest.mark.parametrize("pseudocount", [1e-6, 0.01, 1.0, 10.0])
@pytest.mark.parametrize("score", [Score.SADR, Score.SAR, Score.LOGD2])
def test_any_pseudocount(score: Score, pseudocount: float) -> None:
    """Against float64 with the alternate formed."""
    random = np.random.default_rng(5)
    reference = random.gamma(0.5, 2.0, (896, 5)).astype(np.float32)
    delta = (reference * random.normal(0, 0.3, reference.shape).clip(-0.9)).astype(np.float32)
    before, after = reference.astype(np.float64), reference.astype(np.float64) + delta
    change = np.log2(after + pseudocount) - np.log2(before + pseudocount)
    expected = {
        Score.SADR: np.log2(after.sum(0) + pseudocount) - np.log2(before.sum(0) + pseudocount),
        Score.SAR: change.sum(0),
        Score.LOGD2: np.sqrt((change**2).sum(0)),
    }[score]
    tensors = torch.from_numpy(reference)[None], torch.from_numpy(delta)[None]
    got = compute_scores(*tensors, [score], pseudocount)[0, 0].numpy()
    np.testing.assert_allclose(got, expected, rtol=3e-5, atol=1e-6)


@pytest.mark.parametrize("score", [Score.SADR, Score.SAR])
def test_a_signal_that_vanishes_has_a_finite_ratio(score: Score) -> None:
    """The sum of reference and pseudocount has lost the pseudocount, and delta is a rounding too large."""
    reference = torch.full((1, 1, 1), 1000.0)
    for delta in (-1000.0, -1000.0002):
        got = compute_scores(reference, torch.full((1, 1, 1), delta), [score], 1e-6).item()
        assert got == pytest.approx(np.log2(1e-6 / 1000), rel=1e-6)


def test_a_pseudocount_shrinks_fold_changes() -> None:
    """A doubling of 1 is log2(3 / 2) beside a pseudocount of 1."""
    one_bin = torch.ones(1, 1, 1)
    assert compute_scores(one_bin, one_bin, [Score.SADR], 1.0).item() == pytest.approx(np.log2(1.5))
    assert compute_scores(one_bin, one_bin, [Score.SADR], 1e-6).item() == pytest.approx(1, abs=1e-5)
