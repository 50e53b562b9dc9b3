"""A table without the values that its views do not agree on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from enformer_vep.calibration.confidence import Confidence, agreement_column
from enformer_vep.tables.parquet_reader import Record
from enformer_vep.tables.reader import ScoredTable, narrowed


def confident(table: ScoredTable, chosen: Sequence[int], share: float) -> ScoredTable:
    """Takes columns of a table; every row stays.

    Args:
        table: All of it.
        chosen: Positions of the wanted columns among the values, ascending.
        share: Least share of views that must have the sign of a signed score; others are missing.

    Raises:
        UsageError: As for `Confidence.of`.
    """
    layout = table.layout
    wanted = narrowed(layout, chosen)
    judges = {agreement_column(block.score, label) for block in wanted.blocks for label in block.labels}
    judging = [place for place, name in enumerate(layout.values) if name in judges]
    confidence = Confidence.of(share, wanted.blocks, narrowed(layout, judging).blocks)
    needed = sorted({*chosen, *judging})
    values_at, judges_at = np.searchsorted(needed, chosen), np.searchsorted(needed, judging)

    def read(some: Sequence[int] | None) -> Iterator[Record]:
        for number, cells, values in table.read(needed):
            kept = None if values is None else confidence(values[values_at], values[judges_at])
            yield number, cells, kept if kept is None or some is None else kept[list(some)]

    return replace(table, layout=wanted, read=read, chosen=None)
