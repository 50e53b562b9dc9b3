"""Genes and their transcription start sites, from an annotation."""

import dataclasses
import hashlib
import logging
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from enformer_vep.errors import InputError
from enformer_vep.genome.annotation import Feature, read_features

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene on one contig.

    Attributes:
        identifier: `gene_id` as the annotation writes it, its version kept.
        name: `gene_name`; the identifier when there is none.
        contig: The genome's own name of the contig.
        forward: Whether the gene is on the + strand.
        tss: 0-based position of the gene's own 5' end: what GTEx calls the gene's TSS.
        starts: Sorted distinct 0-based transcription start sites of its transcripts; (tss,) when it has none.
    """

    identifier: str
    name: str
    contig: str
    forward: bool
    tss: int
    starts: tuple[int, ...]

    def distance(self, position: int) -> int:
        """Distance from the gene's TSS, as GTEx defines `tss_distance` in the README of its eQTL files.

        "Positive when variant is downstream of the TSS, negative otherwise": downstream along the gene. The
        numbers in those files, and those of FastQTL and tensorQTL, are position - TSS on either strand, so
        for genes on the - strand they have the opposite sign.

        Args:
            position: 0-based position on the gene's contig.

        Returns:
            Signed distance in bp; 0 at the TSS.
        """
        return position - self.tss if self.forward else self.tss - position


class GeneIndex:
    """Genes that can be looked up by where their transcription starts. Never changes once it is made.

    Attributes:
        fingerprint: Hexadecimal sha256 of the genes, whatever their order.
    """

    __slots__ = ("_genes", "_sites", "_sites_and_tss", "fingerprint")

    def __init__(self, genes: Iterable[Gene]) -> None:
        """Sorts the start sites of any genes, in any order."""
        self._genes = tuple(genes)
        self.fingerprint = _fingerprint(self._genes)
        self._sites = _sorted_sites(self._genes, lambda gene: gene.starts)
        self._sites_and_tss = _sorted_sites(self._genes, lambda gene: {*gene.starts, gene.tss})

    def __len__(self) -> int:
        """How many genes there are."""
        return len(self._genes)

    def __iter__(self) -> Iterator[Gene]:
        """The genes, in the order in which they were given."""
        return iter(self._genes)

    def within(self, contig: str, start: int, end: int) -> tuple[Gene, ...]:
        """Finds the genes whose transcription starts in a stretch.

        Args:
            contig: The genome's own name of the contig.
            start: 0-based first position.
            end: 0-based half-open end.

        Returns:
            Every gene with at least one of its `starts` in [start, end), once, ordered by the first such
            start and then by identifier.
        """
        return self._find(self._sites, contig, start, end)

    def with_tss_within(self, contig: str, start: int, end: int) -> tuple[Gene, ...]:
        """Finds the genes whose own TSS lies in a stretch, given as to `within`.

        Returns:
            Every gene with its `tss` in [start, end), once, ordered by the first of its `tss` and `starts`
            there and then by identifier.
        """
        genes = self._find(self._sites_and_tss, contig, start, end)
        return tuple(gene for gene in genes if start <= gene.tss < end)

    def _find(self, sites_by_contig: "_Sites", contig: str, start: int, end: int) -> tuple[Gene, ...]:
        sites = sites_by_contig.get(contig, [])
        # (position,) sorts before every site at that position.
        first, last = (bisect_left(sites, (position,)) for position in (start, end))
        ordinals = dict.fromkeys(ordinal for _, _, ordinal in sites[first:last])
        return tuple(self._genes[ordinal] for ordinal in ordinals)


_Sites = Mapping[str, list[tuple[int, str, int]]]
"""By contig: position, gene's identifier and its ordinal, sorted."""


def _sorted_sites(genes: Sequence[Gene], positions: Callable[[Gene], Iterable[int]]) -> _Sites:
    sites: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for ordinal, gene in enumerate(genes):
        sites[gene.contig].extend((position, gene.identifier, ordinal) for position in positions(gene))
    return {contig: sorted(group) for contig, group in sites.items()}


def read_genes(path: Path, resolve: Callable[[str], str | None], *, types: Collection[str] = ()) -> GeneIndex:
    """Reads the genes of a GENCODE or Ensembl annotation.

    GTF or GFF3, plain, gzip or BGZF, by content. In GFF3 every child of a gene is a transcript of it, other
    than exons, coding parts and the like. A gene without a record of its own (GTF of StringTie, UCSC) reaches
    from the first to the last base of its transcripts, those from the first to the last of their exons. A
    gene_id on several contigs (the pseudoautosomal regions) is a gene on each, and one without a record on
    both strands is a gene on either.

    Args:
        path: The annotation.
        resolve: Gives the genome's own name of a contig, or None; see `Genome.resolve`. Genes on contigs
            that it does not know are left out and counted in the log, and so are genes without a strand.
        types: Keep only genes of these types (`gene_type`, `gene_biotype`), such as protein_coding; all
            when empty.

    Returns:
        The genes, in the order of the file.

    Raises:
        InputError: The annotation is missing, damaged or malformed (the message names the line), a
            transcript is on the other strand than its gene, or no gene is left.
    """
    loci: dict[tuple[str, str], _Locus] = {}
    for feature in read_features(path):
        key = (feature.contig, feature.gene)
        locus = loci.get(key) or loci.setdefault(key, _Locus())
        locus.add(feature, path)
    drafts = [draft for locus in loci.values() for draft in locus.drafts(path)]
    if not drafts:
        raise InputError(f"annotation file {path} has no gene; give a GTF or GFF3 with genes or transcripts")
    return GeneIndex(_select(drafts, path, resolve, types))


