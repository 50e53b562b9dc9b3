"""In which window a variant is scored, and which of its output bins are read. Pure functions of positions.

Coordinates of the genome are 0-based and half-open; bins count from 0 at the first bin that is predicted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from enformer_vep.genome.bins import Geometry, bins_before
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import centre_index, window_start


@dataclass(frozen=True, slots=True)
class Readout:
    """What becomes one row.

    Attributes:
        bins: Bins that are read, numbered from the first in use; None for all.
        context: Cells of the layout's context columns.
    """

    bins: Sequence[int] | None = None
    context: tuple[int | str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A variant in a window.

    Attributes:
        variant: The ALT allele, where it is scored: an indel's record may have it elsewhere in a repeat.
        shift: How far its window lies from the one centred on it, in bp along the genome.
        readouts: Rows that come of it.
    """

    variant: Variant
    shift: int = 0
    readouts: tuple[Readout, ...] = (Readout(),)

    def window_start(self, length: int) -> int:
        """0-based start of its window of `length` bp."""
        return window_start(self.variant.start, length, self.shift)


def place_in_window(variant: Variant, start: int, geometry: Geometry, count: int | None) -> Placed:
    """Place a variant in a window that is not centred on it.

    Args:
        variant: The ALT allele.
        start: 0-based start of the window.
        geometry: Window, and the bins in use.
        count: Number of bins around the variant that are read; None for all.

    Returns:
        The placement, a row; its context is the 1-based first position of the window.
    """
    shift = start - window_start(variant.start, geometry.window)
    bins = geometry.bins_around(centre_index(geometry.window) - shift, count)
    return Placed(variant, shift, (Readout(bins, (start + 1,)),))


class Placer(Protocol):
    """Decides where a variant is scored, knowing that variant alone."""

    def place(self, variant: Variant, written: int | None = None) -> tuple[Placed, ...]:
        """Find its windows.

        Args:
            variant: The ALT allele, where it is scored.
            written: 0-based position in its record, which distances are counted from; None for the same.

        Returns:
            In the order of its rows; none when no gene is in reach.
        """
        ...


@dataclass(frozen=True, slots=True)
class OwnWindow:
    """A window centred on the variant, or the nearest one on a grid; some or all bins read.

    Attributes:
        geometry: Of the model.
        count: Number of bins around the variant; None for all.
        grid: Where windows may begin; None for anywhere.
    """

    geometry: Geometry
    count: int | None = None
    grid: WindowGrid | None = None

    def place(self, variant: Variant, written: int | None = None) -> tuple[Placed, ...]:
        """One window, one row."""
        if self.grid is not None:
            return (place_in_window(variant, self.grid.around(variant.start), self.geometry, self.count),)
        bins = self.geometry.bins_around(centre_index(self.geometry.window), self.count)
        return (Placed(variant, 0, (Readout(bins),)),)


@dataclass(frozen=True, slots=True)
class GenesAround:
    """A window around the variant; a row for each gene with a transcription start in the bins in use.

    Attributes:
        geometry: Of the model.
        genes: The annotation.
        resolve: The genome's own name of a contig.
        tss_bins: Bins per transcription start, see `transcription_bins`.
        grid: Where windows may begin; None for anywhere.
    """

    geometry: Geometry
    genes: GeneIndex
    resolve: Callable[[str], str | None]
    tss_bins: int
    grid: WindowGrid | None = field(default=None, kw_only=True)

    def place(self, variant: Variant, written: int | None = None) -> tuple[Placed, ...]:
        """One window, a row for each gene in reach; no window when there is none."""
        start = self._window_around(variant.start)
        first = start + self.geometry.first
        contig = self.resolve(variant.contig) or ""
        genes = self.genes.within(contig, first, first + self.geometry.predicted)
        readouts = tuple(self._readout(gene, _written(variant, written), start) for gene in genes)
        shift = start - window_start(variant.start, self.geometry.window)
        return (Placed(variant, shift, readouts),) if readouts else ()

    def _window_around(self, position: int) -> int:
        return window_start(position, self.geometry.window) if self.grid is None else self.grid.around(position)

    def _readout(self, gene: Gene, written: int, start: int) -> Readout:
        bins = transcription_bins(gene.starts, start, self.geometry, self.tss_bins)
        used = sum(0 <= self.geometry.bin_of(site - start) < self.geometry.bins for site in gene.starts)
        window = () if self.grid is None else (start + 1,)
        return Readout(bins, (gene.identifier, gene.name, gene.distance(written), used, *window))


@dataclass(frozen=True, slots=True)
class GeneWindows(GenesAround):
    """For each gene in reach a window on its representative start, which is where a variant's first REF base would be.

    On a grid it is the nearest window to that one. A gene is in reach when the whole REF lies in its window, under
    every shift.

    Attributes:
        shifts: Shifts that windows are averaged over, in bp.
    """

    shifts: Sequence[int]

    def place(self, variant: Variant, written: int | None = None) -> tuple[Placed, ...]:
        """A window and a row for each gene in reach."""
        window, centre = self.geometry.window, centre_index(self.geometry.window)
        slack = 0 if self.grid is None else self.grid.slack
        # Window starts at representative - centre + shift; it has to be at or left of REF and to end at or right of it.
        first = variant.end - window + centre - min(self.shifts) + slack
        last = variant.start + centre - max(self.shifts) - slack
        contig = self.resolve(variant.contig) or ""
        near = self.genes.represented_within(contig, first, last + 1) if first <= last else ()
        placed = [self._placed(variant, gene, _written(variant, written)) for gene in near]
        return tuple(one for one in placed if one.readouts[0].bins)

    def _placed(self, variant: Variant, gene: Gene, written: int) -> Placed:
        start = self._window_around(gene.representative)
        shift = start - window_start(variant.start, self.geometry.window)
        return Placed(variant, shift, (self._readout(gene, written, start),))


def _written(variant: Variant, written: int | None) -> int:
    return variant.start if written is None else written


def transcription_bins(starts: Sequence[int], window: int, geometry: Geometry, tss_bins: int) -> tuple[int, ...]:
    """The distinct bins of a gene's transcription starts and their neighbours.

    An even number has one more bin behind the start's own than before it, as `Geometry.bins_around` has it, on
    either strand. A start outside the bins in use counts for nothing, even where its neighbours would be inside;
    neighbours outside are left out.

    Args:
        starts: 0-based positions on the genome.
        window: 0-based start of the window.
        geometry: Of the model.
        tss_bins: Bins per start.

    Returns:
        Ascending bins, each once.
    """
    own = {geometry.bin_of(start - window) for start in starts}
    firsts = [one - bins_before(tss_bins) for one in own if 0 <= one < geometry.bins]
    every = {near for first in firsts for near in range(first, first + tss_bins)}
    return tuple(sorted(near for near in every if 0 <= near < geometry.bins))
