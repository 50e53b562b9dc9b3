"""Candidate elements and the genes that they are paired with; which pairs a model can say something about, and why not.

Coordinates are 0-based and half-open, as in BED.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_text
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.variants import Status
from enformer_vep.genome.windows import window_start

logger = logging.getLogger(__name__)

_SKIPPED_PREFIXES = ("#", "track ", "track\t", "browser ")
_CONTIG_NAMES = ("chrom", "chr", "chromosome")
_GENE_NAMES = (("gene_id",), ("gene", "gene_name"))
_PAIR_COLUMNS = "chrom, start, end and gene (or gene_id)"
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


def read_wanted_pairs(path: Path) -> tuple[WantedPair, ...]:
    """Reads elements from BED, or pairs of elements and genes from a table, told apart by the table's header.

    BED needs three columns; the fourth is the name. A table is tab-separated and has columns `chrom`, `start`, `end`
    (0-based, half-open) and `gene_id`, `gene` or both, of which the identifier is looked up first; `name` is read as
    well, others are not.

    Returns:
        In the order of the file.

    Raises:
        InputError: The file is missing, damaged or has no element, or a line cannot be understood.
    """
    with open_text(path, "elements") as text:
        lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(text, start=1)]
    wanted = tuple(_read_lines([(number, line) for number, line in lines if line.strip()], path))
    if not wanted:
        raise InputError(f"elements file {path} has no element; give BED, or a table with columns {_PAIR_COLUMNS}")
    return wanted


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


def _read_lines(lines: Sequence[tuple[int, str]], path: Path) -> Iterator[WantedPair]:
    columns = _pair_columns(lines[0][1]) if lines else None
    if columns is None:
        for number, line in lines:
            if not line.startswith(_SKIPPED_PREFIXES):
                yield WantedPair(_element(line.split("\t") if "\t" in line else line.split(), path, number, line))
        return
    named = columns.get("name", len(columns))
    for number, line in lines[1:]:
        cells = line.split("\t")
        # In the order of BED.
        chosen = [cells[at] if at < len(cells) else "" for at in (columns["chrom"], columns["start"], columns["end"])]
        chosen += cells[named : named + 1] if "name" in columns else []
        asked = [_named_in(cells, columns, names) for names in _GENE_NAMES]
        if not any(asked):
            raise InputError(f"{path}, line {number}: {line[:60]!r} names no gene; give it one, or leave the line out")
        yield WantedPair(_element(chosen, path, number, line), *asked)


def _named_in(cells: Sequence[str], columns: Mapping[str, int], names: Sequence[str]) -> str:
    """What a line has in the first of some columns that the table has; empty where it says nothing."""
    place = next((columns[name] for name in names if name in columns), len(cells))
    word = cells[place].strip() if place < len(cells) else ""
    return "" if word in (".", "NA") else word


def _pair_columns(header: str) -> dict[str, int] | None:
    """Places of the columns of a table of pairs; None when the line is no header of one."""
    names = [name.strip().strip('"').lower() for name in header.removeprefix("#").split("\t")]
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    contig = next((places[name] for name in _CONTIG_NAMES if name in places), None)
    if (
        contig is None
        or not {"start", "end"} <= places.keys()
        or places.keys().isdisjoint(name for names in _GENE_NAMES for name in names)
    ):
        return None
    return {**places, "chrom": contig}


def _element(cells: Sequence[str], path: Path, number: int, line: str) -> Element:
    try:
        contig, start, end = cells[0].strip(), int(cells[1]), int(cells[2])
        if not contig or not 0 <= start < end:
            raise ValueError(line)
    except (ValueError, IndexError):
        raise InputError(
            f"{path}, line {number}: {line[:60]!r} is not an element; expected BED (CHROM START END NAME, START before "
            f"END), or a header with the columns {_PAIR_COLUMNS}"
        ) from None
    name = cells[3].strip() if len(cells) > 3 else ""
    return Element(contig, start, end, "_".join(name.split()) or ".")
