"""The file that Ensembl VEP's Enformer plugin reads: a VCF whose INFO is "SAD=v1,v2,...;SAR=v1,v2,...".

The plugin (Enformer.pm, github.com/Ensembl/VEP_plugins) splits INFO at these words, in this order, and takes
contigs to begin with "chr".
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import UsageError
from enformer_vep.files.bgzf import ByteSink
from enformer_vep.tables.formats import Format
from enformer_vep.tables.row import Contigs, Layout, ScoredVariant, is_missing
from enformer_vep.tables.score_writer import ScoreWriter
from enformer_vep.tables.tabix import TabixIndex
from enformer_vep.tables.vcf import refuse_genes

_SCORES = ("SAD", "SAR")


class VepWriter(ScoreWriter):
    """Writes one record per scored allele, all values of a score in one field; BGZF with a tabix index.

    Raises:
        UsageError: There is no SAD, or the rows are of alleles and genes.
    """

    def __init__(self, sink: ByteSink, layout: Layout, contigs: Contigs, destination: str) -> None:
        refuse_genes(layout, destination, "the plugin's VCF")
        places, first = {}, 0
        for block in layout.blocks:
            places[block.score] = slice(first, first := first + len(block.labels))
        if _SCORES[0] not in places:
            raise UsageError(f"{destination}: the plugin reads SAD (and SAR); score with -s SAD,SAR")
        self._parts = [(score, places[score]) for score in _SCORES if score in places]
        index = TabixIndex(destination, Format.VCF)
        super().__init__(sink, layout, contigs, compressed=True, index=index)

    def _prepare(self) -> bytes:
        lines = ["##fileformat=VCFv4.2", "##source=enformer-vep"]
        for name, length in self._contigs.items():
            lines.append(f"##contig=<ID={_chr(name)}{'' if length is None else f',length={length}'}>")
        lines += [
            f'##INFO=<ID={score},Number=.,Type=Float,Description="{score} of every track, in the table\'s order">'
            for score, _ in self._parts
        ]
        return "\n".join((*lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")).encode()

    def _line(self, row: ScoredVariant) -> bytes:
        if row.values is None:
            return b""
        one = row.variant
        info = ";".join(f"{score}={','.join(_cells(row.values[place]))}" for score, place in self._parts)
        fields = (_chr(one.contig), one.position, one.id, one.reference, one.alternate, ".", ".", info)
        return "\t".join(map(str, fields)).encode() + b"\n"


def _cells(values: npt.NDArray[np.float32]) -> Iterator[str]:
    for value, gone in zip(values.tolist(), is_missing(values).tolist(), strict=True):
        yield "." if gone else f"{value:.9g}"


def _chr(contig: str) -> str:
    return contig if contig.startswith("chr") else f"chr{contig}"
