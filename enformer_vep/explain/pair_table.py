"""The table of pairs of elements and genes: a row for each pair, a column for each score and track or group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from enformer_vep.errors import UsageError
from enformer_vep.explain.elements import Pair
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.scoring.scorer import Floats
from enformer_vep.tables.formats import Format, FormatChoice, choose_format
from enformer_vep.tables.line_writer import LineWriter
from enformer_vep.tables.row import MISSING, ValueBlock, is_missing

PAIR_COLUMNS = ("#CHROM", "START", "END", "NAME", "STATUS", "GENE_ID", "GENE_NAME", "TSS", "DISTANCE", "N_TSS")
"""What every row begins with. Positions are 0-based, as in BED."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """One row.

    Attributes:
        pair: The element, the gene, and whether they were scored.
        starts: Transcription starts that were read out; None where there is no gene.
        values: float32 [value columns], `MISSING` where there is none.
    """

    pair: Pair
    starts: int | None
    values: Floats

    @property
    def identity(self) -> tuple[object, ...]:
        """Cells of `PAIR_COLUMNS`; None where there is nothing to say."""
        element, gene = self.pair.element, self.pair.gene
        place = (element.contig, element.start, element.end, element.name, self.pair.status.value)
        if gene is None:
            wanted = self.pair.wanted
            return (*place, wanted.gene_id or None, wanted.gene_name or None, None, None, None)
        return (*place, gene.identifier, gene.name, gene.representative, self.pair.distance, self.starts)


class PairWriter(LineWriter[PairRow]):
    """Writes the table, tab-separated; NA stands where there is nothing to say."""

    def __init__(self, sink: ByteSink, columns: Sequence[str], *, compressed: bool = False) -> None:
        super().__init__(sink, compressed=compressed)
        self._header = "\t".join((*PAIR_COLUMNS, *columns)).encode() + b"\n"

    def _line(self, row: PairRow) -> bytes:
        cells = ["NA" if cell is None else str(cell) for cell in row.identity]
        gone = is_missing(row.values).tolist()
        cells += ["NA" if is_gone else f"{value:.9g}" for value, is_gone in zip(row.values.tolist(), gone, strict=True)]
        return "\t".join(cells).encode() + b"\n"


def choose_table_format(destination: str, wanted: str | None) -> FormatChoice:
    """The format of a destination: plain or BGZF lines; raises UsageError for what is not a table."""
    choice = choose_format(destination, wanted)
    if choice.format is not Format.TSV:
        raise UsageError(f"{destination}: pairs of elements and genes are written as .tsv or .tsv.gz; name it so")
    return choice


def value_columns(blocks: Sequence[ValueBlock]) -> tuple[str, ...]:
    """Names of the value columns: those of a block with one nameless label are its score alone."""
    return tuple(block.score if block.labels == ("",) else column for block in blocks for column in block.columns)


def all_missing(count: int, columns: int) -> Floats:
    """float32 [count, columns], to be filled where there is something to say."""
    return np.full((count, columns), MISSING, dtype=np.float32)
