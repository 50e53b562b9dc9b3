"""Looking at every allele: whether it can be scored, and in which windows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from enformer_vep.errors import InputError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex
from enformer_vep.genome.normalisation import normalise
from enformer_vep.genome.placing import GenesAround, GeneWindows, OwnWindow, Placed, Placer
from enformer_vep.genome.stretches import Stretches, StretchWindows
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.scoring.scorer import grid_of
from enformer_vep.settings import Centre, Indels, ScoreSettings


@dataclass(frozen=True, slots=True)
class Reference:
    """What variants are compared with.

    Attributes:
        genome: The sequence.
        genes: Its genes; None for whole windows.
        stretches: Where all alleles come from, when stretches are saturated; None where they are read.
    """

    genome: Genome
    genes: GeneIndex | None = None
    stretches: Stretches | None = None

    def within(self, settings: ScoreSettings) -> int:
        """Largest distance in bp between alleles that share a window."""
        return settings.share_windows if self.stretches is None else self.stretches.longest


@dataclass(frozen=True, slots=True)
class Checked:
    """An allele that was looked at.

    Attributes:
        variant: The ALT allele.
        status: Whether it can be scored.
        placed: Its windows; none unless it can.
    """

    variant: Variant
    status: Status
    placed: tuple[Placed, ...] = ()


def make_placer(geometry: Geometry, settings: ScoreSettings, reference: Reference) -> Placer:
    """Decide by the settings where a variant alone is scored."""
    if reference.stretches is not None:
        return StretchWindows(geometry, reference.stretches, reference.genome, settings.centre_bins)
    grid = grid_of(settings, geometry)
    if settings.genes is None or reference.genes is None:
        return OwnWindow(geometry, settings.centre_bins, grid)
    genes, resolve, bins = reference.genes, reference.genome.resolve, settings.genes.tss_bins
    if settings.genes.centre is Centre.TSS:
        shifts = settings.shifts if grid is None else grid.views(settings.shifts)
        return GeneWindows(geometry, genes, resolve, bins, shifts, grid=grid)
    return GenesAround(geometry, genes, resolve, bins, grid=grid)


def check_variants(
    variants: Iterable[Variant], reference: Reference, geometry: Geometry, settings: ScoreSettings
) -> Iterator[Checked]:
    """Say of every allele whether it can be scored; raises InputError on a wrong REF, when strict."""
    placer = make_placer(geometry, settings, reference)
    for variant in variants:
        status = check_variant(variant, reference.genome, geometry.window)
        if settings.strict and status is Status.REF_MISMATCH:
            raise InputError(
                f"REF {variant.reference} at {variant.contig}:{variant.position} is not what the genome has: "
                "use the assembly that the VCF was called on, or leave out --strict"
            )
        placed = place_variant(variant, placer, reference.genome, settings.indels) if status is Status.OK else ()
        yield Checked(variant, Status.NO_GENE if status is Status.OK and not placed else status, placed)


def place_variant(variant: Variant, placer: Placer, genome: Genome, indels: Indels) -> tuple[Placed, ...]:
    """Place a variant that can be scored; with `Indels.LOCAL` all that describe one change at one place."""
    contig = genome.resolve(variant.contig)
    if indels is not Indels.LOCAL or contig is None:
        return placer.place(variant)
    return placer.place(normalise(variant, genome, contig), variant.start)
