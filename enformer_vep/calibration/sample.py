"""A uniform sample of rows, of bounded size, without chance."""

import numpy as np
import numpy.typing as npt

DEFAULT_SIZE = 8192


class RowSample:
    """Keeps the rows whose ordinals have the smallest hashes.

    A hash of the ordinal is as good as a random number, and the same each time. Up to `size` rows are all kept.
    """

    def __init__(self, columns: int, size: int = DEFAULT_SIZE) -> None:
        """Start empty."""
        self._seen = 0
        self._rows = np.empty((size, columns), dtype=np.float32)
        self._priorities = np.empty(size, dtype=np.uint64)
        self._filled = 0

    def add(self, values: npt.NDArray[np.float32]) -> None:
        """Take in float32 [batch, columns]."""
        ordinals = np.arange(self._seen, self._seen + len(values), dtype=np.uint64)
        self._seen += len(values)
        for row, priority in zip(values, _hashes(ordinals), strict=True):
            place = self._filled
            if place < len(self._rows):
                self._filled += 1
            else:
                place = int(self._priorities.argmax())
                if priority >= self._priorities[place]:
                    continue
            self._rows[place], self._priorities[place] = row, priority

    def rows(self) -> npt.NDArray[np.float32]:
        """The sample: float32 [rows, columns]."""
        return self._rows[: self._filled]


def _hashes(ordinals: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea and Flood 2014): one to one, and even in all bits."""
    mixed = (ordinals + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result
