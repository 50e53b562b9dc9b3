"""From variants to rows, in pieces of consecutive records. One chain of generators, flat in memory.

A piece is the unit of work: batches never reach over its end. So the batches that the device sees, and with
them every bit of the output, follow from the input and the settings alone, however the pieces are spread over
restarts, shards and devices.

Invariant: ALT alleles read = rows written, in the same order.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.sharing import Placed, WindowCounter, group_by_window, place_in_shared_window
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.genome.windows import AllelePair, allele_pair, centred_window
from enformer_vep.results import RunSummary, ScoredVariant
from enformer_vep.settings import ScoreSettings


@dataclass(frozen=True, slots=True)
class Piece:
    """Alleles of consecutive records.

    Attributes:
        number: Ordinal of the piece in the input, from 0.
        variants: Its alleles; can be gone through once.
    """

    number: int
    variants: Iterable[Variant]


@dataclass(frozen=True, slots=True)
class ScoredPiece:
    """Rows of a piece.

    Attributes:
        number: Ordinal of the piece in the input, from 0.
        batches: Its rows, batch by batch; can be gone through once.
    """

    number: int
    batches: Iterable[Sequence[ScoredVariant]]


class PieceScorer(Protocol):
    """What scoring a piece needs of `enformer_vep.pipeline.Scorer`."""

    @property
    def window(self) -> int:
        """Window length in bp."""

    @property
    def batch_size(self) -> int:
        """Alternates per batch."""

    @property
    def settings(self) -> ScoreSettings:
        """What was asked for."""

    def score(self, views: Sequence[Sequence[AllelePair]]) -> npt.NDArray[np.float32]:
        """Scores [B, columns] of a batch, given its windows under each shift."""


class Table(Protocol):
    """Where rows go."""

    def write(self, row: ScoredVariant) -> None:
        """Takes one row."""

    def end_batch(self) -> None:
        """All rows of a batch were taken."""

    def end_piece(self) -> None:
        """All rows of a piece were taken."""


def cut_pieces(variants: Iterable[Variant], records: int) -> Iterator[Piece]:
    """Cuts a stream of alleles after every so many records of the input.

    Args:
        variants: Alleles with the ordinals of their records, in order.
        records: Records per piece.

    Yields:
        Pieces; each has to be gone through before the next one is asked for.
    """
    for number, group in itertools.groupby(variants, lambda variant: variant.record // records):
        yield Piece(number, group)


def check_variants(
    variants: Iterable[Variant], genome: Genome, window: int, strict: bool
) -> Iterator[tuple[Variant, Status]]:
    """Say of every allele whether it can be scored.

    Args:
        variants: ALT alleles.
        genome: The reference.
        window: Window length in bp.
        strict: Refuse a REF that differs from the genome.

    Yields:
        Each allele with its status.

    Raises:
        InputError: On a REF mismatch, when strict.
    """
    for variant in variants:
        status = check_variant(variant, genome, window)
        if strict and status is Status.REF_MISMATCH:
            raise InputError(
                f"REF {variant.reference} at {variant.contig}:{variant.position} is not what the genome has: "
                "use the assembly that the VCF was called on, or leave out --strict"
            )
        yield variant, status


def score_piece(
    variants: Iterable[Variant], genome: Genome, scorer: PieceScorer, skipped_batches: int = 0
) -> Iterator[list[ScoredVariant]]:
    """Score alleles in batches and give every one back, in order.

    Args:
        variants: Alleles of one piece.
        genome: The reference.
        scorer: The model, made ready.
        skipped_batches: Batches at the piece's beginning that are done already.

    Yields:
        Batches of rows, one row per allele.
    """
    checked = check_variants(variants, genome, scorer.window, scorer.settings.strict)
    batches = _batches(checked, scorer.batch_size, scorer.settings.share_windows)
    for batch in itertools.islice(batches, skipped_batches, None):
        yield _score_batch(batch, genome, scorer)


def _score_batch(
    batch: Sequence[tuple[Variant, Status]], genome: Genome, scorer: PieceScorer
) -> list[ScoredVariant]:
    within = scorer.settings.share_windows
    scorable = (variant for variant, status in batch if status is Status.OK)
    placed = [one for group in group_by_window(scorable, within) for one in place_in_shared_window(group)]
    values = scorer.score(_views(placed, genome, scorer)) if placed else ()
    results = zip(placed, values, strict=True)
    rows = []
    for variant, status in batch:
        if status is Status.OK:
            place, row = next(results)
            start = centred_window(variant.contig, variant.start, scorer.window, place.shift).start
            rows.append(ScoredVariant(variant, status, row, (start + 1,) if within else ()))
        else:
            rows.append(ScoredVariant(variant, status, None))
    return rows


def score_pieces(
    pieces: Iterable[Piece], genome: Genome, scorer: PieceScorer, skipped_batches: int = 0
) -> Iterator[ScoredPiece]:
    """Score pieces one after the other.

    Args:
        pieces: From `cut_pieces`.
        genome: The reference.
        scorer: The model, made ready.
        skipped_batches: Batches of the first piece that are done already.

    Yields:
        The scored pieces; each has to be gone through before the next one is asked for.
    """
    for piece in pieces:
        yield ScoredPiece(piece.number, score_piece(piece.variants, genome, scorer, skipped_batches))
        skipped_batches = 0


def write_rows(
    pieces: Iterable[ScoredPiece],
    table: Table,
    summary: RunSummary,
    progress: Callable[[ScoredVariant], None],
) -> None:
    """Write every row as it comes.

    Args:
        pieces: Scored pieces, in order.
        table: Where rows go.
        summary: Alleles are counted here, before the batch they belong to is reported to the table.
        progress: Called after each row.
    """
    variant = None
    for piece in pieces:
        for rows in piece.batches:
            for row in rows:
                table.write(row)
                if row.variant is not variant:
                    variant = row.variant
                    summary.counts[row.status] += 1
                progress(row)
            table.end_batch()
        table.end_piece()


def _batches(
    checked: Iterable[tuple[Variant, Status]], batch_size: int, within: int
) -> Iterator[list[tuple[Variant, Status]]]:
    """Cut the stream after every `batch_size` windows; alleles of one window stay together."""
    batch: list[tuple[Variant, Status]] = []
    windows = WindowCounter(within)
    for variant, status in checked:
        if status is Status.OK and windows.add(variant) > batch_size:
            yield batch
            batch = []
            windows = WindowCounter(within)
            windows.add(variant)
        batch.append((variant, status))
    if batch:
        yield batch


def _views(placed: Sequence[Placed], genome: Genome, scorer: PieceScorer) -> list[list[AllelePair]]:
    return [
        [
            allele_pair(genome, one.variant, _contig(genome, one.variant), scorer.window, one.shift + shift)
            for one in placed
        ]
        for shift in scorer.settings.shifts
    ]


def _contig(genome: Genome, variant: Variant) -> str:
    contig = genome.resolve(variant.contig)
    assert contig is not None, "check_variant lets no unknown contig through"
    return contig
