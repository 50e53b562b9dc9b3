"""How one score is distributed over one class of the background's variants."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.quantiles import QuantileSketch
from enformer_vep.calibration.ranks import Nodes, RankTable
from enformer_vep.calibration.transform import RobustScale
from enformer_vep.genome.alleles import VariantClass

NORMAL_RANGE = np.float32(1.3489795)
"""Interquartile range of a normal distribution in standard deviations: twice the quantile of 3/4."""


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Of one score over the variants of one class.

    Attributes:
        count: Values that it was made of.
        sizes: Distribution of their sizes.
        scale: Their median and interquartile range.
        signed: Distribution of the values themselves; None for a score without a sign, where it is that of sizes.
    """

    count: int
    sizes: Nodes
    scale: RobustScale
    signed: Nodes | None = None

    @classmethod
    def of_sketch(cls, sketch: QuantileSketch, *, is_signed: bool) -> Self:
        """Fit it."""
        signed = Nodes.of_values(sketch) if is_signed else None
        return cls(sketch.count, Nodes.of_sizes(sketch), RobustScale.of_sketch(sketch, flat=np.nan), signed)

    def take(self, columns: npt.NDArray[np.intp]) -> Self:
        """Of some labels, in the order given."""
        signed = None if self.signed is None else self.signed.take(columns)
        return type(self)(self.count, self.sizes.take(columns), self.scale.take(columns), signed)

    def zscores(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Distance from the median in standard deviations of the normal distribution with these quartiles.

        Args:
            values: float32 [batch, labels].

        Returns:
            The same; not a number where the background has no spread.
        """
        return self.scale(values) * NORMAL_RANGE

    def size_ranks(self) -> RankTable:
        """Looks up ranks of sizes."""
        return RankTable(self.sizes, self.count)

    def signed_ranks(self) -> RankTable | None:
        """Looks up ranks of scores with their signs; None for a score without."""
        return None if self.signed is None else RankTable(self.signed, self.count, of_sizes=False)


def rows_by_class(classes: Sequence[VariantClass]) -> dict[VariantClass, npt.NDArray[np.intp]]:
    """Which rows are of each class, ascending; classes in the order in which they come."""
    places: dict[VariantClass, list[int]] = {}
    for place, one in enumerate(classes):
        places.setdefault(one, []).append(place)
    return {one: np.array(some, dtype=np.intp) for one, some in places.items()}
