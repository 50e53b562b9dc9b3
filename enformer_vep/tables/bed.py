"""BED for genome browsers: one line per row, coloured by the direction of its strongest effect.

Nine columns and no more: browsers take further ones for the blocks of a gene. So the values themselves are not
in the file; its score and its name tell the strongest.
"""

import numpy as np

from enformer_vep.tables.row import ScoredVariant
from enformer_vep.tables.score_writer import ScoreWriter

_UP, _DOWN, _NOT_SCORED = "200,30,30", "30,60,200", "150,150,150"
_LONGEST_ALLELE = 20


class BedWriter(ScoreWriter):
    """Writes BED9: contig, start, end (0-based, half-open), name, score, strand ".", start, end, colour.

    The strongest value is the one of the first score's columns that is largest in size, m. The score is
    1000 m / (1 + m), rounded: 500 for an effect of 1, whatever else is in the file. Red is up, blue is down.
    Rows that were not scored are grey, have score 0 and the reason in their name.
    """

    def _prepare(self) -> bytes:
        layout = self._layout
        self._columns = layout.blocks[0].columns if layout.blocks else ()
        names = [column.name for column in layout.context]
        self._gene = names.index("GENE_NAME") if "GENE_NAME" in names else None
        return b""

    def _line(self, row: ScoredVariant) -> bytes:
        variant = row.variant
        parts = [f"{variant.contig}:{variant.position}" if variant.id == "." else variant.id]
        parts.append(f"{_short(variant.reference)}>{_short(variant.alternate)}")
        if self._gene is not None and row.context and row.context[self._gene] is not None:
            parts.append(str(row.context[self._gene]))
        score, colour = 0, _NOT_SCORED
        column, value = self._strongest(row)
        if column:
            size = abs(value)
            score = 1000 if np.isinf(size) else round(1000 * size / (1 + size))
            colour = _UP if value > 0 else _DOWN if value < 0 else _NOT_SCORED
            parts.append(f"{column}={value:.4g}")
        elif row.values is None:
            parts.append(row.status)
        name = ";".join("_".join(part.split()) for part in parts)
        place = f"{variant.start}\t{variant.end}"
        return f"{variant.contig}\t{place}\t{name}\t{score}\t.\t{place}\t{colour}\n".encode()

    def _strongest(self, row: ScoredVariant) -> tuple[str, float]:
        if row.values is None or not self._columns:
            return "", 0.0
        sizes = np.nan_to_num(np.abs(row.values[: len(self._columns)]), nan=-1.0, posinf=np.inf)
        best = int(np.argmax(sizes))
        return (self._columns[best], float(row.values[best])) if sizes[best] >= 0 else ("", 0.0)


def _short(allele: str) -> str:
    return allele if len(allele) <= _LONGEST_ALLELE else f"{allele[0]}[{len(allele)}bp]"
