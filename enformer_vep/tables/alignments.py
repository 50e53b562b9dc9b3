"""Reads of a BAM, counted in stretches (pysam)."""

from collections.abc import Mapping
from pathlib import Path

import pysam

from enformer_vep.errors import InputError


class AlignedReads:
    """Counts of reads, whatever their flags, as samtools and the authors of the ABC model count them.

    Args:
        path: The BAM, with its index beside it.

    Attributes:
        lengths: Bp of every contig, as the file names them.

    Raises:
        InputError: The file is missing, cannot be read, or has no index.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"BAM file {path} does not exist; check the path")
        # htslib writes its own complaints to standard error otherwise.
        verbosity = pysam.set_verbosity(0)
        try:
            self._handle = pysam.AlignmentFile(str(path), "rb")
            indexed = self._handle.has_index()
        except (OSError, ValueError) as error:
            raise InputError(f"BAM file {path} cannot be read ({error}); copy or make it again") from None
        finally:
            pysam.set_verbosity(verbosity)
        if not indexed:
            raise InputError(f"BAM file {path} has no index; make one with: samtools index {path}")
        self.lengths: Mapping[str, int] = dict(zip(self._handle.references, self._handle.lengths, strict=True))

    @property
    def total(self) -> float:
        """Mapped reads of the whole file."""
        return float(self._handle.mapped)

    def amount(self, contig: str, start: int, end: int) -> float:
        """Reads that overlap [start, end) of a contig of the file, 0-based, start within it."""
        return float(self._handle.count(contig, start, end))
