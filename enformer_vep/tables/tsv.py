"""The plain table: one row per ALT allele, tab separated."""

import numpy as np
import numpy.typing as npt

from enformer_vep.tables.row import VARIANT_COLUMNS, ScoredVariant, is_missing
from enformer_vep.tables.score_writer import ScoreWriter

# Nine significant digits read back as the same float32, whatever its size.
_VALUE = b"\t%.9g"
_NOT_SCORED = b"\tNA"


class TsvWriter(ScoreWriter):
    """Writes the table.

    A value that is not finite is written as `nan`, `inf` or `-inf`: it was computed. `NA` stands in rows
    whose STATUS is not `ok`, for values that were left out, and in context cells with nothing to say.
    """

    def _prepare(self) -> bytes:
        layout = self._layout
        # One format string for all columns is three times as fast as one call per value.
        self._scored = _VALUE * len(layout.values) + b"\n"
        self._not_scored = _NOT_SCORED * len(layout.values) + b"\n"
        self._no_context = (None,) * len(layout.context)
        return "\t".join((*VARIANT_COLUMNS, *layout.columns)).encode() + b"\n"

    def _line(self, row: ScoredVariant) -> bytes:
        cells = row.context or self._no_context
        context = b"".join(_NOT_SCORED if cell is None else f"\t{cell}".encode() for cell in cells)
        values = self._not_scored if row.values is None else self._cells(row.values)
        return "\t".join(map(str, row.identity)).encode() + context + values

    def _cells(self, values: npt.NDArray[np.float32]) -> bytes:
        missing = is_missing(values)
        if not missing.any():
            return self._scored % tuple(values.tolist())
        cells = zip(values.tolist(), missing.tolist(), strict=True)
        return b"".join(_NOT_SCORED if gone else _VALUE % value for value, gone in cells) + b"\n"
