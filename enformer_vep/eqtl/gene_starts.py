"""Which genes' transcription starts a variant is in reach of, and how far away."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.spelling import gene_without_version


class GeneDistance(NamedTuple):
    """A gene (its identifier without version) and the signed distance from its TSS, in bp, as `Gene.distance`."""

    gene: str
    distance: int


class GeneStarts:
    """Genes by the position of their own TSS.

    Args:
        genes: Their contigs are `contig_key`s.
        reach: Bp from the TSS, at most.
    """

    def __init__(self, genes: GeneIndex, reach: int) -> None:
        self._reach = reach
        self._named: dict[str, list[Gene]] = defaultdict(list)
        sites: dict[str, list[tuple[int, str, Gene]]] = defaultdict(list)
        for gene in genes:
            identifier = gene_without_version(gene.identifier)
            sites[gene.contig].append((gene.tss, identifier, gene))
            for name in dict.fromkeys((identifier, gene.name)):
                self._named[name].append(gene)
        self._sites = {contig: sorted(own, key=lambda site: site[:2]) for contig, own in sites.items()}
        self._positions = {contig: [site[0] for site in own] for contig, own in self._sites.items()}

    def named(self, name: str, contig: str) -> Gene | None:
        """The gene of this identifier, or else name, on a contig; None when there is none, or more than one."""
        found = [gene for gene in self._named.get(name, ()) if gene.contig == contig]
        exact = [gene for gene in found if gene_without_version(gene.identifier) == name] or found
        return exact[0] if len(exact) == 1 else None

    def nearest(self, contig: str, position: int) -> GeneDistance | None:
        """The gene whose TSS is nearest to a 0-based position, if it is in reach.

        Of several at one distance, the one with the smaller position, and then identifier.
        """
        positions = self._positions.get(contig, [])
        after = bisect_left(positions, position)
        # The first gene of those that share a TSS.
        before = bisect_left(positions, positions[after - 1]) if after else None
        choices = [place for place in (before, after) if place is not None and place < len(positions)]
        if not choices:
            return None
        place = min(choices, key=lambda place: abs(positions[place] - position))
        _, identifier, gene = self._sites[contig][place]
        return self._within(identifier, gene, position)

    def among(self, wanted: Collection[str], contig: str, position: int) -> Iterator[GeneDistance]:
        """Of the wanted genes, by identifier without version, those in reach of a 0-based position."""
        positions = self._positions.get(contig, [])
        first, last = bisect_left(positions, position - self._reach), bisect_right(positions, position + self._reach)
        for _, identifier, gene in self._sites.get(contig, [])[first:last]:
            if identifier in wanted:
                yield GeneDistance(identifier, gene.distance(position))

    def _within(self, identifier: str, gene: Gene, position: int) -> GeneDistance | None:
        distance = gene.distance(position)
        return GeneDistance(identifier, distance) if abs(distance) <= self._reach else None
