"""From variants to rows, in pieces of consecutive records. One chain of generators, flat in memory.

A piece is the unit of work: batches never reach over its end. So the batches that the device sees, and with
them every bit of the output, follow from the input and the settings alone, however the pieces are spread over
restarts, shards and devices.

Invariant: ALT alleles read = rows written, in the same order.
"""

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.batches import (
    BatchEnd,
    PieceScorer,
    Portion,
    Reference,
    Work,
    compute_steps,
    prepare_steps,
)
from enformer_vep.scoring.prefetch import ahead
from enformer_vep.tables.row import RunSummary, ScoredVariant


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


def score_pieces(
    pieces: Iterable[Piece], reference: Reference, scorer: PieceScorer[Work], skipped_batches: int = 0
) -> Iterator[ScoredPiece]:
    """Score pieces one after the other; windows are cut in the background while the device computes.

    Args:
        pieces: From `cut_pieces`.
        reference: Genome and genes.
        scorer: The model, made ready.
        skipped_batches: Batches of the first piece that are done already.

    Yields:
        The scored pieces; each has to be gone through before the next one is asked for.
    """
    steps = ahead(_steps(pieces, reference, scorer, skipped_batches))
    for number, group in itertools.groupby(steps, key=operator.itemgetter(0)):
        yield ScoredPiece(number, compute_steps((step for _, step in group if step is not None), scorer))


def _steps(
    pieces: Iterable[Piece], reference: Reference, scorer: PieceScorer[Work], skipped_batches: int
) -> Iterator[tuple[int, Portion[Work] | BatchEnd | None]]:
    """Steps with the numbers of their pieces, each of which begins with None: it may have no other step."""
    for piece in pieces:
        yield piece.number, None
        for step in prepare_steps(piece.variants, reference, scorer, skipped_batches):
            yield piece.number, step
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
