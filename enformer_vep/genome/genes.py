"""Genes and their transcription start sites, from an annotation."""

import dataclasses
import hashlib
import logging
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.genome.annotation import read_features
from enformer_vep.genome.loci import Draft, Locus
from enformer_vep.genome.transcripts import FILTERED, Selection, Transcript, read_selection, representative

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
        starts: Sorted distinct 0-based transcription start sites of its transcripts that count; (tss,) when it has
            none.
        representative: That of `starts` which stands for the gene where there can be one only.
    """

    identifier: str
    name: str
    contig: str
    forward: bool
    tss: int
    starts: tuple[int, ...]
    representative: int

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

    __slots__ = ("_genes", "_sites", "fingerprint")

    def __init__(self, genes: Iterable[Gene]) -> None:
        """Sorts the start sites of any genes, in any order."""
        self._genes = tuple(genes)
        self.fingerprint = _fingerprint(self._genes)
        self._sites = _sorted_sites(self._genes)

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
        sites = self._sites.get(contig, [])
        # (position,) sorts before every site at that position.
        first, last = (bisect_left(sites, (position,)) for position in (start, end))
        ordinals = dict.fromkeys(ordinal for _, _, ordinal in sites[first:last])
        return tuple(self._genes[ordinal] for ordinal in ordinals)

    def represented_within(self, contig: str, start: int, end: int) -> tuple[Gene, ...]:
        """Finds the genes whose representative start lies in a stretch: a part of those of `within`, as ordered."""
        return tuple(gene for gene in self.within(contig, start, end) if start <= gene.representative < end)


_Sites = Mapping[str, list[tuple[int, str, int]]]
"""By contig: position, gene's identifier and its ordinal, sorted."""


def _sorted_sites(genes: Sequence[Gene]) -> _Sites:
    sites: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for ordinal, gene in enumerate(genes):
        sites[gene.contig].extend((position, gene.identifier, ordinal) for position in gene.starts)
    return {contig: sorted(group) for contig, group in sites.items()}


def read_genes(
    path: Path, resolve: Callable[[str], str | None], *, types: Collection[str] = (), transcripts: str = FILTERED
) -> GeneIndex:
    """Reads the genes of a GENCODE, Ensembl or RefSeq annotation.

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
        transcripts: Whose starts count, see `read_selection`; of genes that have no such transcript, see
            `Selection.choose`. Their number is logged.

    Returns:
        The genes, in the order of the file.

    Raises:
        InputError: The annotation is missing, damaged or malformed (the message names the line), a
            transcript is on the other strand than its gene, no gene is left, or no transcript is one of those
            that were asked for.
    """
    selection, found = read_selection(transcripts), set[str]()
    loci: dict[tuple[str, str], Locus] = {}
    for feature in read_features(path):
        key = (feature.contig, feature.gene)
        locus = loci.get(key) or loci.setdefault(key, Locus())
        hits = selection.hits(feature.transcript, feature.tags)
        locus.add(feature, bool(hits), path)
        found |= hits
    drafts = [draft for locus in loci.values() for draft in locus.drafts(path)]
    if not drafts:
        raise InputError(f"annotation file {path} has no gene; give a GTF or GFF3 with genes or transcripts")
    _check_found(selection, found, path)
    return GeneIndex(_select(drafts, path, resolve, types, selection))


def _select(
    drafts: list[Draft],
    path: Path,
    resolve: Callable[[str], str | None],
    types: Collection[str],
    selection: Selection,
) -> list[Gene]:
    wanted = [draft for draft in drafts if not types or draft.record.type in types]
    if not wanted:
        found = ", ".join(sorted({draft.record.type for draft in drafts} - {""})) or "none"
        raise InputError(f"annotation file {path} has no gene of type {', '.join(types)}; its types are: {found}")
    contigs = {name: resolve(name) for name in dict.fromkeys(draft.record.contig for draft in wanted)}
    placed = ((draft, contigs[draft.record.contig]) for draft in wanted if draft.record.strand != ".")
    made = [_make_gene(draft, contig, selection) for draft, contig in placed if contig is not None]
    genes = [gene for gene, _ in made]
    _log_left_out(path, wanted, contigs)
    _log_fallbacks(path, selection, [is_fallback for _, is_fallback in made])
    if not genes:
        raise InputError(
            f"annotation file {path} has no gene with a strand on any of the genome's contigs (its first is "
            f"on {wanted[0].record.contig!r}); give the annotation of this genome"
        )
    return genes


def _make_gene(draft: Draft, contig: str, selection: Selection) -> tuple[Gene, bool]:
    """A gene, and whether it has none of the transcripts that were asked for."""
    record, forward = draft.record, draft.record.strand == "+"
    transcripts = [span.transcript(forward) for span in draft.spans] or [Transcript(record.five_prime)]
    chosen = selection.choose(transcripts, record.type, forward)
    starts = tuple(sorted({one.five_prime for one in chosen.transcripts}))
    main = representative(chosen.transcripts, forward).five_prime
    name = record.name or record.identifier
    gene = Gene(record.identifier, name, contig, forward, record.five_prime, starts, main)
    return gene, chosen.is_fallback


def _log_left_out(path: Path, drafts: list[Draft], contigs: Mapping[str, str | None]) -> None:
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


def _check_found(selection: Selection, found: Collection[str], path: Path) -> None:
    words = dict.fromkeys(selection.words.values())
    missing = [word for word in words if word not in found]
    named = ", ".join(missing[:_NAMES_SHOWN]) + (", ..." if len(missing) > _NAMES_SHOWN else "")
    if missing and not found:
        raise InputError(
            f"annotation file {path} has no transcript for --transcripts {named}; "
            "give filtered or all, or tags or identifiers that it has"
        )
    if missing:
        logger.info(
            "annotation %s has no transcript for %d of %d words of --transcripts (%s)",
            *(path, len(missing), len(words), named),
        )


def _log_fallbacks(path: Path, selection: Selection, fallbacks: Sequence[bool]) -> None:
    if any(fallbacks):
        instead = "all that they have count" if selection.keyword else "one start that stands for the gene counts"
        logger.info(
            "annotation %s: %d of %d genes have none of the transcripts that --transcripts asks for; %s",
            *(path, sum(fallbacks), len(fallbacks), instead),
        )


def _fingerprint(genes: Iterable[Gene]) -> str:
    digest = hashlib.sha256()
    for text in sorted(repr(dataclasses.astuple(gene)) for gene in genes):
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()
