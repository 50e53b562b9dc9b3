"""Stretches of DNA that are changed base by base, each in one window: saturation mutagenesis in silico.

What is made are ALT alleles as a VCF would have them, so that they are scored as any others. Coordinates are 0-based
and half-open.
"""

import itertools
import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.backgrounds import Backgrounds, background_name
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.placing import Placed, Readout
from enformer_vep.genome.regions import CONTIG_END, Region, merge_regions
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.windows import centre_index, window_start

LONGEST_ALLELE = 1000
"""Alleles with more bases are scored, but nothing around them is changed."""

logger = logging.getLogger(__name__)

_BASES = "ACGT"
_NO_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive bases that are changed, or one allele that is scored beside them.

    Attributes:
        contig: As the genome has it, or the variants that it lies around; or an ALT allele's background.
        start: First base that is changed.
        end: One past the last.
        centre: Base in the middle of the window.
        allele: The one allele that is scored, as it was read; None for all changes of single bases.
        carried: The ALT allele that the contig carries; None for the genome's own contigs.
    """

    contig: str
    start: int
    end: int
    centre: int
    allele: Variant | None = None
    carried: Variant | None = None

    @property
    def name(self) -> str:
        """As a region, 1-based, both ends included: chr22:1001-1100."""
        return f"{self.contig}:{self.start + 1}-{self.end}"

    def records(self, deletions: int) -> int:
        """How many records its alleles are."""
        return 1 if self.allele is not None else self.end - self.start + self.deleted(deletions)

    def deleted(self, length: int) -> int:
        """At how many of its positions, from the first, so many bases can be deleted."""
        return max(self.end - self.start - length + 1, 0) if length else 0

    def moved(self, position: int) -> int:
        """Where a position of the genome is on its contig."""
        one = self.carried
        return position + len(one.alternate) - len(one.reference) if one and position >= one.end else position

    def variants(self, genome: Genome, deletions: int) -> Iterator[Variant]:
        """Its alleles, sorted; `record` counts from 0.

        Every base becomes each of the other three (N, or another ambiguity letter, each of the four). Before that the
        bases from there on are deleted, if wanted, written with the base before them.
        """
        if self.allele is not None:
            yield self.allele
            return
        contig = genome.resolve(self.contig) or ""
        letters = genome.fetch(contig, self.start - 1, self.end).decode("ascii", "replace")
        before, *bases = (letter if letter in _BASES else "N" for letter in letters)
        record, deleted = itertools.count(), self.deleted(deletions)
        for index, base in enumerate(bases):
            position = self.start + index + 1
            if index < deleted:
                gone = "".join(bases[index : index + deletions])
                if position == 1:
                    # Nothing comes before a contig's first base: VCF writes the base after.
                    after = genome.fetch(contig, deletions, deletions + 1).decode("ascii", "replace")
                    yield Variant(self.contig, 1, self.name, gone + after, after, next(record))
                else:
                    anchor = bases[index - 1] if index else before
                    yield Variant(self.contig, position - 1, self.name, anchor + gone, anchor, next(record))
            number = next(record)
            for allele, other in enumerate(_BASES.replace(base, ""), start=1):
                yield Variant(self.contig, position, self.name, base, other, number, allele)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches in order, and the records of their alleles.

    Attributes:
        parts: The stretches.
        deletions: Bases that are deleted at every position; 0 for none.
        readout: Where scores are summed over; None to go by the middle of each window.
        ends: For each stretch, the number of records up to its last.
    """

    parts: tuple[Stretch, ...]
    deletions: int = 0
    readout: Region | None = None
    ends: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Counts records."""
        ends = itertools.accumulate(part.records(self.deletions) for part in self.parts)
        object.__setattr__(self, "ends", tuple(ends))

    @property
    def longest(self) -> int:
        """Bases of the longest."""
        return max(part.end - part.start for part in self.parts)

    def variants(self, genome: Genome, first_record: int = 0, end_record: int | None = None) -> Iterator[Variant]:
        """All alleles, or those of some records."""
        end = _NO_LIMIT if end_record is None else end_record
        first = 0
        for part, last in zip(self.parts, self.ends, strict=True):
            if first < end and last > first_record:
                for one in part.variants(genome, self.deletions):
                    record = first + (one.record if part.allele is None else 0)
                    if first_record <= record < end:
                        yield replace(one, record=record)
            first = last

    def check(self, geometry: Geometry, genome: Genome, shifts: Sequence[int]) -> None:
        """Refuse what no window can serve.

        Args:
            geometry: Window, and the bins in use.
            genome: Knows contigs by several names.
            shifts: In bp, of all windows.

        Raises:
            UsageError: A stretch is too long, or its window does not predict what is to be read.
        """
        limit = geometry.window // 2 - 2 * max(map(abs, shifts))
        for part in self.parts:
            length = part.end - part.start
            if part.allele is None and length > limit:
                raise UsageError(
                    f"{part.name} has {length} bp, and with a window of {geometry.window} bp at most {limit} are "
                    "saturated at once: give shorter regions"
                )
            if part.allele is None and self.readout is not None:
                self.bins(part, geometry, genome)

    def bins(self, part: Stretch, geometry: Geometry, genome: Genome) -> range:
        """The bins in use that overlap the region to be read; raises UsageError when they are not predicted."""
        assert self.readout is not None
        home = part.carried.contig if part.carried else part.contig
        contig, length = genome.resolve(self.readout.contig), genome.contigs[genome.resolve(part.contig) or ""]
        start = window_start(part.centre, geometry.window)
        first = geometry.bin_of(part.moved(self.readout.start) - start)
        last = geometry.bin_of(part.moved(min(self.readout.end, length) - 1) - start)
        if contig != genome.resolve(home) or not 0 <= first <= last < geometry.bins:
            low = start + geometry.first
            raise UsageError(
                f"--readout {self.readout.contig}:{self.readout.start + 1}-{self.readout.end} is not predicted in the "
                f"window around {part.name}, which has {part.contig}:{max(low, 0) + 1}-{low + geometry.predicted}: "
                "choose a region nearer"
            )
        return range(first, last + 1)


@dataclass(frozen=True, slots=True)
class StretchWindows:
    """For every allele of a stretch the same window, centred on the stretch (`enformer_vep.genome.placing.Placer`).

    Attributes:
        geometry: Of the model.
        stretches: Which alleles there are, by record.
        genome: Knows contigs by several names.
        count: Number of bins in the middle of the window that are read; None for all.
    """

    geometry: Geometry
    stretches: Stretches
    genome: Genome
    count: int | None = None

    def place(self, variant: Variant, written: int | None = None) -> tuple[Placed, ...]:
        """One window, one row; its context is the 1-based first position of the window."""
        part = self.stretches.parts[bisect_right(self.stretches.ends, variant.record)]
        start = window_start(part.centre, self.geometry.window)
        shift = start - window_start(variant.start, self.geometry.window)
        if self.stretches.readout is None:
            bins = self.geometry.bins_around(centre_index(self.geometry.window), self.count)
        else:
            bins = self.stretches.bins(part, self.geometry, self.genome)
        return (Placed(variant, shift, (Readout(bins, (start + 1,)),)),)


def stretches_of(regions: Sequence[Region], genome: Genome) -> tuple[Stretch, ...]:
    """Make a stretch of each region; those that overlap or touch are one.

    Raises:
        InputError: A region is on no contig of the genome, or reaches past its end.
    """
    return tuple(
        Stretch(one.contig, one.start, one.end, (one.start + one.end - 1) // 2)
        for one in merge_regions(_on_contig(region, genome) for region in regions)
    )


def _on_contig(region: Region, genome: Genome) -> Region:
    contig = genome.resolve(region.contig)
    if contig is None:
        raise InputError(
            f"region {region.contig}:{region.start + 1}-{region.end}: {genome.path} has no contig {region.contig}; "
            "use the assembly that the region is of"
        )
    length = genome.contigs[contig]
    end = length if region.end == CONTIG_END else region.end
    if not region.start < end <= length:
        raise InputError(
            f"region {region.contig}:{region.start + 1}-{end} reaches past the end of {contig}, which has {length} bp: "
            "give a region inside"
        )
    return Region(contig, region.start, end)


def stretches_around(variants: Sequence[Variant], genome: Genome, flank: int) -> tuple[Stretch, ...]:
    """Make stretches around variants.

    Args:
        variants: ALT alleles, such as a VCF has.
        genome: The genome.
        flank: Bases on each side.

    Returns:
        For each the bases of the genome around it (once for alleles that share them), the allele itself, and the
        bases around it on the contig that carries it; of an allele that cannot be scored, or has more than
        `LONGEST_ALLELE` bases, itself alone.
    """
    parts: dict[Stretch, None] = {}
    long = [variant for variant in variants if _length(variant) > LONGEST_ALLELE]
    if long:
        logger.warning(
            "%d alleles have more than %d bases (first %s:%d): nothing around them is changed",
            *(len(long), LONGEST_ALLELE, long[0].contig, long[0].position),
        )
    for variant in variants:
        contig = genome.resolve(variant.contig)
        fits = contig is not None and _length(variant) <= LONGEST_ALLELE
        if fits and check_variant(variant, genome, _NO_LIMIT) is Status.OK:
            assert contig is not None
            parts |= dict.fromkeys(_both_backgrounds(variant, genome.contigs[contig], flank))
        else:
            parts[Stretch(variant.contig, variant.start, variant.end, variant.start, variant)] = None
    return tuple(parts)


def _length(variant: Variant) -> int:
    return max(len(variant.reference), len(variant.alternate))


def _both_backgrounds(variant: Variant, size: int, flank: int) -> Iterator[Stretch]:
    """Around an allele on a contig of so many bp."""
    contig, start = variant.contig, max(variant.start - flank, 0)
    yield Stretch(contig, start, min(variant.end + flank, size), variant.start)
    yield Stretch(contig, variant.start, variant.end, variant.start, variant)
    end, size = variant.start + len(variant.alternate), size + len(variant.alternate) - len(variant.reference)
    carried = Variant(contig, variant.position, ".", variant.reference, variant.alternate)
    yield Stretch(background_name(carried), start, min(end + flank, size), variant.start, carried=carried)


def with_backgrounds(genome: Genome, parts: Sequence[Stretch]) -> Genome:
    """The genome, with the contigs that stretches of ALT alleles lie on."""
    carried = [part.carried for part in parts if part.carried is not None]
    return Backgrounds(genome, carried) if carried else genome
