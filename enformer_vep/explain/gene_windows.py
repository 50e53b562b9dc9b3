"""The window of a gene: centred on its representative start, shared by all elements that are scored for the gene."""

from collections.abc import Sequence
from dataclasses import dataclass

from enformer_vep.explain.elements import Element
from enformer_vep.genome.bins import Geometry, whole_bins
from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene
from enformer_vep.genome.placing import transcription_bins
from enformer_vep.genome.windows import window_start


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window under one shift, forward strand, and the genome beside it.

    Attributes:
        start: 0-based position of the window's first base on the contig; negative when it begins before it.
        shift: In bp.
        codes: uint8 [beside + L + beside], base codes.
        beside: Base pairs to either side of the window.
    """

    start: int
    shift: int
    codes: Codes
    beside: int

    @property
    def window(self) -> Codes:
        """uint8 [L], base codes of the window alone."""
        return self.codes[self.beside : len(self.codes) - self.beside]

    def span(self, element: Element) -> tuple[int, int]:
        """Window indices [start, end) of an element."""
        return element.start - self.start, element.end - self.start


@dataclass(frozen=True, slots=True)
class GeneWindow:
    """Where a gene is read out.

    Attributes:
        gene: The gene.
        geometry: Window, and the bins in use.
        bins: Bins of its transcription starts, numbered from the first in use, in the window that is not shifted.
    """

    gene: Gene
    geometry: Geometry
    bins: tuple[int, ...]

    @classmethod
    def of(cls, gene: Gene, geometry: Geometry, tss_bins: int) -> "GeneWindow":
        """Places the window; `tss_bins` are read for each start in it (`transcription_bins`)."""
        start = window_start(gene.representative, geometry.window)
        return cls(gene, geometry, transcription_bins(gene.starts, start, geometry, tss_bins))

    @property
    def starts_in_use(self) -> int:
        """How many transcription starts lie in the bins in use."""
        start, bins = window_start(self.gene.representative, self.geometry.window), range(self.geometry.bins)
        return sum(self.geometry.bin_of(site - start) in bins for site in self.gene.starts)

    def network_bins(self, output: Geometry, shift: int = 0, is_reverse: bool = False) -> tuple[int, ...]:
        """The gene's bins as the network numbers its own, `output`, in a window under a shift, read on a strand."""
        first = (self.geometry.first - output.first) // output.width - whole_bins(shift, output.width)
        bins = tuple(first + one for one in self.bins)
        return tuple(output.bins - 1 - one for one in bins) if is_reverse else bins

    def views(self, genome: Genome, shifts: Sequence[int], beside: int = 0) -> tuple[WindowView, ...]:
        """Cuts it out of the genome, once for each shift."""
        length = self.geometry.window
        starts = [window_start(self.gene.representative, length, shift) for shift in shifts]
        return tuple(
            WindowView(
                start, shift, encode(genome.fetch(self.gene.contig, start - beside, start + length + beside)), beside
            )
            for start, shift in zip(starts, shifts, strict=True)
        )
