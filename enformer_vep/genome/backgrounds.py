"""A genome that also has what its contigs are with an ALT allele in place: a contig of its own for each."""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Variant

_LONGEST_NAME = 60


def background_name(variant: Variant) -> str:
    """Name the contig that carries an ALT allele: chr22_19723300_G_A, with a digest in place of long alleles."""
    place = f"{variant.contig}_{variant.position}"
    alleles = f"{variant.reference}_{variant.alternate}".upper()
    if len(place) + len(alleles) > _LONGEST_NAME:
        alleles = hashlib.sha256(alleles.encode()).hexdigest()[:16]
    return f"{place}_{alleles}"


class Backgrounds(Genome):
    """A genome with further contigs, each like one of its own but for one ALT allele.

    Positions on such a contig are those of its home contig up to REF; after it they are moved by what ALT is longer.
    """

    def __init__(self, genome: Genome, alleles: Iterable[Variant]) -> None:
        """Adds contigs for alleles that can be scored: their REF is that of the genome."""
        self.path = genome.path
        self._genome = genome
        self._alleles = {background_name(one): (genome.resolve(one.contig) or "", one) for one in alleles}
        lengths = {
            name: genome.contigs[home] + len(one.alternate) - len(one.reference)
            for name, (home, one) in self._alleles.items()
        }
        self._contigs = MappingProxyType({**genome.contigs, **lengths})

    def __reduce__(self) -> tuple[type["Backgrounds"], tuple[Genome, tuple[Variant, ...]]]:  # type: ignore[override]
        """Pickles as the genome and the alleles."""
        return (Backgrounds, (self._genome, tuple(one for _, one in self._alleles.values())))

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of every contig, those of the genome first."""
        return self._contigs

    def resolve(self, name: str) -> str | None:
        """The own name of a contig; see `Genome.resolve`."""
        return name if name in self._alleles else self._genome.resolve(name)

    def fetch(self, contig: str, start: int, end: int) -> bytes:
        """Reads sequence; see `Genome.fetch`."""
        if contig not in self._alleles:
            return self._genome.fetch(contig, start, end)
        home, allele = self._alleles[contig]
        bases = allele.alternate.upper().encode("ascii", "replace")
        first, last = allele.start, allele.start + len(bases)
        moved = allele.end - last
        parts = []
        if start < first:
            parts.append(self._genome.fetch(home, start, min(end, first)))
        parts.append(bases[max(start - first, 0) : max(end - first, 0)])
        if end > last:
            parts.append(self._genome.fetch(home, max(start, last) + moved, end + moved))
        return b"".join(parts)
