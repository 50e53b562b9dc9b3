"""DeepMind's transform of variant scores: robust scaler, truncated SVD, robust scaler.

It is the transform that was published with the scores of Enformer (Avsec et al. 2021), there scikit-learn's
RobustScaler and TruncatedSVD. Here it is fitted in one pass with flat memory: the singular vectors are the
eigenvectors of the second moments, which are summed up of raw scores and scaled once the scales are known.
"""

import logging
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.quantiles import QuantileSketch
from enformer_vep.errors import InputError

logger = logging.getLogger(__name__)

# Rows per matrix product of the moments; the result depends on it by rounding, so it is fixed.
ROWS_AT_ONCE = 256

NO_SPREAD = 10 * np.finfo(np.float64).eps
"""An interquartile range that scikit-learn's RobustScaler takes for 0 (2.2e-15)."""


@dataclass(frozen=True, slots=True, eq=False)
class RobustScale:
    """(x - centre) / scale, column by column.

    Scores and their negatives are not treated alike: the centre is the background's median, as in the
    published transform, not 0. (`ranks` has the quantity that keeps the sign.)

    Attributes:
        centre: float32 [columns], the median.
        scale: float32 [columns], the interquartile range; where that is `NO_SPREAD` or less, 1 as in scikit-learn, or
            not a number where nothing is to be said.
    """

    centre: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]

    @classmethod
    def of_quartiles(cls, quartiles: npt.NDArray[np.float64], flat: float = 1.0) -> Self:
        """Make it from float64 [columns, 3]: first quartile, median, third quartile; `flat` scales without a spread."""
        spread = quartiles[:, 2] - quartiles[:, 0]
        scale = np.where(spread <= NO_SPREAD, flat, spread)
        return cls(quartiles[:, 1].astype(np.float32), scale.astype(np.float32))

    @classmethod
    def of_sketch(cls, sketch: QuantileSketch, flat: float = 1.0) -> Self:
        """Fit it; exact while the sketch is, and then with the sketch's rank error."""
        return cls.of_quartiles(sketch.values_at(np.array([0.25, 0.5, 0.75]) * (sketch.count - 1)), flat)

    def __call__(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scale float32 [..., columns]."""
        scaled: npt.NDArray[np.float32] = (values - self.centre) / self.scale
        return scaled

    def take(self, columns: npt.NDArray[np.intp]) -> Self:
        """Some columns, in the order given."""
        return type(self)(self.centre[columns], self.scale[columns])


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of scaled scores.

    Attributes:
        directions: float32 [components, columns], rows orthonormal, by falling variance; in each the entry of
            the largest size is positive.
        rescale: Of the components.
    """

    directions: npt.NDArray[np.float32]
    rescale: RobustScale

    def __len__(self) -> int:
        return len(self.directions)

    def __call__(self, scaled: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Project scores that went through the first scaler: float32 [batch, columns] to [batch, components]."""
        return self.rescale(scaled @ self.directions.T)


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """All three steps.

    Attributes:
        scale: The first step.
        components: The second and third.
    """

    scale: RobustScale
    components: Components

    def __len__(self) -> int:
        return len(self.components)

    def __call__(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Transform scores: float32 [batch, columns] to [batch, components]."""
        return self.components(self.scale(values))

    def take(self, columns: npt.NDArray[np.intp]) -> Self:
        """With all columns in another order."""
        directions = self.components.directions[:, columns]
        return type(self)(self.scale.take(columns), Components(directions, self.components.rescale))


class Moments:
    """Sums of x and of x x^T over rows, in float64: 8 bytes per pair of columns, 226 MB for 5,313."""

    def __init__(self, columns: int) -> None:
        """Start empty."""
        self.count = 0
        self._sum = np.zeros(columns)
        self._products = np.zeros((columns, columns))
        self._waiting: npt.NDArray[np.float64] = np.empty((ROWS_AT_ONCE, columns))
        self._rows = 0

    def add(self, values: npt.NDArray[np.float32]) -> None:
        """Take in float32 [batch, columns]; the result does not depend on how rows were cut into batches."""
        self.count += len(values)
        begin = 0
        while begin < len(values):
            part = values[begin : begin + ROWS_AT_ONCE - self._rows]
            self._waiting[self._rows : self._rows + len(part)] = part
            self._rows += len(part)
            begin += len(part)
            if self._rows == ROWS_AT_ONCE:
                self._sum_up()

    def scaled(self, scale: RobustScale) -> npt.NDArray[np.float64]:
        """Second moments, not centred, of the scaled rows: the sum over rows of y y^T, y = (x - c) / s."""
        self._sum_up()
        centre, width = scale.centre.astype(np.float64), scale.scale.astype(np.float64)
        cross = np.outer(centre, self._sum - self.count / 2 * centre)
        moments = self._products - cross
        moments -= cross.T
        moments /= width
        moments /= width[:, None]
        return moments

    def _sum_up(self) -> None:
        rows = self._waiting[: self._rows]
        self._sum += rows.sum(axis=0)
        self._products += rows.T @ rows
        self._rows = 0


def fit_components(moments: Moments, scale: RobustScale, sample: npt.NDArray[np.float32], number: int) -> Components:
    """Fit the second and third step of the transform.

    Takes minutes for thousands of columns, and four times the memory of the moments.

    Args:
        moments: Of all rows.
        scale: The first step.
        sample: float32 [rows, columns], rows on which the second scaler is fitted.
        number: How many components.

    Returns:
        The components.

    Raises:
        InputError: When the background does not have so many.
    """
    logger.info("fitting %d components of %d columns", number, len(scale.centre))
    variances, vectors = np.linalg.eigh(moments.scaled(scale))
    rank = int((variances > variances[-1] * len(variances) * np.finfo(np.float64).eps).sum())
    if rank < number:
        raise InputError(
            f"--components {number}: the scores of this background have only {rank}: "
            "ask for fewer, or give more variants"
        )
    directions = vectors.T[::-1][:number]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(number), largest])[:, None]
    directions = np.ascontiguousarray(directions, dtype=np.float32)
    projected = scale(sample) @ directions.T
    quartiles = np.quantile(projected.astype(np.float64), (0.25, 0.5, 0.75), axis=0).T
    return Components(directions, RobustScale.of_quartiles(quartiles))
