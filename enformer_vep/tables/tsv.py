"""The plain table: one row per ALT allele, tab separated."""

from enformer_vep.tables.row import VARIANT_COLUMNS, ScoredVariant
from enformer_vep.tables.score_writer import ScoreWriter

# Nine significant digits read back as the same float32, whatever its size.
_VALUE = b"\t%.9g"
_NOT_SCORED = b"\tNA"


class TsvWriter(ScoreWriter):
    """Writes the table.

    A value that is not finite is written as `nan`, `inf` or `-inf`: it was computed. `NA` stands in rows
    whose STATUS is not `ok`, and in cells of context and of optional columns with nothing to say.
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
        return "\t".join(map(str, row.identity)).encode() + context + self._values(row)

    def _values(self, row: ScoredVariant) -> bytes:
        if row.values is None:
            return self._not_scored
        absent, values = self._absent(row), row.values.tolist()
        if absent is None:
            return self._scored % tuple(values)
        cells = (_NOT_SCORED if gone else _VALUE % value for value, gone in zip(values, absent.tolist(), strict=True))
        return b"".join(cells) + b"\n"
