"""Values along a genome as bigWig (pybigtools, extra `formats`)."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from enformer_vep.errors import DependencyError, InputError
from enformer_vep.files.atomic import complete_or_absent, explained

Interval = tuple[str, int, int, float]
"""Contig, start and end (0-based, half-open) and the value of each base in it."""


def write_bigwig(path: Path, lengths: Mapping[str, int], intervals: Iterable[Interval]) -> None:
    """Write a bigWig, complete or not at all; its values are float32.

    Args:
        path: The file.
        lengths: Contigs in the order of the intervals, and their lengths in bp. Those without intervals are left out.
        intervals: Sorted by contig (in the order of `lengths`) and start, without overlaps; those whose value is
            not finite are left out.

    Raises:
        DependencyError: pybigtools is not installed.
        InputError: No interval has a finite value (a bigWig cannot be empty), or one lies outside its contig.
        OutputError: The file cannot be written.
    """
    library = _library()
    checked = _checked(path, lengths, intervals)
    first = next(checked, None)
    if first is None:
        raise InputError(f"{path}: no value is finite, and a bigWig cannot be empty; choose other regions")
    source = _Source(itertools.chain([first], checked))
    with complete_or_absent(path) as temporary, explained(path):
        library.open(str(temporary), "w").write(dict(lengths), source)
        if source.error is not None:
            raise source.error


class BigWigCoverage:
    """Amounts of signal in stretches of a bigWig.

    Args:
        path: The file.
        fill: Count a stretch as if its bases without a value had the mean of the others; otherwise they are 0.

    Attributes:
        lengths: Bp of every contig, as the file names them.

    Raises:
        DependencyError: pybigtools is not installed.
        InputError: The file is missing or cannot be read.
    """

    def __init__(self, path: Path, *, fill: bool) -> None:
        library = _library()
        if not path.is_file():
            raise InputError(f"bigWig file {path} does not exist; check the path")
        try:
            self._handle: Any = library.open(str(path))
            self.lengths: Mapping[str, int] = dict(self._handle.chroms())
        except Exception as error:  # pybigtools raises types of its own, which differ between its versions
            raise InputError(f"bigWig file {path} cannot be read ({error}); copy or make it again") from None
        self._fill = fill

    @property
    def total(self) -> float:
        """Amount of the whole file."""
        return sum(self.amount(contig, 0, length) for contig, length in self.lengths.items())

    def amount(self, contig: str, start: int, end: int) -> float:
        """Value x bp in [start, end) of a contig of the file, 0-based, start within it."""
        stop = min(end, self.lengths[contig])
        total = self._summary(contig, start, stop, "sum")
        if not self._fill:
            return total
        covered = self._summary(contig, start, stop, "bases_covered")
        return total / covered * (end - start) if covered else 0.0

    def _summary(self, contig: str, start: int, end: int, name: str) -> float:
        return float(self._handle.values(contig, start, end, 1, summary=name, exact=True, fillna=0)[0])


class _Source:
    """Intervals for pybigtools, which prints an error of its source and goes on: so it ends, and keeps the error."""

    def __init__(self, intervals: Iterator[Interval]) -> None:
        self.error: BaseException | None = None
        self._intervals = intervals

    def __iter__(self) -> Iterator[Interval]:
        return self

    def __next__(self) -> Interval:
        if self.error is None:
            try:
                return next(self._intervals)
            except StopIteration:
                raise
            except BaseException as error:  # a signal's, too
                self.error = error
        raise StopIteration


def _checked(path: Path, lengths: Mapping[str, int], intervals: Iterable[Interval]) -> Iterator[Interval]:
    for contig, start, end, value in intervals:
        if not math.isfinite(value):
            continue
        if not 0 <= start < end <= lengths.get(contig, 0):
            raise InputError(f"{path}: {contig}:{start}-{end} lies outside the reference; use the FASTA of the input")
        yield contig, int(start), int(end), float(value)


def _library() -> Any:
    try:
        import pybigtools
    except ImportError:
        raise DependencyError("bigWig needs pybigtools; install it with: pip install 'enformer-vep[formats]'") from None
    return pybigtools
