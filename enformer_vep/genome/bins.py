"""Which output bins a run reads, and where they stand in each view of a window.

A view is a window under one shift, read on one strand. Bins are chosen once, in the forward view that is not
shifted, and mapped into the others, so that what is averaged over views covers the same stretch of the genome.
Pure functions; bins are half-open ranges of 0-based numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from enformer_vep.errors import UsageError
from enformer_vep.genome.windows import centre_index


@dataclass(frozen=True, slots=True)
class Geometry:
    """A window and some consecutive output bins of it.

    Attributes:
        window: Window length in bp.
        first: Window index of the first base of the first bin.
        width: Base pairs per bin.
        bins: Number of bins.
    """

    window: int
    first: int
    width: int
    bins: int

    @property
    def predicted(self) -> int:
        """Base pairs from the first bin to the end of the last."""
        return self.width * self.bins

    def bin_of(self, index: int) -> int:
        """Bin of a window index; below 0 or past the last bin where nothing is read."""
        return (index - self.first) // self.width

    def bins_around(self, index: int, count: int | None) -> range | None:
        """Choose bins around a base.

        An odd count is centred on the base's own bin; an even one has a bin more behind it, so that it is
        centred on the middle of the window when the base is at its centre index, the last of a bin.

        Args:
            index: Window index of the base.
            count: Number of bins; None for all.

        Returns:
            The bins; None when those are all.
        """
        if count is None:
            return None
        start = self.bin_of(index) - bins_before(count)
        return None if (start, count) == (0, self.bins) else range(start, start + count)

    def cut(self, start: int, stop: int) -> "Geometry":
        """The same window with fewer bins, [start, stop) of these."""
        return replace(self, first=self.first + start * self.width, bins=stop - start)


def bins_before(count: int) -> int:
    """How many of a number of bins around a base lie before its own; see `Geometry.bins_around`."""
    return (count + 1) // 2 - 1


@dataclass(frozen=True, slots=True)
class BinPlan:
    """The bins of a run.

    Attributes:
        in_use: The window, with the bins that rows may read in the forward view that is not shifted.
        predicted: Bins of the network's output that have to be computed.
        views: For each shift, where the bins in use stand among the predicted ones, once those of the reverse
            strand are flipped.
    """

    in_use: Geometry
    predicted: slice
    views: tuple[slice, ...]


def whole_bins(shift: int, width: int) -> int:
    """How many bins a shift of a window comes to: the nearest whole number, halves towards zero."""
    bins = (abs(shift) + (width - 1) // 2) // width
    return bins if shift >= 0 else -bins


def plan_bins(
    output: Geometry, count: int | None, within: int, shifts: Sequence[int], both_strands: bool, slack: int = 0
) -> BinPlan:
    """Fix the bins of a run.

    Args:
        output: The network's window and all its bins.
        count: Number of bins around each variant; None for all that every view has.
        within: Largest distance in bp between variants that share a window.
        shifts: Shifts that are averaged over, in bp.
        both_strands: Whether the reverse strand is averaged over, too.
        slack: How far, in bp, windows on a grid may lie from those that are centred.

    Raises:
        UsageError: When bins that are wanted leave the output in some view.
    """
    moves = [whole_bins(shift, output.width) for shift in shifts]
    if count is None:
        start, stop = max(0, *moves), output.bins + min(0, *moves)
        if start >= stop:
            raise UsageError(f"--shifts {_listed(shifts)}: these windows have no bin in common; choose smaller ones")
    elif not 1 <= count <= output.bins:
        raise UsageError(f"--bins center:{count}: there are 1 to {output.bins} bins")
    else:
        start, stop = _around_variants(output, count, within, slack)
        if start < max(0, *moves) or stop > output.bins + min(0, *moves):
            raise UsageError(
                f"--bins center:{count}: not all of these bins are predicted, of {output.bins} in a window"
                f"{_circumstances(within, shifts, slack)}; use fewer, or leave --bins out"
            )
    lowest, highest = start - max(moves), stop - min(moves)
    if both_strands:
        lowest = min(lowest, output.bins - highest)
        highest = output.bins - lowest
    views = tuple(slice(start - move - lowest, stop - move - lowest) for move in moves)
    return BinPlan(output.cut(start, stop), slice(lowest, highest), views)


def _around_variants(output: Geometry, count: int, within: int, slack: int) -> tuple[int, int]:
    """From the first bin of the leftmost variant that a window may have to the last of the rightmost."""
    centre = centre_index(output.window)
    # The window is centred on the middle of the outermost variants, rounded down.
    left = output.bin_of(centre - within // 2 - slack)
    right = output.bin_of(centre + (within + 1) // 2 + slack)
    before = bins_before(count)
    return left - before, right - before + count


def _circumstances(within: int, shifts: Sequence[int], slack: int) -> str:
    parts = [f"--share-windows {within}"] if within else []
    parts += ["--window-grid"] if slack else []
    parts += [f"--shifts {_listed(shifts)}"] if any(shifts) else []
    return f" ({', '.join(parts)})" if parts else ""


def _listed(shifts: Iterable[int]) -> str:
    return ",".join(map(str, shifts))
