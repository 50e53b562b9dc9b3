"""Coverage and sequence from genome-wide files: FASTA and bigWig. The only user of pybigtools."""

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import DependencyError, InputError
from enformer_vep.genome.contigs import all_names
from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.genome.regions import RegionFilter, read_regions_file
from enformer_vep.tracks.table import Track, TrackTable
from enformer_vep.training.targets import Values, summarise, summary_of

logger = logging.getLogger(__name__)

ZERO, UNKNOWN = "zero", "unknown"
ABSENT_RULES = (ZERO, UNKNOWN)


@dataclass(frozen=True, slots=True)
class CoverageRule:
    """What is known where a bigWig is silent.

    A NaN that the bigWig stores and positions past a contig's ends are unknown under every rule.

    Attributes:
        absent: What positions that a bigWig leaves out are: "zero" or "unknown". Most bigWigs leave zeros out.
        blacklist: BED file of positions that are unknown whatever the bigWigs say (blacklisted, unmappable).
    """

    absent: str = ZERO
    blacklist: Path | None = None

    def signature(self) -> dict[str, str]:
        """The rule as plain values that differ when it means something else; the blacklist by its content.

        Raises:
            InputError: The blacklist cannot be read.
        """
        if self.blacklist is None:
            return {"absent": self.absent, "blacklist": ""}
        try:
            content = self.blacklist.read_bytes()
        except OSError as error:
            raise InputError(f"blacklist {self.blacklist} cannot be read ({error.strerror}); check the path") from None
        return {"absent": self.absent, "blacklist": hashlib.sha256(content).hexdigest()}


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
        rule: What is known where they are silent.

    Raises:
        InputError: A file is missing or unreadable, or is about another genome.
        DependencyError: pybigtools is not installed.
    """

    def __init__(self, fasta: Path, targets: TrackTable, folder: Path, bin_width: int, rule: CoverageRule) -> None:
        # pyfaidx is only needed here; training from baked data or TFRecords does without.
        from enformer_vep.genome.fasta import Genome

        self._genome = Genome(fasta)
        self._paths = [_coverage_path(target, folder) for target in targets]
        self._summaries = [summary_of(target) for target in targets]
        self._bin_width = bin_width
        self._absent = 0.0 if rule.absent == ZERO else np.nan
        self._blacklist = _read_blacklist(rule.blacklist, self._genome.contigs)
        self._process = 0
        self._handles: list[Any] = []
        self._own: list[dict[str, tuple[str, int]]] = []
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
        """Returns float32 [bins, tracks] summaries; NaN where a base of a bin is unknown."""
        self._open()
        known = self._known(contig, start, start + bins * self._bin_width)
        tracks = [self._track(index, contig, start, known) for index in range(len(self._paths))]
        return np.stack(tracks, axis=1)

    def warn_of_absent(self, contigs: Iterable[str]) -> None:
        """Names tracks that have nothing on one of these contigs: all of it is absent, which may be a mistake."""
        for contig in contigs:
            absent = [index for index, own in enumerate(self._own) if contig not in own]
            if absent:
                logger.warning(
                    "%d of %d bigWigs have nothing on contig %s (the first is %s): there every position counts as %s",
                    len(absent),
                    len(self._paths),
                    contig,
                    self._paths[absent[0]].name,
                    "unknown" if np.isnan(self._absent) else "zero",
                )

    def _known(self, contig: str, start: int, end: int) -> npt.NDArray[np.bool_]:
        """Positions (bool [end - start]) neither past the contig's ends nor blacklisted."""
        known = np.zeros(end - start, dtype=np.bool_)
        known[max(-start, 0) : max(self._genome.contigs[contig] - start, 0)] = True
        if self._blacklist is not None:
            known &= ~self._blacklist.covered(contig, start, end)
        return known

    def _track(self, index: int, contig: str, start: int, known: npt.NDArray[np.bool_]) -> Values:
        coverage = np.full(len(known), self._absent)
        name, length = self._own[index].get(contig, ("", 0))
        first, last = max(start, 0), min(start + len(known), length)
        if first < last:
            own = _read(self._handles[index], name, first, last, self._absent)
            coverage[first - start : last - start] = own
        coverage[~known] = np.nan
        return summarise(coverage, self._bin_width, self._summaries[index])

    def _open(self) -> None:
        if self._process != os.getpid():
            self._handles = [_open_bigwig(path) for path in self._paths]
            self._own = [
                _match_contigs(handle.chroms(), self._genome.contigs, path)
                for handle, path in zip(self._handles, self._paths, strict=True)
            ]
            self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the handles behind."""
        return {**self.__dict__, "_process": 0, "_handles": [], "_own": []}


def _read(handle: Any, contig: str, start: int, end: int, absent: float) -> npt.NDArray[np.float64]:
    """float64 [end - start] coverage inside a contig, `absent` where nothing is stored."""
    values: npt.NDArray[np.float64] = handle.values(contig, start, end, fillna=np.nan)
    missing = np.isnan(values)
    if np.isnan(absent) or not missing.any():
        return values
    # Asked for values alone, pybigtools does not tell a stored NaN from nothing.
    stored = handle.values(contig, start, end, end - start, summary="bases_covered", exact=True, fillna=0)
    values[missing & (stored == 0)] = absent
    return values


def _match_contigs(own: Mapping[str, int], genome: Mapping[str, int], path: Path) -> dict[str, tuple[str, int]]:
    """The genome's name of a contig to the bigWig's, with or without "chr", and its length there."""
    found = {contig: (name, own[name]) for contig in genome for name in all_names(contig)[::-1] if name in own}
    if not found:
        raise InputError(
            f"bigWig file {path} has none of the genome's contigs (it has {', '.join(list(own)[:3]) or 'none'}, "
            f"the genome {', '.join(list(genome)[:3])}); give coverage of this genome"
        )
    return found


def _read_blacklist(path: Path | None, genome: Mapping[str, int]) -> RegionFilter | None:
    if path is None:
        return None
    blacklist = RegionFilter(read_regions_file(path))
    if not any(blacklist.overlaps(contig, 0, length) for contig, length in genome.items()):
        raise InputError(f"blacklist {path} covers nothing of the genome; give one of this genome, or none")
    return blacklist


def _coverage_path(target: Track, folder: Path) -> Path:
    if not target.file:
        raise InputError(f"track {target.identifier} names no coverage; fill the column 'file' of the targets table")
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
