"""The plain table: one row per ALT allele, tab separated."""

from enformer_vep.files.bgzf import ByteSink
from enformer_vep.tables.lines import LineWriter
from enformer_vep.tables.row import VARIANT_COLUMNS, Layout, ScoredVariant
from enformer_vep.tables.tabix import TabixIndex

# Nine significant digits read back as the same float32, whatever its size.
_VALUE = b"\t%.9g"
_NOT_SCORED = b"\tNA"


class TsvWriter(LineWriter):
    """Writes the table.

    A value that is not finite is written as `nan`, `inf` or `-inf`: it was computed. `NA` stands in rows
    whose STATUS is not `ok`, and in context cells with nothing to say.

    Args:
        sink: Takes the file's bytes.
        layout: What stands right of STATUS.
        compressed: Write BGZF.
        index: The index to be made of the table, if any.
    """

    def __init__(
        self,
        sink: ByteSink,
        layout: Layout,
        *,
        compressed: bool = False,
        index: TabixIndex | None = None,
    ) -> None:
        header = "\t".join((*VARIANT_COLUMNS, *layout.columns)).encode() + b"\n"
        super().__init__(sink, layout, header, compressed=compressed, index=index)
        # One format string for all columns is three times as fast as one call per value.
        self._scored = _VALUE * len(layout.values) + b"\n"
        self._not_scored = _NOT_SCORED * len(layout.values) + b"\n"
        self._no_context = (None,) * len(layout.context)

    def _line(self, row: ScoredVariant) -> bytes:
        cells = row.context or self._no_context
        context = b"".join(_NOT_SCORED if cell is None else f"\t{cell}".encode() for cell in cells)
        if row.values is None:
            return _identity(row).encode() + context + self._not_scored
        return _identity(row).encode() + context + self._scored % tuple(row.values.tolist())


def _identity(row: ScoredVariant) -> str:
    variant = row.variant
    return "\t".join(
        (variant.contig, str(variant.position), variant.id, variant.reference, variant.alternate, row.status)
    )
