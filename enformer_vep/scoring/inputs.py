"""The input of a run: which variants, in which genome."""

from collections.abc import Iterator
from dataclasses import dataclass

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import read_genes
from enformer_vep.genome.regions import Region, parse_region, read_regions_file
from enformer_vep.genome.stretches import Stretches, stretches_around, stretches_of, with_backgrounds
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants, reads_once
from enformer_vep.genome.vcf_count import count_every_record, count_records
from enformer_vep.scoring.checking import Reference
from enformer_vep.settings import SaturationSettings, ScoreRequest


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


@dataclass(frozen=True, slots=True)
class SaturatedSource(Source):
    """Alleles that are made, not read: the changes of stretches."""

    @property
    def is_stream(self) -> bool:
        """They can be made again."""
        return False

    def variants(self, first_record: int = 0, end_record: int | None = None) -> Iterator[Variant]:
        """Makes alleles; see `Stretches.variants`."""
        return self._stretches.variants(self.genome, first_record, end_record)

    def count(self) -> int:
        """Number of records."""
        return self.count_exactly()

    def count_exactly(self) -> int:
        """Number of records."""
        return self._stretches.ends[-1]

    @property
    def _stretches(self) -> Stretches:
        assert self.reference.stretches is not None, "open_reference makes them"
        return self.reference.stretches


def open_source(request: ScoreRequest) -> Source:
    """Opens genome, genes and regions; raises InputError when they are bad. Variants are not looked at.

    Where stretches are saturated, the variants that they lie around are read and checked.
    """
    kind = Source if request.settings.saturation is None else SaturatedSource
    return kind(request.variants, _regions(request), open_reference(request))


def _regions(request: ScoreRequest) -> tuple[Region, ...]:
    regions = tuple(parse_region(text) for text in request.regions)
    if request.regions_file:
        regions += tuple(read_regions_file(request.regions_file))
    return regions


def open_reference(request: ScoreRequest) -> Reference:
    """Opens the genome, reads the genes or finds the stretches that are wanted; raises InputError when they are bad."""
    genome, genes = Genome(request.genome), request.settings.genes
    if request.settings.saturation is not None:
        return _saturated(request, request.settings.saturation, genome)
    if genes is None or request.genes is None:
        return Reference(genome)
    return Reference(
        genome, read_genes(request.genes, genome.resolve, types=genes.types, transcripts=genes.transcripts)
    )


def _saturated(request: ScoreRequest, saturation: SaturationSettings, genome: Genome) -> Reference:
    regions = _regions(request)
    if request.variants:
        if reads_once(request.variants):
            raise UsageError(
                f"{request.variants} can be read once only, and variants are read several times: use a file"
            )
        parts = stretches_around(
            list(read_variants(request.variants, regions, genome.contigs)), genome, saturation.flank
        )
    elif regions:
        parts = stretches_of(regions, genome)
    else:
        raise UsageError("nothing to saturate: give regions (-r, -R), or variants to saturate around")
    if not parts:
        raise InputError(f"{request.variants} has no variant to saturate around; give another file, or other regions")
    readout = None if saturation.readout is None else parse_region(saturation.readout)
    return Reference(with_backgrounds(genome, parts), stretches=Stretches(parts, saturation.deletions, readout))
