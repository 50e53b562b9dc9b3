"""How far the views of a variant agree, computed while they come.

A view is one strand under one shift. The score that a run reports is that of the mean prediction; the spread is
that of the scores of the n single views, which for scores that are not linear in the prediction have another mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect
from enformer_vep.scoring.readout import RowReader
from enformer_vep.settings import Score, ScoreSettings


@dataclass(frozen=True, slots=True)
class Spread:
    """Moments of the scores x_1 ... x_n of single views, [rows, scores, T].

    Attributes:
        views: n.
        mean: float64.
        squares: float64, the sum of (x_i - mean)^2.
        positive: int16, how many are above 0.
        negative: int16, how many are below.
    """

    views: int
    mean: Tensor
    squares: Tensor
    positive: Tensor
    negative: Tensor

    @classmethod
    def of_first(cls, scores: Tensor) -> Self:
        """The moments of one view."""
        values = scores.to(torch.float64)
        none = torch.zeros_like(scores, dtype=torch.int16)
        return cls(1, values, torch.zeros_like(values), none + (values > 0), none + (values < 0))

    def with_next(self, scores: Tensor) -> "Spread":
        """The moments with one view more (Welford 1962): no sum of squares from which to subtract another."""
        values, views = scores.to(torch.float64), self.views + 1
        from_old = values - self.mean
        mean = self.mean + from_old / views
        squares = self.squares + from_old * (values - mean)
        return Spread(views, mean, squares, self.positive + (values > 0), self.negative + (values < 0))

    @property
    def deviation(self) -> Tensor:
        """The sample standard deviation, with n - 1; float64."""
        return (self.squares / (self.views - 1)).sqrt()

    def agreement(self, reported: Tensor) -> Tensor:
        """The share of views whose score has the sign (1, 0 or -1) of the reported one; NaN where that is NaN."""
        zero = self.views - self.positive - self.negative
        same = torch.where(reported > 0, self.positive, torch.where(reported < 0, self.negative, zero))
        return torch.where(reported.isnan(), torch.nan, same.to(torch.float64) / self.views)

    def shrunken(self, reported: Tensor) -> Tensor:
        """The reported scores x moved toward 0 by what their spread s makes of them: x max(0, 1 - s^2 / (n x^2)).

        Empirical Bayes, a value at a time. Say x is normal around a true effect with variance v = s^2 / n, and true
        effects normal around 0 with variance t. Then the effect to be expected is x t / (t + v), and of all t the
        most likely, given x ~ N(0, t + v), is max(0, x^2 - v); together the formula. It is the positive-part rule of
        James and Stein (1961) and the garrote of Breiman (1995, Technometrics 37:373, orthonormal case) for one
        value. 1 - 1 / (Student's t)^2 is another way to write the factor; of two views of one sign, for a score that
        is linear in the prediction, the result is their harmonic mean, and of two that differ in sign it is 0.
        """
        x = reported.to(torch.float64)
        variance = self.squares / (self.views - 1) / self.views
        factor = (1 - variance / x.square()).clamp(min=0)
        return torch.where(x == 0, 0, x * factor).to(reported.dtype)


class ViewObserver:
    """Is shown effects of single views; keeps no more than the moments of their scores.

    Args:
        rows: Which bins are read.
        scores: What is computed of them.
        grouped: Averages predictions [..., tracks] over groups of tracks, as before any score.
        pseudocount: See `enformer_vep.scoring.scores.compute_scores`.
    """

    def __init__(
        self,
        rows: RowReader,
        scores: Sequence[Score],
        grouped: Callable[[Tensor], Tensor],
        pseudocount: float = 1.0,
    ) -> None:
        self._spread: Spread | None = None
        self._rows, self._scores, self._grouped, self._pseudocount = rows, scores, grouped, pseudocount

    @property
    def spread(self) -> Spread:
        """Of the views shown so far, at least one."""
        assert self._spread is not None, "no view was shown"
        return self._spread

    def __call__(self, view: Effect) -> None:
        """Takes in one view [B, N, tracks]."""
        with torch.inference_mode():
            scores = self._rows.read(view.map(self._grouped), self._scores, self._pseudocount)
            self._spread = Spread.of_first(scores) if self._spread is None else self._spread.with_next(scores)


def with_spread(reported: Tensor, spread: Spread, settings: ScoreSettings) -> Tensor:
    """Put the value columns of a run together, on the device.

    Args:
        reported: float32 [rows, scores, T], the scores of the mean prediction.
        spread: Of the same.
        settings: What was asked for.

    Returns:
        float32 [rows, columns, T]: scores, shrunken if asked for; their standard deviations, with `spread`; the
        agreement of the signed ones, with `spread` or `confident`.
    """
    with torch.inference_mode():
        signed = [number for number, score in enumerate(settings.scores) if score.is_signed]
        columns = list(reported.unbind(1))
        if settings.shrink:
            shrunken = spread.shrunken(reported)
            for number in signed:
                columns[number] = shrunken[:, number]
        if settings.spread:
            columns += spread.deviation.to(torch.float32).unbind(1)
        if settings.spread or settings.confident is not None:
            agreement = spread.agreement(reported).to(torch.float32)
            columns += [agreement[:, number] for number in signed]
        return torch.stack(columns, dim=1)
