"""What every change of a base does to a prediction: scored alleles gathered into matrices."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.backgrounds import background_name
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region, parse_region
from enformer_vep.genome.stretches import Stretch, Stretches, stretches_around, stretches_of, with_backgrounds
from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import SaturationSettings, Score
from enformer_vep.tables.row import Layout, ScoredVariant

BASES = "ACGT"

Floats = npt.NDArray[np.float32]

_NAME = re.compile(r"(?P<contig>.+):(?P<first>\d+)-(?P<last>\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Saturation:
    """A stretch of P bases, and what their changes do to C columns (a score of a track each).

    Attributes:
        contig: As the genome has it, or the name of an ALT allele's background (chr22_19723300_G_A).
        start: 0-based position of the first base.
        sequence: The P bases; N where the genome has none of A, C, G and T.
        columns: Names such as SAD_CNhs11841.
        effects: float32 [P, 4, C], in the order A, C, G, T; 0 for the base that is there, NaN where nothing was scored.
        deletions: float32 [D, C], of deletions that begin at the first D positions; D is 0 when there are none.
        deleted: Bases that each deletion takes away; 0 when there are none.
    """

    contig: str
    start: int
    sequence: str
    columns: tuple[str, ...]
    effects: Floats
    deletions: Floats
    deleted: int = 0

    @property
    def end(self) -> int:
        """0-based, one past the last base."""
        return self.start + len(self.sequence)

    @property
    def name(self) -> str:
        """As a region, 1-based, both ends included."""
        return f"{self.contig}:{self.start + 1}-{self.end}"

    @property
    def centred(self) -> Floats:
        """Effects minus the mean over the four bases of their position: float32 [P, 4, C]."""
        return self.effects - self.effects.mean(axis=1, keepdims=True)

    @property
    def contributions(self) -> Floats:
        """What the base that is there adds, beside the mean of all four: float32 [P, C]; NaN where it is N."""
        own = self._is_own()
        chosen = np.where(own[:, :, None], self.centred, 0).sum(axis=1)
        known = np.asarray(own.any(axis=1))
        return np.where(known[:, None], chosen, np.nan).astype(np.float32)

    @property
    def lowest(self) -> Floats:
        """Lowest effect of a substitution, by position: float32 [P, C]."""
        return np.where(self._is_own()[:, :, None], np.inf, self.effects).min(axis=1).astype(np.float32)

    @property
    def highest(self) -> Floats:
        """Highest effect of a substitution, by position: float32 [P, C]."""
        return np.where(self._is_own()[:, :, None], -np.inf, self.effects).max(axis=1).astype(np.float32)

    def _is_own(self) -> npt.NDArray[np.bool_]:
        """Which base is there: bool [P, 4]."""
        letters = np.frombuffer(self.sequence.encode(), dtype=np.uint8)
        return np.asarray(letters[:, None] == np.frombuffer(BASES.encode(), dtype=np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class VariantSaturation:
    """The surroundings of an ALT allele, without and with it.

    Attributes:
        variant: The allele.
        effect: float32 [C], of the allele itself.
        reference: The stretch as the genome has it.
        alternate: The same with the allele in place.
    """

    variant: Variant
    effect: Floats
    reference: Saturation
    alternate: Saturation


@dataclass(frozen=True, slots=True, eq=False)
class Saturations:
    """All of a run.

    Attributes:
        stretches: In order.
        alleles: Rows of alleles that are no changes of a stretch: the variants that stretches lie around.
    """

    stretches: tuple[Saturation, ...]
    alleles: tuple[ScoredVariant, ...] = ()

    def pairs(self) -> Iterator[VariantSaturation]:
        """For every allele that was saturated around, in order, its two backgrounds."""
        by_place = {(one.contig, one.start, one.end): one for one in self.stretches}
        carrying = {one.contig: one for one in self.stretches}
        for row in self.alleles:
            variant, values = row.variant, row.values
            alternate = carrying.get(background_name(variant))
            if alternate is None or values is None:
                continue
            end = alternate.end + len(variant.reference) - len(variant.alternate)
            reference = by_place.get((variant.contig, alternate.start, end))
            if reference is not None:
                yield VariantSaturation(variant, values, reference, alternate)

    def without_alleles(self) -> tuple[Saturation, ...]:
        """The stretches that carry no ALT allele."""
        carrying = {background_name(row.variant) for row in self.alleles}
        return tuple(one for one in self.stretches if one.contig not in carrying)


def saturate(
    region: Region | str, genome: Genome, scorer: Scorer, *, deletions: int = 0, readout: Region | str | None = None
) -> Saturation:
    """Score all substitutions of a region, in one window centred on it.

    Args:
        region: Such as "chr22:19723266-19723650".
        genome: An open FASTA.
        scorer: From `open_scorer`; the bins of its settings lie around the region's middle.
        deletions: Also delete so many bases at every position.
        readout: Sum scores over the bins that overlap this region instead.

    Raises:
        EnformerVepError: The region is not on the genome or too long, the readout is not predicted, or the scorer's
            settings say where windows lie.
    """
    return _saturated(stretches_of([_region(region)], genome), genome, scorer, deletions, readout).stretches[0]


def saturate_around(
    variant: Variant,
    genome: Genome,
    scorer: Scorer,
    *,
    flank: int = 50,
    deletions: int = 0,
    readout: Region | str | None = None,
) -> VariantSaturation:
    """Score all substitutions around a variant, on the genome and where the ALT allele is in place.

    Args:
        variant: The ALT allele.
        genome: An open FASTA.
        scorer: As for `saturate`; the window is centred on the first REF base.
        flank: Bases on each side of the alleles.
        deletions: As for `saturate`.
        readout: As for `saturate`.

    Raises:
        EnformerVepError: As for `saturate`, or the variant cannot be scored; the message has its status.
    """
    found = _saturated(stretches_around([variant], genome, flank), genome, scorer, deletions, readout)
    pair = next(found.pairs(), None)
    if pair is None:
        raise InputError(
            f"{variant.contig}:{variant.position} {variant.reference}>{variant.alternate} cannot be saturated around: "
            f"{found.alleles[0].status}"
        )
    return replace(pair, variant=variant)


def gather(rows: Iterable[ScoredVariant], layout: Layout) -> Saturations:
    """Gather the rows of a saturation.

    Args:
        rows: As they were written: those of a stretch follow each other, and have its name as their ID.
        layout: Of the rows; columns that are predictions, not effects, are left out.

    Raises:
        UsageError: There is no column of effects.
    """
    wanted = [
        number
        for number, score in enumerate(block.score for block in layout.blocks for _ in block.labels)
        if score not in (Score.REF, Score.ALT)
    ]
    if not wanted:
        raise UsageError("REF and ALT are predictions, not effects: score others, such as SAD")
    columns = tuple(layout.values[number] for number in wanted)
    stretches, alleles = [], []
    for name, group in groupby(rows, lambda row: row.variant.id):
        members = list(group)
        stretch = _NAME.fullmatch(name)
        first, last = (int(stretch["first"]), int(stretch["last"])) if stretch else (1, 0)
        # An ID of somebody's own may look like this, but has not three rows for each of so many bases.
        if stretch and stretch["contig"] == members[0].variant.contig and len(members) >= 3 * (last - first + 1):
            stretches.append(_one(first, last, members, columns, wanted))
        else:
            alleles += [_narrowed(row, wanted) for row in members]
    return Saturations(tuple(stretches), tuple(alleles))


def _one(
    first: int, last: int, rows: Sequence[ScoredVariant], columns: tuple[str, ...], wanted: Sequence[int]
) -> Saturation:
    sequence = ["N"] * (last - first + 1)
    effects = np.full((len(sequence), 4, len(columns)), np.nan, dtype=np.float32)
    deletions, deleted = [], 0
    for row in rows:
        variant = row.variant
        values = np.full(len(columns), np.nan, dtype=np.float32) if row.values is None else row.values[wanted]
        if len(variant.reference) > 1:
            deletions.append(values)
            deleted = len(variant.reference) - 1
            continue
        index = variant.position - first
        effects[index, BASES.index(variant.alternate)] = values
        if variant.reference in BASES:
            sequence[index] = variant.reference
            effects[index, BASES.index(variant.reference)] = 0
    gathered = np.stack(deletions) if deletions else np.empty((0, len(columns)), dtype=np.float32)
    return Saturation(rows[0].variant.contig, first - 1, "".join(sequence), columns, effects, gathered, deleted)


def _narrowed(row: ScoredVariant, wanted: Sequence[int]) -> ScoredVariant:
    values = None if row.values is None else row.values[wanted]
    return ScoredVariant(row.variant, row.status, values, row.context)


def _saturated(
    parts: Sequence[Stretch], genome: Genome, scorer: Scorer, deletions: int, readout: Region | str | None
) -> Saturations:
    target = None if readout is None else _region(readout)
    if target is not None and scorer.settings.centre_bins is not None:
        raise UsageError("readout and the scorer's centre_bins exclude each other: both say which bins are summed over")
    # As for the command: refuses settings that would place windows elsewhere, and has tokens shared.
    scorer = replace(scorer, settings=replace(scorer.settings, saturation=SaturationSettings(deletions)))
    stretches = Stretches(tuple(parts), deletions, target)
    reference = Reference(with_backgrounds(genome, parts), stretches=stretches)
    stretches.check(scorer.geometry, reference.genome, scorer.shifts)
    batches = score_variants(stretches.variants(reference.genome), reference, scorer)
    return gather((row for batch in batches for row in batch.rows), scorer.layout)


def _region(region: Region | str) -> Region:
    return parse_region(region) if isinstance(region, str) else region