class _Draft(NamedTuple):
    """A gene before its contig is known to exist; `record` names it and has its extent and strand."""

    record: Feature
    spans: list[Feature]

    def gene(self, contig: str) -> Gene:
        record = self.record
        starts = sorted({span.five_prime for span in self.spans}) or [record.five_prime]
        name, forward = record.name or record.identifier, record.strand == "+"
        return Gene(record.identifier, name, contig, forward, record.five_prime, tuple(starts))


class _Locus:
    """What an annotation says of one gene_id on one contig."""

    __slots__ = ("first", "record", "spans")

    def __init__(self) -> None:
        self.record: Feature | None = None
        self.first: Feature | None = None  # of what is not the gene itself
        self.spans: dict[str | int, Feature] = {}

    def add(self, feature: Feature, path: Path) -> None:
        if not feature.is_gene:
            self.first = self.first or feature
            self._add_span(feature)
        elif self.record is None:
            self.record = feature
        elif self.record._replace(line=feature.line) != feature:
            raise InputError(
                f"{path}, line {feature.line}: gene {feature.identifier} is on {feature.contig} again "
                f"(also line {self.record.line}); give each gene its own identifier"
            )

    def _add_span(self, feature: Feature) -> None:
        name = feature.transcript + feature.strand if feature.transcript else feature.line
        start, end = feature.start, feature.end
        if name in self.spans:
            start, end = min(start, self.spans[name].start), max(end, self.spans[name].end)
        # Without the names, which many transcripts would keep alive.
        self.spans[name] = Feature(feature.line, "", start, end, feature.strand)

    def drafts(self, path: Path) -> Iterator[_Draft]:
        if self.record is not None:
            yield _Draft(self.record, list(self._spans_of(self.record, path)))
        elif self.first is not None and self.first.identifier:
            # UCSC names genes by symbol: one may stand on both strands of a contig.
            for strand in sorted({span.strand for span in self.spans.values()}):
                spans = [span for span in self.spans.values() if span.strand == strand]
                start, end = min(span.start for span in spans), max(span.end for span in spans)
                yield _Draft(self.first._replace(start=start, end=end, strand=strand), spans)

    def _spans_of(self, record: Feature, path: Path) -> Iterator[Feature]:
        for span in self.spans.values():
            if span.strand == record.strand:
                yield span
            elif span.strand != "." and record.strand != ".":
                raise InputError(
                    f"{path}, line {span.line}: a transcript on strand {span.strand} of gene "
                    f"{record.identifier} on strand {record.strand} (line {record.line}); correct the strand"
                )


def _select(
    drafts: list[_Draft], path: Path, resolve: Callable[[str], str | None], types: Collection[str]
) -> list[Gene]:
    wanted = [draft for draft in drafts if not types or draft.record.type in types]
    if not wanted:
        found = ", ".join(sorted({draft.record.type for draft in drafts} - {""})) or "none"
        raise InputError(f"annotation file {path} has no gene of type {', '.join(types)}; its types are: {found}")
    contigs = {name: resolve(name) for name in dict.fromkeys(draft.record.contig for draft in wanted)}
    placed = ((draft, contigs[draft.record.contig]) for draft in wanted if draft.record.strand != ".")
    genes = [draft.gene(contig) for draft, contig in placed if contig is not None]
    _log_left_out(path, wanted, contigs)
    if not genes:
        raise InputError(
            f"annotation file {path} has no gene with a strand on any of the genome's contigs (its first is "
            f"on {wanted[0].record.contig!r}); give the annotation of this genome"
        )
    return genes


def _log_left_out(path: Path, drafts: list[_Draft], contigs: Mapping[str, str | None]) -> None:
    unknown = Counter(draft.record.contig for draft in drafts if contigs[draft.record.contig] is None)
    if unknown:
        named = ", ".join(list(unknown)[:_NAMES_SHOWN]) + (", ..." if len(unknown) > _NAMES_SHOWN else "")
        logger.info(
            "annotation %s: %d of %d genes are left out, on contigs that the genome lacks (%s)",
            *(path, unknown.total(), len(drafts), named),
        )
    strandless = sum(draft.record.strand == "." for draft in drafts)
    if strandless:
        logger.info("annotation %s: %d genes without a strand are left out", path, strandless)


def _fingerprint(genes: Iterable[Gene]) -> str:
    digest = hashlib.sha256()
    for text in sorted(repr(dataclasses.astuple(gene)) for gene in genes):
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()
