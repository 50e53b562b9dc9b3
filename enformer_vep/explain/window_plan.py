"""Which windows are explained, and which of their bins are asked.

Positions and starts are 0-based; bins count from 0 at the first one in use.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.checks import reference_matches
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.placing import transcription_bins
from enformer_vep.genome.regions import CONTIG_END, Region, parse_region
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.windows import window_start
from enformer_vep.settings import GeneSettings
from enformer_vep.settings.explain_attention import CENTER, TSS

logger = logging.getLogger(__name__)

_BASES = frozenset("ACGTN")
NOWHERE = "."
"""Contig of a gene that the annotation does not have."""


@dataclass(frozen=True, slots=True)
class Query:
    """Bins of a window whose rows of the map are averaged into one.

    Attributes:
        name: What they are: "center", a gene's name, or a position as the user wrote it.
        bins: Ascending bins in use.
    """

    name: str
    bins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MapWindow:
    """A window, or the reason why there is none.

    Attributes:
        name: Unlike that of any other window of the run.
        contig: The genome's own name, or that of the input where the genome has none.
        position: What the window is centred on.
        status: `Status.OK`, or why there is no map.
        start: Start of the window that is not shifted; may be negative.
        queries: Rows that are wanted.
        gene: The gene that the window is on; None where it is on something else.
    """

    name: str
    contig: str
    position: int
    status: Status = Status.OK
    start: int = 0
    queries: tuple[Query, ...] = ()
    gene: Gene | None = field(default=None, compare=False)

    def edges(self, geometry: Geometry, length: int) -> Iterator[tuple[int, int, int]]:
        """Bin, start and end of every bin in use that has a base of its contig of `length` bp, cut to the contig."""
        first = self.start + geometry.first
        for number in range(geometry.bins):
            start = first + number * geometry.width
            end = min(start + geometry.width, length)
            if max(start, 0) < end:
                yield number, max(start, 0), end


def centres_of_variants(variants: Iterable[Variant], genome: Genome) -> Iterator[MapWindow]:
    """A window for each record, whatever its ALT alleles: maps are of the reference."""
    last = -1
    for variant in variants:
        if variant.record != last:
            last = variant.record
            name = variant.id if variant.id != "." else f"{variant.contig}:{variant.position}"
            window = _located(name, variant.contig, variant.start, genome)
            if window.status is Status.OK and not _has_reference(variant, window.contig, genome):
                window = replace(window, status=Status.REF_MISMATCH)
            yield window


def centres_of_regions(regions: Iterable[Region], genome: Genome) -> Iterator[MapWindow]:
    """A window for each region, on its middle; raises UsageError for one without an end."""
    for region in regions:
        yield _located(_name_of(region), region.contig, middle_of(region), genome)


def centres_of_genes(genes: GeneIndex, wanted: Sequence[str]) -> Iterator[MapWindow]:
    """A window for each gene, on the start that stands for it; one without a map for names that are not found."""
    found, absent = choose_genes(genes, wanted)
    for gene in found:
        yield MapWindow(gene.name, gene.contig, gene.representative, gene=gene)
    for name in absent:
        yield MapWindow(name, NOWHERE, 0, Status.NO_TSS)


def choose_genes(genes: GeneIndex, wanted: Sequence[str]) -> tuple[tuple[Gene, ...], tuple[str, ...]]:
    """The genes of some names or identifiers (their version may be left out), all when there are none.

    Returns:
        The genes in the order of the annotation, and the names that no gene has.
    """
    if not wanted:
        return tuple(genes), ()
    names = set(wanted)
    found, known = [], set[str]()
    for gene in genes:
        hits = names & {gene.name, gene.identifier, gene.identifier.partition(".")[0]}
        known |= hits
        if hits:
            found.append(gene)
    return tuple(found), tuple(name for name in dict.fromkeys(wanted) if name not in known)


def middle_of(region: Region) -> int:
    """0-based position in the middle of a region, the right one of two; raises UsageError for one without an end."""
    if region.end == CONTIG_END:
        raise UsageError(f"region {region.contig} has no middle: write chr22:1000, or chr22:1000-2000")
    return (region.start + region.end) // 2


class QuerySettings(Protocol):
    """What settings say of windows and queries; see `AttentionSettings`."""

    @property
    def window_grid(self) -> bool:
        """Whether windows begin at multiples of a bin's width."""

    @property
    def queries(self) -> tuple[str, ...] | None:
        """Which bins; None for the usual ones."""

    @property
    def center_bins(self) -> int:
        """Bins of a position."""

    @property
    def genes(self) -> GeneSettings | None:
        """How genes are read out."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Places windows and finds the bins of their queries.

    Attributes:
        genome: The reference.
        genes: Genes whose starts are asked for; None for none.
        geometry: Window, and the bins in use.
        settings: What was asked for.
    """

    genome: Genome
    genes: GeneIndex | None
    geometry: Geometry
    settings: QuerySettings

    def plan(self, centres: Iterable[MapWindow]) -> list[MapWindow]:
        """Place every window.

        Returns:
            In the order of the genome's contigs and of starts, so that maps that overlap follow each other; windows
            that have no map come last, in the order of the input.
        """
        placed = [self._placed(window) if window.status is Status.OK else window for window in _distinct(centres)]
        order = {contig: number for number, contig in enumerate(self.genome.contigs)}
        mapped = sorted(
            (window for window in placed if window.status is Status.OK),
            key=lambda window: (order[window.contig], window.start, window.name),
        )
        return [*mapped, *(window for window in placed if window.status is not Status.OK)]

    def _placed(self, window: MapWindow) -> MapWindow:
        length = self.geometry.window
        grid = WindowGrid(length, self.geometry.width) if self.settings.window_grid else None
        start = window_start(window.position, length) if grid is None else grid.around(window.position)
        window = replace(window, start=start)
        wanted = self.settings.queries or _usual_queries(window, self.genes is not None)
        queries = [query for word in wanted for query in self._queries(word, window)]
        status = Status.OK if queries else Status.NO_GENE if TSS in wanted else Status.OUT_OF_REACH
        return replace(window, queries=tuple(queries), status=status)

    def _queries(self, word: str, window: MapWindow) -> Iterator[Query]:
        if word == CENTER:
            yield from self._around(word, window.position, window)
        elif word != TSS:
            region = parse_region(word)
            if self.genome.resolve(region.contig) == window.contig:
                yield from self._around(word, middle_of(region), window)
        else:
            for gene in self._genes_of(window):
                bins = transcription_bins(gene.starts, window.start, self.geometry, self._tss_bins)
                if bins:
                    yield Query(gene.name, bins)

    def _around(self, name: str, position: int, window: MapWindow) -> Iterator[Query]:
        bins = transcription_bins((position,), window.start, self.geometry, self.settings.center_bins)
        if bins:
            yield Query(name, bins)

    def _genes_of(self, window: MapWindow) -> tuple[Gene, ...]:
        if window.gene is not None:
            return (window.gene,)
        first = window.start + self.geometry.first
        return self.genes.within(window.contig, first, first + self.geometry.predicted) if self.genes else ()

    @property
    def _tss_bins(self) -> int:
        return self.settings.genes.tss_bins if self.settings.genes else 1


