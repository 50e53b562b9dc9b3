"""From a stored grid of quantiles to the signed quantile of a score.

The signed quantile of x is sign(x) * F(abs(x)), where F is the distribution of sizes in the background. It is
what 2 F(x) - 1 (AlphaGenome's) is of a background in which each variant stands twice, with REF and ALT either
way round, which is how it should be read: which allele is REF is an accident of the genome's assembly. So the
sign is the score's own, and swapping the alleles negates the quantile exactly. 0 is no effect and stays 0.
"""

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.quantiles import QuantileSketch

_LARGEST = np.finfo(np.float32).max
_BODY = np.arange(0, 195) / 200
_TAIL = 1 - 0.03 * 10.0 ** (-np.arange(1, 73) / 16)
NODE_PROBABILITIES: npt.NDArray[np.float64] = np.concatenate((_BODY, _TAIL, [1.0]))
"""Where F is stored: 200 to the unit up to 0.97, then 16 for each factor of ten that is left above, to 1e-6.

A size that lies between two nodes is interpolated, so its rank is off by less than their distance: 0.005 in
the body, and 16 % of 1 - F in the tail, in the worst of cases; a tenth of that where the distribution is smooth.
"""


def node_probabilities(probabilities: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """What nodes can stand for with so many values: the smallest has rank 1/2 of `count`, the largest 1/2 less.

    So no quantile reaches -1 or 1: a size beyond the whole background gets 1 - 1 / (2 count).
    """
    return np.clip(probabilities, 0.5 / count, 1 - 0.5 / count)


def size_nodes(sketch: QuantileSketch) -> npt.NDArray[np.float32]:
    """Sizes at `NODE_PROBABILITIES`, interpolated as Hazen does: the i-th of n values has (i - 1/2) / n.

    Args:
        sketch: Of the background's values.

    Returns:
        float32 [columns, nodes], ascending.
    """
    ranks = node_probabilities(NODE_PROBABILITIES, sketch.count) * sketch.count - 0.5
    return sketch.sizes_at(ranks).astype(np.float32)


class RankTable:
    """Looks up sizes of all columns in one search.

    The bits of a float32 of 0 or more, read as a whole number, are ordered as the numbers are. With the column
    in front they make one ascending list of all columns' nodes, each column's between a 0 and the largest
    number that there is.
    """

    def __init__(self, nodes: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float64], count: int) -> None:
        """Prepare the list.

        Args:
            nodes: float32 [columns, nodes], ascending, 0 or more.
            probabilities: float64 [nodes], ascending in [0, 1].
            count: Values that the nodes were made of.
        """
        inside = node_probabilities(probabilities, count)
        self._probabilities = np.concatenate(([0.0], inside, inside[-1:]))
        framed = np.pad(nodes, ((0, 0), (1, 1)))
        framed[:, -1] = _LARGEST
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

    def _key(self, sizes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
        """Keys of [columns, any number], one after another."""
        keys = sizes.view(np.uint32).astype(np.uint64)
        keys |= np.arange(self._columns, dtype=np.uint64)[:, None] << np.uint64(32)
        return keys.ravel()

    def _quantiles(self, sizes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """F of sizes [columns, batch]; of 0 it is anything."""
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
