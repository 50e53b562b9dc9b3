import numpy as np
import pytest
import torch

from enformer_vep.training.correlation import Correlation
from enformer_vep.training.validation import Tally


def test_batches_and_merging_equal_numpy():
    random = np.random.default_rng(0)
    # A mean a million times the deviation: sums of squares would have lost it.
    x, y = 1e6 + random.random((2, 300, 2))
    y[:, 0] += 0.5 * x[:, 0]
    x[5, 0] = y[9, 0] = np.nan
    one, other = Correlation(2), Correlation(2)
    for part in range(0, 200, 40):
        one.update(torch.from_numpy(x[part : part + 40]), torch.from_numpy(y[part : part + 40]))
    other.update(torch.from_numpy(x[200:]), torch.from_numpy(y[200:]))
    one.merge(other.moments)
    for track in range(2):
        known = ~np.isnan(x[:, track] + y[:, track])
        expected = np.corrcoef(x[known, track], y[known, track])[0, 1]
        assert one.pearson[track].item() == pytest.approx(expected, rel=1e-7)


def test_no_variation_has_no_correlation():
    constant = Correlation(1)
    constant.update(torch.ones(4, 1), torch.arange(4.0)[:, None])
    assert torch.isnan(constant.pearson).all()
    assert torch.isnan(Correlation(1).pearson).all()


def test_figures_of_an_evaluation_equal_numpy():
    random = np.random.default_rng(1)
    predicted, observed = random.gamma(1.0, 2.0, (2, 7, 6, 2)).astype(np.float32)
    observed[0, :3, 1] = observed[4] = np.nan
    tally = Tally(2, torch.device("cpu"))
    for first in (0, 3):
        last = first + 3 if first == 0 else None
        tally.update(torch.from_numpy(predicted[first:last]), torch.from_numpy(observed[first:last]))
    result = tally.result()
    known = ~np.isnan(observed)
    for track in range(2):
        p, o = (values[..., track][known[..., track]].astype(float) for values in (predicted, observed))
        assert result.bins[track] == pytest.approx(np.corrcoef(p, o)[0, 1])
        assert result.bins_log[track] == pytest.approx(np.corrcoef(np.log1p(p), np.log1p(o))[0, 1], rel=1e-6)
        assert result.observed_mean[track] == pytest.approx(o.mean())
        assert result.predicted_mean[track] == pytest.approx(p.mean())
        assert result.known_bins[track] == len(o)
        rows = [row for row in range(7) if known[row, :, track].any()]
        means = np.array([[v[row, known[row, :, track], track].mean() for row in rows] for v in (predicted, observed)])
        assert result.sequences[track] == pytest.approx(np.corrcoef(means)[0, 1], rel=1e-6)
        assert result.sequences_log[track] == pytest.approx(np.corrcoef(np.log1p(means))[0, 1], rel=1e-6)
    loss = predicted[known] - observed[known] * np.log(predicted[known] + 1e-7)
    assert result.loss == pytest.approx(loss.mean(), rel=1e-5)
