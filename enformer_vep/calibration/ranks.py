"""From a stored grid of quantiles to the quantile of a score, in two conventions.

The signed quantile of x is sign(x) * F(abs(x)), where F is the distribution of sizes in the background. It is
what 2 G(x) - 1 is of a background in which each variant stands twice, with REF and ALT either way round, which is
how it should be read: which allele is REF is an accident of the genome's assembly. So the sign is the score's
own, and swapping the alleles negates the quantile exactly. 0 is no effect and stays 0.

2 G(x) - 1 with G the distribution of the scores themselves, sign and all, is AlphaGenome's quantile score
(Avsec et al. 2025). Its sign says on which side of the background's median a score lies.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.quantiles import QuantileSketch

_LARGEST = np.finfo(np.float32).max
_SIGN_BIT = np.uint32(1 << 31)
_BODY = np.arange(0, 195) / 200
_TAIL = 1 - 0.03 * 10.0 ** (-np.arange(1, 73) / 16)
NODE_PROBABILITIES: npt.NDArray[np.float64] = np.concatenate((_BODY, _TAIL, [1.0]))
"""Where F is stored: 200 to the unit up to 0.97, then 16 for each factor of ten that is left above, to 1e-6.

A size that lies between two nodes is interpolated, so its rank is off by less than their distance: 0.005 in
the body, and 16 % of 1 - F in the tail, in the worst of cases; a tenth of that where the distribution is smooth.
"""

_UPPER = 1 - 0.02 * 10.0 ** (-np.arange(0, 37) / 8)
SIGNED_PROBABILITIES: npt.NDArray[np.float64] = np.concatenate(
    ([0.0], 1 - _UPPER[::-1], np.arange(3, 98) / 100, _UPPER, [1.0])
)
"""Where G is stored: 100 to the unit from 0.02 to 0.98, then 8 for each factor of ten that is left on either side."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """A distribution of some columns, at some of its quantiles.

    Attributes:
        probabilities: float64 [nodes], ascending from 0 to 1.
        values: float32 [columns, nodes], ascending.
    """

    probabilities: npt.NDArray[np.float64]
    values: npt.NDArray[np.float32]

    @classmethod
    def of_sizes(cls, sketch: QuantileSketch) -> Self:
        """Sizes of the background's values, interpolated as Hazen does: the i-th of n has (i - 1/2) / n."""
        kept = _resolved(NODE_PROBABILITIES, sketch.count)
        return cls(kept, sketch.sizes_at(_ranks(kept, sketch.count)).astype(np.float32))

    @classmethod
    def of_values(cls, sketch: QuantileSketch) -> Self:
        """The values themselves, likewise; their ranks have the sketch's error in the tails as well."""
        kept = _resolved(SIGNED_PROBABILITIES, sketch.count)
        return cls(kept, sketch.values_at(_ranks(kept, sketch.count)).astype(np.float32))

    def take(self, columns: npt.NDArray[np.intp]) -> Self:
        """Some columns, in the order given."""
        return type(self)(self.probabilities, self.values[columns])


def _resolved(probabilities: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Those that so many values tell from the smallest and the largest, and the two ends."""
    ends = (probabilities == 0) | (probabilities == 1)
    return probabilities[ends | ((probabilities > 0.5 / count) & (probabilities < 1 - 0.5 / count))]


def _ranks(probabilities: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    return node_probabilities(probabilities, count) * count - 0.5


def node_probabilities(probabilities: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """What nodes can stand for with so many values: the smallest has rank 1/2 of `count`, the largest 1/2 less.

    So no quantile reaches -1 or 1: a size beyond the whole background gets 1 - 1 / (2 count).
    """
    return np.clip(probabilities, 0.5 / count, 1 - 0.5 / count)


class RankTable:
    """Looks up values of all columns in one search.

    The bits of a float32, with the sign's turned over and those of a negative number all, are ordered as the
    numbers are. With the column in front they make one ascending list of all columns' nodes, each column's
    between the smallest number that there can be and the largest that there is.
    """

    def __init__(self, nodes: Nodes, count: int, *, of_sizes: bool = True) -> None:
        """Prepare the list.

        Args:
            nodes: The distribution.
            count: Values that it was made of.
            of_sizes: It is one of sizes, which begin at 0; otherwise of scores with their signs.
        """
        inside = node_probabilities(nodes.probabilities, count)
        self._probabilities = np.concatenate(([0.0] if of_sizes else inside[:1], inside, inside[-1:]))
        framed = np.pad(nodes.values + np.float32(0), ((0, 0), (1, 1)))  # no -0
        framed[:, 0], framed[:, -1] = 0 if of_sizes else -_LARGEST, _LARGEST
        self._columns, self._width = framed.shape
        self._nodes = framed.ravel()
        self._slopes = _slopes(framed, self._probabilities).ravel()
        self._keys = self._key(framed)

    def signed_quantiles(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The signed quantile of each value.

        Equal values take the middle of the ranks that they share; between nodes it is interpolated, below the
        smallest down to 0.

        Args:
            values: float32 [batch, columns].

        Returns:
            float32 [batch, columns] in [-1, 1]; not a number where the value is not.
        """
        # Neighbours in a column follow each other: the search begins where the last one ended.
        sizes = np.ascontiguousarray(np.fmin(np.abs(values, dtype=np.float32), _LARGEST).T)
        quantiles = np.copysign(self._quantiles(sizes).T, values, dtype=np.float32)
        quantiles[values == 0] = 0
        quantiles[np.isnan(values)] = np.nan
        return quantiles

    def centred_quantiles(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """2 G(x) - 1 of each value x, for a distribution of scores with their signs.

        Args:
            values: float32 [batch, columns].

        Returns:
            float32 [batch, columns] in (-1, 1); ties, and what is not a number, as in `signed_quantiles`.
        """
        inside = np.fmax(np.fmin(values, _LARGEST), -_LARGEST, dtype=np.float32) + np.float32(0)
        quantiles = 2 * self._quantiles(np.ascontiguousarray(inside.T)).T - np.float32(1)
        quantiles[np.isnan(values)] = np.nan
        return quantiles

    def _key(self, numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
        """Keys of [columns, any number], one after another."""
        bits = numbers.view(np.uint32)
        keys = np.where(bits & _SIGN_BIT, ~bits, bits | _SIGN_BIT).astype(np.uint64)
        keys |= np.arange(self._columns, dtype=np.uint64)[:, None] << np.uint64(32)
        return keys.ravel()

    def _quantiles(self, sizes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The distribution at numbers [columns, batch]; of sizes that are 0 it is anything."""
        keys = self._key(sizes)
        above = np.searchsorted(self._keys, keys)
        below = above - 1
        found = sizes.ravel() - self._nodes[below].astype(np.float64)
        found *= self._slopes[above]
        starts = np.repeat(np.arange(self._columns) * self._width, sizes.shape[1])
        found += self._probabilities[below - starts]
        tied = np.flatnonzero(self._nodes[above] == sizes.ravel())
        ends = np.searchsorted(self._keys, keys[tied], side="right")
        shared = self._probabilities[above[tied] - starts[tied]] + self._probabilities[ends - 1 - starts[tied]]
        found[tied] = shared / 2
        return found.reshape(sizes.shape).astype(np.float32)


def _slopes(nodes: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By how much F rises per unit from the node before to each node [columns, nodes]; 0 at the first."""
    slopes = np.zeros(nodes.shape)
    distances = np.diff(nodes.astype(np.float64), axis=1)
    np.divide(np.diff(probabilities), distances, out=slopes[:, 1:], where=distances > 0)
    return slopes
