"""From variants to rows: checked, placed in windows, cut into batches, scored.

Invariant: every ALT allele that goes in comes out, in order, in at least one row.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from enformer_vep.background import ahead
from enformer_vep.errors import InputError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import GeneIndex
from enformer_vep.genome.placing import GenesAround, GeneWindows, OwnWindow, Placed, Placer
from enformer_vep.genome.sharing import (
    LARGEST_GROUP,
    WindowCounter,
    group_by_window,
    order_by_window,
    place_in_shared_window,
)
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.windows import AllelePair, allele_pair, right_anchored
from enformer_vep.results import ScoredVariant
from enformer_vep.settings import Centre, Indels, ScoreSettings

View = Sequence[tuple[AllelePair, ...]]
"""Under one shift, the window of each placed variant; of a stitched indel also the one anchored right."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What variants are compared with.

    Attributes:
        genome: The sequence.
        genes: Its genes; None for whole windows.
    """

    genome: Genome
    genes: GeneIndex | None = None


Work = TypeVar("Work")
"""What a scorer makes of windows before it computes."""


class PieceScorer(Protocol[Work]):
    """What scoring a piece needs of `enformer_vep.pipeline.Scorer`."""

    @property
    def geometry(self) -> Geometry:
        """Window and bins."""

    @property
    def batch_size(self) -> int:
        """Windows per batch."""

    @property
    def settings(self) -> ScoreSettings:
        """What was asked for."""

    def prepare(self, placed: Sequence[Placed], views: Sequence[View]) -> Work:
        """Everything that can be done for placed variants, given their windows by shift, without the device."""

    def score(self, work: Work) -> npt.NDArray[np.float32]:
        """Scores [rows, columns]: a row for each readout of each placed variant."""


@dataclass(frozen=True, slots=True)
class Portion(Generic[Work]):
    """As many windows of a batch as are computed at once.

    Attributes:
        indices: Which of the batch's placements they are.
        work: What the scorer computes.
    """

    indices: Sequence[int]
    work: Work


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """All portions of a batch have gone by.

    Attributes:
        batch: Its alleles.
        placed: Its placements, in the order of its rows.
    """

    batch: Sequence["Checked"]
    placed: Sequence[Placed]


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
    if settings.genes is None or reference.genes is None:
        return OwnWindow(geometry, settings.centre_bins)
    genes, resolve, bins = reference.genes, reference.genome.resolve, settings.genes.tss_bins
    if settings.genes.centre is Centre.TSS:
        return GeneWindows(geometry, genes, resolve, bins, settings.shifts)
    return GenesAround(geometry, genes, resolve, bins)


def check_variants(
    variants: Iterable[Variant], reference: Reference, geometry: Geometry, settings: ScoreSettings
) -> Iterator[Checked]:
    """Say of every allele whether it can be scored.

    Args:
        variants: ALT alleles.
        reference: Genome and genes.
        geometry: The model's window.
        settings: What is asked for.

    Yields:
        Each allele with its status.

    Raises:
        InputError: On a REF that differs from the genome, when strict.
    """
    placer = make_placer(geometry, settings, reference)
    for variant in variants:
        status = check_variant(variant, reference.genome, geometry.window)
        if settings.strict and status is Status.REF_MISMATCH:
            raise InputError(
                f"REF {variant.reference} at {variant.contig}:{variant.position} is not what the genome has: "
                "use the assembly that the VCF was called on, or leave out --strict"
            )
        placed = placer.place(variant) if status is Status.OK else ()
        yield Checked(variant, Status.NO_GENE if status is Status.OK and not placed else status, placed)


def score_piece(
    variants: Iterable[Variant], reference: Reference, scorer: PieceScorer[Work], skipped_batches: int = 0
) -> Iterator[list[ScoredVariant]]:
    """Score alleles in batches and give every one back, in order.

    Args:
        variants: Alleles of one piece.
        reference: Genome and genes.
        scorer: The model, made ready.
        skipped_batches: Batches at the piece's beginning that are done already.

    Yields:
        Batches of rows: one row per allele, or one per allele and gene.
    """
    return compute_steps(ahead(prepare_steps(variants, reference, scorer, skipped_batches)), scorer)


def prepare_steps(
    variants: Iterable[Variant], reference: Reference, scorer: PieceScorer[Work], skipped_batches: int
) -> Iterator[Portion[Work] | BatchEnd]:
    """Do what the device has no part in: check, place, cut windows. See `score_piece`.

    Yields:
        The portions of a batch, if any, and its end; and so on.
    """
    checked = check_variants(variants, reference, scorer.geometry, scorer.settings)
    batches = _batches(checked, scorer.batch_size, scorer.settings)
    for batch in itertools.islice(batches, skipped_batches, None):
        placed = _placements(batch, scorer)
        windows = list(order_by_window(placed))
        for start in range(0, len(windows), scorer.batch_size):
            indices = [index for window in windows[start : start + scorer.batch_size] for index in window]
            some = [placed[index] for index in indices]
            yield Portion(indices, scorer.prepare(some, make_views(some, reference.genome, scorer)))
        yield BatchEnd(batch, placed)


def compute_steps(
    steps: Iterable[Portion[Work] | BatchEnd], scorer: PieceScorer[Work]
) -> Iterator[list[ScoredVariant]]:
    """Compute portions and put the rows of each batch into order.

    Args:
        steps: From `prepare_steps`.
        scorer: The model, made ready.

    Yields:
        Batches of rows.
    """
    portions: list[tuple[Sequence[int], npt.NDArray[np.float32]]] = []
    for step in steps:
        if isinstance(step, Portion):
            portions.append((step.indices, scorer.score(step.work)))
        else:
            yield _rows(step, portions)
            portions = []


def _rows(
    end: BatchEnd, portions: Iterable[tuple[Sequence[int], npt.NDArray[np.float32]]]
) -> list[ScoredVariant]:
    values: dict[int, list[npt.NDArray[np.float32]]] = {}
    for indices, some in portions:
        waiting = iter(some)
        for index in indices:
            values[index] = list(itertools.islice(waiting, len(end.placed[index].readouts)))
    places = iter(enumerate(end.placed))
    rows = []
    for one in end.batch:
        if not one.placed:
            rows.append(ScoredVariant(one.variant, one.status, None))
        for index, place in itertools.islice(places, len(one.placed)):
            rows.extend(
                ScoredVariant(one.variant, one.status, row, readout.context)
                for row, readout in zip(values[index], place.readouts, strict=True)
            )
    return rows


def _placements(batch: Sequence[Checked], scorer: PieceScorer[Work]) -> list[Placed]:
    within = scorer.settings.share_windows
    if not within:
        return [placed for one in batch for placed in one.placed]
    groups = group_by_window((one.variant for one in batch if one.placed), within)
    count = scorer.settings.centre_bins
    return [one for group in groups for one in place_in_shared_window(group, scorer.geometry, count)]


def _batches(checked: Iterable[Checked], batch_size: int, settings: ScoreSettings) -> Iterator[list[Checked]]:
    """Cut the stream after every `batch_size` windows; alleles of one window stay together.

    Alleles that are scored in the windows of genes meet others of the same gene in larger batches.
    """
    if settings.genes and settings.genes.centre is Centre.TSS:
        alone = iter(checked)
        while batch := list(itertools.islice(alone, LARGEST_GROUP)):
            yield batch
        return
    batch = []
    windows = WindowCounter(settings.share_windows)
    for one in checked:
        if one.placed and windows.add(one.variant) > batch_size:
            yield batch
            batch = []
            windows = WindowCounter(settings.share_windows)
            windows.add(one.variant)
        batch.append(one)
    if batch:
        yield batch


def make_views(placed: Sequence[Placed], genome: Genome, scorer: PieceScorer[Work]) -> list[View]:
    """Cut the windows of placed variants, whose contigs the genome has, under each of the scorer's shifts."""
    return [[_alternates(one, genome, scorer, shift) for one in placed] for shift in scorer.settings.shifts]


def _alternates(
    placed: Placed, genome: Genome, scorer: PieceScorer[Work], shift: int
) -> tuple[AllelePair, ...]:
    variant = placed.variant
    contig = genome.resolve(variant.contig)
    assert contig is not None, "check_variant lets no unknown contig through"
    shift += placed.shift
    pair = allele_pair(genome, variant, contig, scorer.geometry.window, shift)
    if scorer.settings.indels is Indels.STITCH and pair.reference_length != pair.alternate_length:
        return pair, right_anchored(pair, genome, variant, contig, shift)
    return (pair,)
