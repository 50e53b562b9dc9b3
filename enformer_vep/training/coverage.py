"""Coverage and sequence from genome-wide files: FASTA and bigWig. The only user of pybigtools."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from enformer_vep.errors import DependencyError, InputError
from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.training.targets import Target, Values, summarise


class ContigReader(Protocol):
    """Sequence and coverage by position; both may be asked for past a contig's ends."""

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of every contig."""
        ...

    @property
    def grid(self) -> bool:
        """Whether bins start at multiples of the bin width only."""
        ...

    def codes(self, contig: str, start: int, end: int) -> Codes:
        """Returns uint8 [end - start] base codes, 4 past the contig's ends."""
        ...

    def values(self, contig: str, start: int, bins: int) -> Values:
        """Returns float32 [bins, tracks] summaries, not squashed yet; NaN where nothing is known."""
        ...


class BigWigReader:
    """FASTA and one bigWig per track, read on demand.

    Every process opens its own handles: a handle inherited over fork shares its file offset.

    Args:
        fasta: Reference genome.
        targets: Tracks; `file` is taken relative to `folder`.
        folder: Folder of the targets table.
        bin_width: Base pairs per bin.

    Raises:
        InputError: A file is missing or unreadable.
        DependencyError: pybigtools is not installed.
    """

    def __init__(self, fasta: Path, targets: Sequence[Target], folder: Path, bin_width: int) -> None:
        # pyfaidx is only needed here; training from baked data or TFRecords does without.
        from enformer_vep.genome.fasta import Genome

        self._genome = Genome(fasta)
        self._paths = [_coverage_path(target, folder) for target in targets]
        self._summaries = [target.summary for target in targets]
        self._bin_width = bin_width
        self._process = 0
        self._handles: list[Any] = []
        self._chromosomes: list[Mapping[str, int]] = []
        self._open()

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of every contig of the FASTA."""
        return self._genome.contigs

    @property
    def grid(self) -> bool:
        """False: coverage is known per base."""
        return False

    def codes(self, contig: str, start: int, end: int) -> Codes:
        """Returns uint8 [end - start] base codes, 4 past the contig's ends."""
        return encode(self._genome.fetch(contig, start, end))

    def values(self, contig: str, start: int, bins: int) -> Values:
        """Returns float32 [bins, tracks] summaries; NaN where no base of a bin is covered."""
        self._open()
        tracks = [self._track(index, contig, start, bins) for index in range(len(self._paths))]
        return np.stack(tracks, axis=1)

    def _track(self, index: int, contig: str, start: int, bins: int) -> Values:
        if contig not in self._chromosomes[index]:
            return np.full(bins, np.nan, dtype=np.float32)
        end = start + bins * self._bin_width
        coverage = self._handles[index].values(contig, start, end, fillna=np.nan, oob=np.nan)
        return summarise(coverage, self._bin_width, self._summaries[index])

    def _open(self) -> None:
        if self._process != os.getpid():
            self._handles = [_open_bigwig(path) for path in self._paths]
            self._chromosomes = [handle.chroms() for handle in self._handles]
            self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the handles behind."""
        return {**self.__dict__, "_process": 0, "_handles": [], "_chromosomes": []}


def _coverage_path(target: Target, folder: Path) -> Path:
    if not target.file:
        raise InputError(
            f"track {target.identifier} names no coverage; fill the column 'file' of the targets table"
        )
    return folder / target.file


def _open_bigwig(path: Path) -> Any:
    try:
        import pybigtools
    except ImportError:
        raise DependencyError(
            "reading bigWig needs pybigtools; install it with: pip install 'enformer-vep[training]'"
        ) from None
    if not path.is_file():
        raise InputError(f"bigWig file {path} does not exist; correct the column 'file' of the targets table")
    try:
        return pybigtools.open(str(path))
    except Exception as error:  # pybigtools raises types of its own, which differ between its versions
        raise InputError(f"bigWig file {path} cannot be read ({error}); copy or make it again") from None
