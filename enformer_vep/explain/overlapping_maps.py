"""The mean of square maps that lie along contigs and overlap, a stretch at a time. Pure numpy."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from enformer_vep.tables.cool import Pixels

Floats = npt.NDArray[np.float32]


def symmetrised(maps: Floats) -> Floats:
    """The symmetric part of maps [.., T, T]: (A + its transpose) / 2."""
    return (maps + np.swapaxes(maps, -1, -2)) * np.float32(0.5)


class OverlappingMaps:
    """Averages symmetric maps where they overlap.

    Maps come in the order of contigs and of their first bins. What no later map can reach is handed on, so memory is
    that of two maps.

    Args:
        bins: Bins of the largest map.
    """

    def __init__(self, bins: int) -> None:
        # Row r, column d is the pair of bins (first + r, first + r + d).
        self._sums = np.zeros((bins, bins))
        self._counts = np.zeros((bins, bins), dtype=np.int32)
        self._contig, self._first = "", 0

    def add(self, contig: str, first: int, values: Floats) -> Iterator[Pixels]:
        """Take a map, and give the pixels that it and later ones leave alone.

        Args:
            contig: Where it lies.
            first: Its first bin, counted from the contig's start.
            values: float32 [n, n], symmetric.

        Yields:
            Pixels in order.
        """
        rows = len(self._sums)
        if contig != self._contig:
            yield from self.finish()
            self._contig, self._first = contig, first
        done = min(first - self._first, rows)
        assert done >= 0, "maps come in order"
        yield from self._hand_on(done)
        self._first = first
        for row in range(len(values)):
            self._sums[row, : len(values) - row] += values[row, row:]
            self._counts[row, : len(values) - row] += 1

    def finish(self) -> Iterator[Pixels]:
        """Give what is left."""
        yield from self._hand_on(len(self._sums))

    def _hand_on(self, done: int) -> Iterator[Pixels]:
        counts = self._counts[:done]
        row, distance = np.nonzero(counts)
        if len(row):
            means = self._sums[row, distance] / counts[row, distance]
            yield Pixels(self._contig, self._first + row, self._first + row + distance, means.astype(np.float32))
        for array in (self._sums, self._counts):
            array[: len(array) - done] = array[done:].copy()
            array[len(array) - done :] = 0