def _usual_queries(window: MapWindow, with_genes: bool) -> tuple[str, ...]:
    if window.gene is not None:
        return (TSS,)
    return (CENTER, TSS) if with_genes else (CENTER,)


def _distinct(centres: Iterable[MapWindow]) -> list[MapWindow]:
    """Windows with names that are all different: files are named after them."""
    windows = list(centres)
    seen, taken = Counter[str](), {window.name for window in windows}
    result = []
    for window in windows:
        name = window.name
        seen[name] += 1
        if seen[name] > 1:
            number = seen[name]
            while f"{name}.{number}" in taken:
                number += 1
            name = f"{name}.{number}"
            taken.add(name)
        result.append(replace(window, name=name))
    return result


def _located(name: str, contig: str, position: int, genome: Genome) -> MapWindow:
    own = genome.resolve(contig)
    if own is None:
        return MapWindow(name, contig, position, Status.UNKNOWN_CONTIG)
    inside = 0 <= position < genome.contigs[own]
    return MapWindow(name, own, position, Status.OK if inside else Status.OUTSIDE_CONTIG)


def _has_reference(variant: Variant, contig: str, genome: Genome) -> bool:
    """Whether REF is what the genome has; of REF that are no letters nothing is known, and nothing is needed."""
    if not _BASES.issuperset(variant.reference.upper()):
        return True
    letters = genome.fetch(contig, variant.start, variant.end).decode("ascii", "replace")
    return reference_matches(variant.reference, letters)


def _name_of(region: Region) -> str:
    first = region.start + 1
    return f"{region.contig}:{first}" if region.end <= first else f"{region.contig}:{first}-{region.end}"
