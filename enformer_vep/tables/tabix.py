"""An index for a sorted BGZF or BCF file, so that a region's rows are found without reading the rest."""

from pathlib import Path
from typing import Any, cast

from enformer_vep.errors import OutputError
from enformer_vep.files.atomic import explained
from enformer_vep.genome.variants import Variant
from enformer_vep.tables.formats import Format

# A .tbi index holds positions up to here; beyond it htslib needs .csi.
_LARGEST_TBI_POSITION = 1 << 29

# How each format says where a row is.
_PLACES: dict[Format, dict[str, Any]] = {
    Format.TSV: {"seq_col": 0, "start_col": 1, "end_col": 1, "meta_char": "#"},
    Format.VCF: {"preset": "vcf"},
    Format.BED: {"preset": "bed"},
    Format.BCF: {"preset": "bcf"},
}

_State = tuple[list[str], str | None, int, int]


class TabixIndex:
    """Checks the order of rows as they come and indexes the complete table, `destination` in messages.

    Rows that could not be indexed are refused at the first of them, rather than all at the end of a long run.
    """

    def __init__(self, destination: str, format: Format = Format.TSV) -> None:
        self._destination, self._format = destination, format
        self._contigs: set[str] = set()
        self._contig: str | None = None
        self._position = 0
        self._largest_position = 0

    def check(self, variant: Variant) -> None:
        """Takes the next row's variant.

        Raises:
            OutputError: It comes before its predecessor, or its contig was left before.
        """
        same = variant.contig == self._contig
        if variant.position < self._position if same else variant.contig in self._contigs:
            raise OutputError(
                f"{self._destination}: {variant.contig}:{variant.position} is out of order and tabix needs "
                "sorted rows; sort the VCF first (bcftools sort) or leave out --tabix"
            )
        self._contigs.add(variant.contig)
        self._contig = variant.contig
        self._position = variant.position
        self._largest_position = max(self._largest_position, variant.position)

    def state(self) -> list[object]:
        """What it remembers of the rows so far, as plain JSON values."""
        return [sorted(self._contigs), self._contig, self._position, self._largest_position]

    def restore(self, state: object) -> None:
        """Goes on from a state."""
        contigs, self._contig, self._position, self._largest_position = cast(_State, state)
        self._contigs = set(contigs)

    def build(self, path: Path) -> None:
        """Writes the index beside a complete file, as `path` + .tbi (.csi for BCF and positions beyond 2^29).

        Raises:
            OutputError: The index cannot be written.
        """
        import pysam

        with explained(self._destination):
            pysam.tabix_index(
                str(path),
                csi=self._largest_position > _LARGEST_TBI_POSITION or self._format is Format.BCF,
                force=True,
                keep_original=True,
                **_PLACES[self._format],
            )
