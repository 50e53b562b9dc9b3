"""Pearson correlation in one pass, exact to float64, mergeable over batches and processes."""

import torch
from torch import Tensor


class Correlation:
    """Pearson correlation of every track, from sums of deviations from running means.

    Merging after Chan, Golub and LeVeque 1979: no large numbers are subtracted, so tracks of any scale and
    billions of bins keep full precision.

    Attributes:
        moments: float64 [6, tracks]: count, mean of x, mean of y, and the sums of squared deviations of x,
            of y, and of their product.
    """

    def __init__(self, tracks: int, device: torch.device | None = None) -> None:
        self.moments = torch.zeros(6, tracks, dtype=torch.float64, device=device)

    def update(self, x: Tensor, y: Tensor) -> None:
        """Adds observations, [observations, tracks] each; pairs with a NaN on either side do not count."""
        known = ~(torch.isnan(x) | torch.isnan(y))
        count = known.sum(dim=0).double()
        divisor = count.clamp(min=1)
        x, y = torch.where(known, x, 0).double(), torch.where(known, y, 0).double()
        mean_x, mean_y = x.sum(dim=0) / divisor, y.sum(dim=0) / divisor
        x, y = torch.where(known, x - mean_x, 0), torch.where(known, y - mean_y, 0)
        self.merge(torch.stack([count, mean_x, mean_y, *((a * b).sum(dim=0) for a, b in ((x, x), (y, y), (x, y)))]))

    def merge(self, moments: Tensor) -> None:
        """Adds what another `Correlation` has seen, from its moments."""
        count = self.moments[0] + moments[0]
        share = moments[0] / count.clamp(min=1)
        delta_x, delta_y = moments[1:3] - self.moments[1:3]
        weight = self.moments[0] * share
        cross = torch.stack([delta_x * delta_x, delta_y * delta_y, delta_x * delta_y])
        means = self.moments[1:3] + torch.stack([delta_x, delta_y]) * share
        self.moments = torch.cat([count[None], means, self.moments[3:] + moments[3:] + cross * weight])

    @property
    def pearson(self) -> Tensor:
        """float64 [tracks]; NaN where either side does not vary."""
        _, _, _, x, y, product = self.moments
        scale = (x * y).sqrt()
        return torch.where(scale > 0, product / scale, torch.nan)
