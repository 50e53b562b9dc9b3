"""Candidate elements and the genes that they are paired with; which pairs a model can say something about, and why not.

Coordinates are 0-based and half-open, as in BED.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.variants import Status
from enformer_vep.genome.windows import window_start

logger = logging.getLogger(__name__)

_KNOWN = frozenset(b"ACGT")
_VERSION = re.compile(r"\.\d+$")


@dataclass(frozen=True, slots=True)
class Element:
    """A stretch of a contig that may regulate a gene.

    Attributes:
        contig: As the file names it.
        start: 0-based first base.
        end: 0-based half-open end, after the start.
        name: As the file has it; "." when it has none.
    """

    contig: str
    start: int
    end: int
    name: str = "."

    @property
    def centre(self) -> int:
        """0-based position of the middle, rounded down."""
        return (self.start + self.end) // 2

    def __len__(self) -> int:
        """Base pairs."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class WantedPair:
    """An element, and the gene that it is to be paired with.

    Attributes:
        element: The element.
        gene_id: Identifier of the gene; empty when the input has none.
        gene_name: Its name, likewise. Without either the element is paired with all genes near it.
    """

    element: Element
    gene_id: str = ""
    gene_name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What the gene is looked up by, in this order; none for all genes near the element."""
        return tuple(name for name in (self.gene_id, self.gene_name) if name)


@dataclass(frozen=True, slots=True)
class Pair:
    """What becomes one row.

    Attributes:
        wanted: What the input says.
        gene: The gene; None when there is none near the element, or the annotation has none of that name.
        status: Whether the pair can be scored, and if not, why.
    """

    wanted: WantedPair
    gene: Gene | None
    status: Status

    @property
    def element(self) -> Element:
        """The element."""
        return self.wanted.element

    @property
    def distance(self) -> int | None:
        """From the gene's representative start to the element's centre, in bp, positive downstream along the gene.

        None where there is no gene, or it is on another contig.
        """
        if self.gene is None or contig_key(self.gene.contig) != contig_key(self.element.contig):
            return None
        away = self.element.centre - self.gene.representative
        return away if self.gene.forward else -away


@dataclass(frozen=True, slots=True)
class GenePairs:
    """Pairs that share a window.

    Attributes:
        gene: Their gene; None for pairs without one.
        pairs: At least one.
    """

    gene: Gene | None
    pairs: tuple[Pair, ...]

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Of each pair."""
        return tuple(pair.status for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far from a gene an element may lie.

    Attributes:
        window: Window length in bp.
        shifts: Shifts that windows are averaged over, in bp.
        within: Elements further from a gene, in bp from their centre, are not paired with it unless asked for.
    """

    window: int
    shifts: Sequence[int]
    within: int

    def holds(self, gene: Gene, element: Element) -> bool:
        """Whether a window on the gene's representative start holds all of an element, under every shift."""
        start = window_start(gene.representative, self.window)
        first, last = start + max(self.shifts), start + min(self.shifts) + self.window
        return first <= element.start and element.end <= last


def plan_pairs(wanted: Sequence[WantedPair], genome: Genome, genes: GeneIndex, reach: Reach) -> list[GenePairs]:
    """Decides which pairs there are, and which of them can be scored.

    Args:
        wanted: Elements, or pairs.
        genome: The reference.
        genes: The annotation, on the genome's contigs.
        reach: Of a window.

    Returns:
        Pairs by gene, genes in the order of the annotation, elements in their own; last, if there are any, those
        without a gene. Every element, and every pair that was asked for, is in there; one that comes again, under
        another name perhaps, once, and the log says how many do.
    """
    found: dict[Gene | None, dict[tuple[object, ...], Pair]] = defaultdict(dict)
    names = _names_of(genes)
    statuses: dict[Element, Status] = {}
    repeated = 0
    for one in wanted:
        element = one.element
        status = statuses.get(element) or statuses.setdefault(element, check_element(element, genome, reach.window))
        contig = genome.resolve(element.contig)
        pairs = [_named(one, contig, status, names, reach)] if one.names else _near(one, contig, status, genes, reach)
        for pair in pairs:
            key = (contig or element.contig, element.start, element.end, one.names if pair.gene is None else ())
            repeated += key in found[pair.gene]
            found[pair.gene].setdefault(key, pair)
    if repeated:
        logger.info("%d pairs repeat earlier ones: left out", repeated)
    order: list[Gene | None] = [*(gene for gene in genes if gene in found), *([None] if None in found else [])]
    return [GenePairs(gene, tuple(found[gene].values())) for gene in order]


def check_element(element: Element, genome: Genome, window: int) -> Status:
    """Says whether an element by itself can be scored in a window of so many bp: `Status.OK` or the reason."""
    contig = genome.resolve(element.contig)
    if contig is None:
        return Status.UNKNOWN_CONTIG
    if element.end > genome.contigs[contig]:
        return Status.OUTSIDE_CONTIG
    if len(element) > window // 2:
        return Status.TOO_LONG
    return Status.OK if _KNOWN.issuperset(genome.fetch(contig, element.start, element.end)) else Status.GAP


def _near(one: WantedPair, contig: str | None, status: Status, genes: GeneIndex, reach: Reach) -> Iterator[Pair]:
    """An element and every gene near it; by itself when there is none."""
    element = one.element
    near: tuple[Gene, ...] = ()
    if contig is not None and status is Status.OK:
        near = genes.represented_within(contig, element.centre - reach.within, element.centre + reach.within + 1)
    for gene in near:
        yield Pair(one, gene, Status.OK if reach.holds(gene, element) else Status.OUT_OF_REACH)
    if not near:
        yield Pair(one, None, Status.NO_GENE if status is Status.OK else status)


def _named(
    one: WantedPair, contig: str | None, status: Status, names: Mapping[str, Sequence[Gene]], reach: Reach
) -> Pair:
    """An element and the gene that was asked for."""
    gene = _find(one, contig, names)
    if status is Status.OK and gene is None:
        status = Status.NO_TSS
    elif status is Status.OK and gene is not None and not (gene.contig == contig and reach.holds(gene, one.element)):
        status = Status.OUT_OF_REACH
    return Pair(one, gene, status)


def _find(one: WantedPair, contig: str | None, names: Mapping[str, Sequence[Gene]]) -> Gene | None:
    """The gene of one of the names, on the element's contig if there is one; the nearest of several."""
    for name in one.names:
        candidates = names.get(name) or names.get(_VERSION.sub("", name), ())
        near = [gene for gene in candidates if gene.contig == contig] or candidates
        if near:
            return min(near, key=lambda gene: abs(gene.representative - one.element.centre))
    return None


def _names_of(genes: Iterable[Gene]) -> dict[str, list[Gene]]:
    """Genes by identifier, with and without its version, and by name."""
    names: dict[str, list[Gene]] = defaultdict(list)
    for gene in genes:
        for name in dict.fromkeys((gene.identifier, _VERSION.sub("", gene.identifier), gene.name)):
            names[name].append(gene)
    return names
