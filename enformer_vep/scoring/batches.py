"""From variants to rows: checked, placed in windows, cut into batches, scored. One chain of generators.

A batch is the only unit that travels. Batches never reach over the end of a piece of consecutive records, so
those that the device sees, and with them every bit of the output, follow from the input and the settings alone,
however pieces are spread over restarts, shards and devices.

Invariant: every ALT allele that goes in comes out, in order, in at least one row.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from enformer_vep.genome.alleles import VariantClass
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.placing import Placed
from enformer_vep.genome.sharing import (
    LARGEST_GROUP,
    WindowCounter,
    group_by_window,
    order_by_window,
    place_in_shared_window,
)
from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.checking import Checked, Reference, check_variants
from enformer_vep.scoring.prefetch import ahead
from enformer_vep.scoring.refinement import Comparison, agreement
from enformer_vep.scoring.scorer import Floats, Scorer, Submitted, Work
from enformer_vep.scoring.screened import screen_and_refine, screened_alone
from enformer_vep.settings import PIECE_SIZE, Centre, Engine
from enformer_vep.tables.row import RunSummary, ScoredVariant


@dataclass(frozen=True, slots=True)
class Batch:
    """Alleles whose rows are made together, in order.

    Attributes:
        alleles: The alleles.
        ends_piece: Whether it is the last of its piece.
        placed: Their windows, in the order of their rows.
        portions: What is computed at once: which of `placed`, and their windows.
    """

    alleles: Sequence[Checked]
    ends_piece: bool
    placed: Sequence[Placed] = ()
    portions: Sequence[tuple[Sequence[int], Work]] = ()


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """Rows, in order.

    Attributes:
        rows: One per allele, or one per allele and gene; none where all of a piece was written before.
        ends_piece: Whether these are the last of their piece.
        comparison: The rows that were scored to first order and exactly; None where none was screened.
    """

    rows: Sequence[ScoredVariant] = field(default_factory=list)
    ends_piece: bool = False
    comparison: Comparison | None = None


class Table(Protocol):
    """Where rows go."""

    def write(self, row: ScoredVariant) -> None:
        """Takes one row."""

    def end_batch(self) -> None:
        """All rows of a batch were taken."""

    def end_piece(self) -> None:
        """All rows of a piece were taken."""


def score_variants(
    variants: Iterable[Variant],
    reference: Reference,
    scorer: Scorer,
    piece_size: int = PIECE_SIZE,
    skipped_batches: int = 0,
) -> Iterator[ScoredBatch]:
    """Score alleles in batches and give every one back, in order.

    Windows are cut in a background thread while the device computes.

    Args:
        variants: Alleles with the ordinals of their records, in order, from the beginning of a piece.
        reference: Genome and genes.
        scorer: The model, made ready.
        piece_size: Records per piece.
        skipped_batches: Batches of the first piece that are done already.
    """
    return compute(ahead(make_batches(variants, reference, scorer, piece_size, skipped_batches)), scorer)


def make_batches(
    variants: Iterable[Variant],
    reference: Reference,
    scorer: Scorer,
    piece_size: int = PIECE_SIZE,
    skipped_batches: int = 0,
) -> Iterator[Batch]:
    """Do what the device has no part in: check, place, cut windows. See `score_variants`.

    Where all of the first piece is done already, an empty batch ends it.
    """
    checked = check_variants(variants, reference, scorer.geometry, scorer.settings, scorer.suited)
    for alleles, ends_piece in _cut(checked, scorer, piece_size, reference.within(scorer.settings)):
        if not skipped_batches:
            yield _prepared(alleles, ends_piece, reference.genome, scorer)
        elif ends_piece:
            skipped_batches = 0
            yield Batch((), ends_piece)
        else:
            skipped_batches -= 1


def compute(batches: Iterable[Batch], scorer: Scorer) -> Iterator[ScoredBatch]:
    """Compute batches and put the rows of each into order.

    A GPU has the next batch before the rows of the last are made; a CPU would only make rows wait.
    """
    if scorer.settings.engine is Engine.ADJOINT:
        yield from _screened(batches, scorer)
        return
    waiting: tuple[Batch, list[Submitted]] | None = None
    for batch in batches:
        submitted = [scorer.submit(work) for _, work in batch.portions]
        if waiting is not None:
            yield _scored(*waiting, scorer)
        waiting = batch, submitted
        if not scorer.is_asynchronous:
            yield _scored(*waiting, scorer)
            waiting = None
    if waiting is not None:
        yield _scored(*waiting, scorer)


def write_rows(
    batches: Iterable[ScoredBatch],
    table: Table,
    summary: RunSummary,
    progress: Callable[[ScoredVariant], None],
    calibrated: Collection[VariantClass] | None = None,
) -> None:
    """Write every row as it comes.

    `calibrated` are the classes that have quantiles; None without a calibration. Alleles are counted in `summary`
    before the batch they belong to is reported to the table; `progress` is called after each row. Of rows that were
    screened `summary` says at the end how good that was.
    """
    variant, comparisons = None, list[Comparison]()
    for batch in batches:
        if batch.comparison is not None:
            comparisons.append(batch.comparison)
        for row in batch.rows:
            table.write(row)
            if row.variant is not variant:
                variant = row.variant
                summary.count(row.variant, row.status, calibrated)
            progress(row)
        if batch.rows:
            table.end_batch()
        if batch.ends_piece:
            table.end_piece()
    summary.screening = agreement(comparisons)


def _cut(
    checked: Iterable[Checked], scorer: Scorer, piece_size: int, shared: int
) -> Iterator[tuple[list[Checked], bool]]:
    """Cut the stream after every piece, and after every `batch_size` windows; alleles of one window stay together.

    A piece that is screened stays whole: what is scored exactly depends on all of it.

    Alleles that are scored in the windows of genes meet others of the same gene in larger batches.
    """
    genes = scorer.settings.genes
    by_gene = genes is not None and genes.centre is Centre.TSS
    whole_pieces = scorer.settings.engine is Engine.ADJOINT
    batch: list[Checked] = []
    windows = WindowCounter(shared, scorer.grid)
    for one in checked:
        ends_piece = bool(batch) and _piece(one, piece_size) != _piece(batch[-1], piece_size)
        if whole_pieces:
            full = False
        elif by_gene:
            full = len(batch) == LARGEST_GROUP
        else:
            full = bool(one.placed) and windows.add(one.placed[0].variant) > scorer.batch_size
        if ends_piece or full:
            yield batch, ends_piece
            batch, windows = [], WindowCounter(shared, scorer.grid)
            if one.placed:
                windows.add(one.placed[0].variant)
        batch.append(one)
    if batch:
        yield batch, True


def _piece(one: Checked, piece_size: int) -> int:
    return one.variant.record // piece_size


def _prepared(alleles: Sequence[Checked], ends_piece: bool, genome: Genome, scorer: Scorer) -> Batch:
    placed = _placements(alleles, scorer)
    if scorer.settings.engine is Engine.ADJOINT:
        # With tokens at hand the gradients of a window serve all its alternates: none takes a window's memory.
        windows = list(order_by_window(placed, len(placed) if scorer.shares_tokens else LARGEST_GROUP))
        return Batch(alleles, ends_piece, placed, _screening_portions(windows, placed, genome, scorer))
    windows = list(order_by_window(placed))
    portions = []
    for start in range(0, len(windows), scorer.batch_size):
        indices = [index for window in windows[start : start + scorer.batch_size] for index in window]
        portions.append((indices, scorer.prepare([placed[index] for index in indices], genome)))
    return Batch(alleles, ends_piece, placed, portions)


def _placements(alleles: Sequence[Checked], scorer: Scorer) -> list[Placed]:
    within, count = scorer.settings.share_windows, scorer.settings.centre_bins
    if not within:
        return [placed for one in alleles for placed in one.placed]
    groups = group_by_window((one.placed[0].variant for one in alleles if one.placed), within)
    return [one for group in groups for one in place_in_shared_window(group, scorer.geometry, count, scorer.grid)]


def _screening_portions(
    windows: Sequence[Sequence[int]], placed: Sequence[Placed], genome: Genome, scorer: Scorer
) -> list[tuple[Sequence[int], Work]]:
    """A window at a time: substitutions, then what cannot be screened."""
    parts = [part for window in windows for part in screened_alone(placed, window)]
    return [(part, scorer.prepare([placed[index] for index in part], genome)) for part in parts]


def _screened(batches: Iterable[Batch], scorer: Scorer) -> Iterator[ScoredBatch]:
    for batch in batches:
        result = screen_and_refine(batch.placed, batch.portions, scorer)
        marks = {index: (engine.value,) for index, engine in result.engines.items()}
        yield ScoredBatch(_rows(batch, result.values, scorer, marks), batch.ends_piece, result.comparison)


def _scored(batch: Batch, submitted: Iterable[Submitted], scorer: Scorer) -> ScoredBatch:
    values: dict[int, list[Floats]] = {}
    for (indices, _), some in zip(batch.portions, submitted, strict=True):
        waiting = iter(scorer.collect(some))
        for index in indices:
            values[index] = list(itertools.islice(waiting, len(batch.placed[index].readouts)))
    return ScoredBatch(_rows(batch, values, scorer), batch.ends_piece)


def _rows(
    batch: Batch,
    values: Mapping[int, Sequence[Floats]],
    scorer: Scorer,
    marks: Mapping[int, tuple[str, ...]] | None = None,
) -> list[ScoredVariant]:
    """Rows of a batch, in order; `marks` are further context cells of each placement."""
    places = iter(enumerate(batch.placed))
    rows = []
    for one in batch.alleles:
        if not one.placed:
            rows.append(ScoredVariant(one.variant, one.status, None))
        for index, place in itertools.islice(places, len(one.placed)):
            rows.extend(
                ScoredVariant(
                    one.variant,
                    one.status,
                    row,
                    (*readout.context, *scorer.class_cells(one.variant), *(marks[index] if marks else ())),
                )
                for row, readout in zip(values[index], place.readouts, strict=True)
            )
    return rows
