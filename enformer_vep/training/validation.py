"""How well a network predicts a source of examples."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from enformer_vep.training.correlation import Correlation
from enformer_vep.training.loss import poisson_loss


@dataclass(frozen=True)
class Evaluation:
    """Agreement of prediction and observation, per track.

    Attributes:
        bins: Pearson correlation over all bins of all sequences (the paper's test-set figure).
        bins_log: The same of log(1 + x).
        sequences: Pearson correlation over sequences, of the mean over a sequence's known bins.
        sequences_log: The same of the logarithm of 1 + that mean.
        observed_mean: Mean observed value of each track.
        predicted_mean: Mean predicted value of each track over the same bins.
        known_bins: Number of bins that were compared, per track.
        loss: Poisson loss over everything.
    """

    bins: npt.NDArray[np.float64]
    bins_log: npt.NDArray[np.float64]
    sequences: npt.NDArray[np.float64]
    sequences_log: npt.NDArray[np.float64]
    observed_mean: npt.NDArray[np.float64]
    predicted_mean: npt.NDArray[np.float64]
    known_bins: npt.NDArray[np.float64]
    loss: float


class Tally:
    """Running sums of an evaluation, kept on a device."""

    def __init__(self, tracks: int, device: torch.device) -> None:
        self._correlations = [Correlation(tracks, device) for _ in range(4)]
        self._loss = torch.zeros(2, dtype=torch.float64, device=device)

    def update(self, predicted: Tensor, observed: Tensor) -> None:
        """Adds a batch: float32 [B, bins, tracks] each; observations are NaN where nothing is known."""
        known = ~torch.isnan(observed)
        count = known.sum()
        self._loss += torch.stack([poisson_loss(predicted, observed).double() * count, count.double()])
        # A mean over no bins is 0 / 0 = NaN, and then that sequence does not count.
        means = [torch.where(known, x, 0.0).sum(dim=1) / known.sum(dim=1) for x in (predicted, observed)]
        flat = [x.flatten(0, 1) for x in (predicted, observed)]
        pairs = (flat, [x.log1p() for x in flat], means, [x.log1p() for x in means])
        for correlation, (x, y) in zip(self._correlations, pairs, strict=True):
            correlation.update(x, y)

    def state(self) -> Tensor:
        """Everything in one tensor, float64 [26, tracks], to send to another process."""
        tracks = self._correlations[0].moments.shape[1]
        moments = [correlation.moments for correlation in self._correlations]
        return torch.cat([*moments, self._loss[:, None].expand(-1, tracks)])

    def merge(self, state: Tensor) -> None:
        """Adds what another tally has seen; see `state`."""
        for index, correlation in enumerate(self._correlations):
            correlation.merge(state[6 * index : 6 * index + 6])
        self._loss += state[24:, 0]

    def result(self) -> Evaluation:
        """The figures so far."""
        count, predicted_mean, observed_mean = self._correlations[0].moments[:3].cpu().numpy()
        bins, bins_log, sequences, sequences_log = (own.pearson.cpu().numpy() for own in self._correlations)
        return Evaluation(
            bins,
            bins_log,
            sequences,
            sequences_log,
            observed_mean=observed_mean,
            predicted_mean=predicted_mean,
            known_bins=count,
            loss=float(self._loss[0] / self._loss[1].clamp(min=1)),
        )


@torch.no_grad()
def tally(
    predict: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    tracks: int,
    device: torch.device,
) -> Tally:
    """Predicts every batch on a device and adds up.

    Args:
        predict: From uint8 [B, window] codes to float32 [B, bins, tracks].
        batches: Codes, and float32 [B, bins, tracks] values.
        tracks: Number of tracks.
        device: Where to compute.
    """
    result = Tally(tracks, device)
    for codes, values in batches:
        result.update(predict(codes.to(device)), values.to(device))
    return result
