"""From a stored grid of quantiles to the signed quantile of a score.

The signed quantile of x is sign(x) * F(abs(x)), where F is the distribution of sizes in the background. It is
what 2 F(x) - 1 (AlphaGenome's) is of a background in which each variant stands twice, with REF and ALT either
way round, which is how it should be read: which allele is REF is an accident of the genome's assembly. So the
sign is the score's own, and swapping the alleles negates the quantile exactly. 0 is no effect and stays 0.
"""

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.quantiles import QuantileSketch

_BODY = np.arange(0, 195) / 200
_TAIL = 1 - 0.03 * 10.0 ** (-np.arange(1, 73) / 16)
NODE_PROBABILITIES: npt.NDArray[np.float64] = np.concatenate((_BODY, _TAIL, [1.0]))
"""Where F is stored: 200 to the unit up to 0.97, then 16 for each factor of ten that is left above, to 1e-6.

A size that lies between two nodes is interpolated, so its rank is off by less than their distance: 0.005 in
the body, and 15 % of 1 - F in the tail, in the worst of cases; a tenth of that where the distribution is smooth.
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
    in front they make one ascending list of all columns' nodes.
    """

    def __init__(
        self, nodes: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float64], count: int
    ) -> None:
        """Prepare the list.

        Args:
            nodes: float32 [columns, nodes], ascending, 0 or more.
            probabilities: float64 [nodes], ascending in [0, 1].
            count: Values that the nodes were made of.
        """
        columns, self._width = nodes.shape
        self._nodes = nodes
        self._probabilities = node_probabilities(probabilities, count)
        self._columns = np.arange(columns)
        self._keys = self._key(np.ascontiguousarray(nodes.T)).T.ravel()

    def signed_quantiles(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The signed quantile of each value.

        Equal values take the middle of the ranks that they share; between nodes it is interpolated, below the
        smallest down to 0.

        Args:
            values: float32 [batch, columns].

        Returns:
            float32 [batch, columns] in [-1, 1]; not a number where the value is not.
        """
        sizes = np.abs(values, dtype=np.float32)
        # Neighbours in a column follow each other: the search begins where the last one ended.
        ordered = self._key(sizes).T.ravel()
        places = np.searchsorted(self._keys, ordered).reshape(len(self._columns), -1).T
        places -= self._columns * self._width
        quantiles = np.copysign(self._quantiles(sizes, places), values)
        quantiles[values == 0] = 0
        quantiles[np.isnan(values)] = np.nan
        return quantiles.astype(np.float32)

    def _key(self, sizes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
        bits = np.abs(sizes).view(np.uint32).astype(np.uint64)
        return bits | (self._columns.astype(np.uint64) << np.uint64(32))

    def _quantiles(
        self, sizes: npt.NDArray[np.float32], places: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """F of sizes; `places` says how many nodes of the column are smaller."""
        last = self._width - 1
        above = np.minimum(places, last)
        below = np.maximum(places - 1, 0)
        high = self._nodes[self._columns, above].astype(np.float64)
        low = np.where(places == 0, 0.0, self._nodes[self._columns, below])
        least = np.where(places == 0, 0.0, self._probabilities[below])
        distance = high - low
        share = np.divide(sizes - low, distance, out=np.ones_like(distance), where=distance > 0)
        found = least + (self._probabilities[above] - least) * np.clip(share, 0.0, 1.0)
        found[places > last] = self._probabilities[last]
        tied = (high == sizes) & (places <= last)
        found[tied] = self._middle(sizes, places, tied)
        return found

    def _middle(
        self,
        sizes: npt.NDArray[np.float32],
        places: npt.NDArray[np.int64],
        tied: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.float64]:
        """The middle of the ranks that the nodes equal to a size span."""
        ends = np.searchsorted(self._keys, self._key(sizes)[tied], side="right")
        ends -= np.broadcast_to(self._columns * self._width, tied.shape)[tied]
        middle: npt.NDArray[np.float64] = (
            self._probabilities[places[tied]] + self._probabilities[ends - 1]
        ) / 2
        return middle
