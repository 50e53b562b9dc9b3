"""The loss that Enformer was trained with."""

import torch
from torch import Tensor


def poisson_loss(prediction: Tensor, observed: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Poisson negative log likelihood, up to the term that does not depend on the prediction.

    Source: Avsec et al. 2021, Methods (`snt`/Keras `Poisson`: mean of p - y log p).

    Args:
        prediction: float32 [B, bins, tracks], positive.
        observed: float32 [B, bins, tracks]; NaN where nothing is known, which does not count.
        epsilon: Added to the prediction inside the logarithm.

    Returns:
        Scalar: the mean of p - y log(p + epsilon) over the bins that are known; 0 when there are none.
    """
    known = ~torch.isnan(observed)
    target = torch.where(known, observed, 0.0)
    likelihood = prediction - target * torch.log(prediction + epsilon)
    return torch.where(known, likelihood, 0.0).sum() / known.sum().clamp(min=1)
