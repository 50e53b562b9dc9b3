"""The input of a run: which variants, in which genome."""

from collections.abc import Iterator
from dataclasses import dataclass

from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.regions import Region, parse_region, read_regions_file
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants, reads_once
from enformer_vep.genome.vcf_count import count_every_record, count_records
from enformer_vep.scoring.checking import Reference
from enformer_vep.settings import ScoreRequest


@dataclass(frozen=True, slots=True)
class Source:
    """Variants and genome.

    Attributes:
        path: VCF or BCF; "-" for standard input.
        regions: Regions to keep to; empty for everything.
        reference: The genome, and its genes when they are wanted.
    """

    path: str
    regions: tuple[Region, ...]
    reference: Reference

    @property
    def genome(self) -> Genome:
        """The reference genome."""
        return self.reference.genome

    @property
    def is_stream(self) -> bool:
        """Whether it can be read once only."""
        return reads_once(self.path)

    def variants(self, first_record: int = 0, end_record: int | None = None) -> Iterator[Variant]:
        """Reads alleles; see `read_variants`."""
        return read_variants(self.path, self.regions, self.genome.contigs, first_record, end_record)

    def count(self) -> int | None:
        """Number of records, when that is cheap to know."""
        return count_records(self.path, self.regions)

    def count_exactly(self) -> int:
        """Number of records."""
        return count_every_record(self.path, self.regions, self.genome.contigs)


def open_source(request: ScoreRequest) -> Source:
    """Opens genome, genes and regions; raises InputError when they are bad. Variants are not looked at."""
    regions = tuple(parse_region(text) for text in request.regions)
    if request.regions_file:
        regions += tuple(read_regions_file(request.regions_file))
    return Source(request.variants, regions, open_reference(request))


def open_reference(request: ScoreRequest) -> Reference:
    """Opens the genome and reads the genes that are wanted; raises InputError when they are bad."""
    genome, genes = Genome(request.genome), request.settings.genes
    if genes is None or request.genes is None:
        return Reference(genome)
    return Reference(
        genome, read_genes(request.genes, genome.resolve, types=genes.types, transcripts=genes.transcripts)
    )
