import math

import pytest
import torch

from enformer_vep.training.loss import poisson_loss


def test_equals_torch_where_everything_is_known():
    random = torch.Generator().manual_seed(0)
    prediction, observed = (torch.rand(2, 5, 3, generator=random) + 0.1 for _ in range(2))
    expected = torch.nn.PoissonNLLLoss(log_input=False, full=False, eps=1e-7)(prediction, observed)
    torch.testing.assert_close(poisson_loss(prediction, observed), expected)


def test_unknown_bins_do_not_count_by_hand():
    prediction = torch.tensor([[[1.0], [2.0], [100.0]]], requires_grad=True)
    observed = torch.tensor([[[3.0], [4.0], [math.nan]]])
    loss = poisson_loss(prediction, observed)
    assert loss.item() == pytest.approx(((1 - 3 * math.log(1)) + (2 - 4 * math.log(2))) / 2, rel=1e-5)
    loss.backward()
    # d/dp (p - y log p) / 2 = (1 - y / p) / 2
    torch.testing.assert_close(prediction.grad.flatten(), torch.tensor([-1.0, -0.5, 0.0]))


def test_nothing_known_is_zero_with_zero_gradient():
    prediction = torch.ones(1, 2, 1, requires_grad=True)
    loss = poisson_loss(prediction, torch.full((1, 2, 1), math.nan))
    loss.backward()
    assert loss.item() == 0
    assert not prediction.grad.any()
