"""Regions that a user asks for, from the command line or a file."""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.files.reading import open_input
from enformer_vep.genome.contigs import all_names

CONTIG_END = 2**31 - 1
"""End of a region that reaches to the end of its contig, whatever that is."""

_REGION = re.compile(r"(?P<contig>[^\s:]+)(?::(?P<first>[0-9,]+)(?P<open>-(?P<last>[0-9,]+)?)?)?")
_BED_SUFFIXES = (".bed", ".bed.gz", ".bed.bgz")
_SKIPPED_PREFIXES = ("#", "track ", "track\t", "browser ")


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of one contig.

    Attributes:
        contig: Contig name as the user wrote it.
        start: 0-based first position.
        end: 0-based half-open end.
    """

    contig: str
    start: int = 0
    end: int = CONTIG_END


def parse_region(text: str) -> Region:
    """Reads a region in the notation of samtools and bcftools.

    Args:
        text: 1-based, both ends included: "chr22:1,000-2,000", "chr22:1000-" (to the contig's end),
            "chr22:1000" (that position alone, as in bcftools) or "chr22".

    Returns:
        The region, 0-based half-open.

    Raises:
        UsageError: The text is no region.
    """
    match = _REGION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a region; write chr22:1000-2000 (1-based, both ends included)")
    first = _position(match["first"], 1)
    last = _position(match["last"], CONTIG_END if match["open"] or not match["first"] else first)
    if first < 1 or last < first:
        raise UsageError(f"region {text!r} is empty; positions begin at 1, the end is not before the start")
    return Region(match["contig"], first - 1, min(last, CONTIG_END))


def read_regions_file(path: Path | str) -> tuple[Region, ...]:
    """Reads a list of regions, by the rule of bcftools.

    A name that ends in `.bed`, `.bed.gz` or `.bed.bgz` means BED: 0-based, half-open. Anything else is
    1-based with both ends included: tab-separated `CHROM POS` or `CHROM BEG END`, or one
    `chr22:1000-2000` a line.

    Args:
        path: The file, plain or gzip.

    Returns:
        The regions, in the order of the file.

    Raises:
        InputError: The file is missing, damaged, holds no region, or a line cannot be understood.
    """
    path = Path(path)
    is_bed = path.name.lower().endswith(_BED_SUFFIXES)
    with open_input(path, "regions") as stream:
        lines = stream.content.read().decode().splitlines()
    regions = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith(_SKIPPED_PREFIXES):
            regions.append(_parse_line(line, is_bed, f"{path}, line {number}"))
    if not regions:
        raise InputError(f"regions file {path} holds no region; add some or leave the option out")
    return tuple(regions)


def merge_regions(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Joins regions that overlap or touch.

    Returns:
        Disjoint regions, sorted by start within a contig; contigs in the order of their first appearance.
    """
    regions = tuple(regions)
    by_contig: dict[str, list[Region]] = {region.contig: [] for region in regions}
    for region in sorted(regions, key=lambda region: region.start):
        merged = by_contig[region.contig]
        if merged and region.start <= merged[-1].end:
            merged[-1] = Region(region.contig, merged[-1].start, max(merged[-1].end, region.end))
        else:
            merged.append(region)
    return tuple(itertools.chain.from_iterable(by_contig.values()))


class RegionFilter:
    """Tells whether a stretch overlaps any of some regions; contig names are matched both ways."""

    def __init__(self, regions: Sequence[Region]) -> None:
        """Sorts and merges any regions, in any order."""
        self._intervals: dict[str, tuple[list[int], list[int]]] = {}
        renamed = merge_regions(Region(_canonical(r.contig), r.start, r.end) for r in regions)
        for contig, group in itertools.groupby(renamed, key=lambda region: region.contig):
            members = list(group)
            self._intervals[contig] = ([r.start for r in members], [r.end for r in members])

    def overlaps(self, contig: str, start: int, end: int) -> bool:
        """Whether [start, end), 0-based half-open, shares a base with any region."""
        intervals = self._intervals.get(_canonical(contig))
        if intervals is None:
            return False
        starts, ends = intervals
        # The last region that begins before `end` also has the largest end of those: they are disjoint.
        index = bisect_right(starts, end - 1) - 1
        return index >= 0 and ends[index] > start

    def covered(self, contig: str, start: int, end: int) -> npt.NDArray[np.bool_]:
        """Which positions of [start, end), 0-based and maybe negative, lie in a region: bool [end - start]."""
        result = np.zeros(end - start, dtype=np.bool_)
        starts, ends = self._intervals.get(_canonical(contig), ((), ()))
        for index in range(bisect_right(ends, start), bisect_right(starts, end - 1)):
            result[max(starts[index] - start, 0) : ends[index] - start] = True
        return result


def _position(digits: str | None, default: int) -> int:
    return int(digits.replace(",", "") or 0) if digits else default


@lru_cache(maxsize=4096)
def _canonical(contig: str) -> str:
    """One name for all the names of a contig."""
    return min(all_names(contig))


def _parse_line(line: str, is_bed: bool, place: str) -> Region:
    fields = line.split("\t") if "\t" in line else line.split()
    try:
        return _parse_fields(fields, is_bed)
    except (ValueError, IndexError, UsageError):
        wanted = "BED (CHROM START END)" if is_bed else "CHROM POS, CHROM BEG END or chr22:1000-2000"
        raise InputError(f"{place}: {line[:60]!r} is not a region; expected {wanted}") from None


def _parse_fields(fields: Sequence[str], is_bed: bool) -> Region:
    if len(fields) == 1 and not is_bed:
        return parse_region(fields[0])
    first = int(fields[1])
    has_end = is_bed or (len(fields) > 2 and fields[2].strip().isdecimal())
    region = Region(fields[0], first if is_bed else first - 1, int(fields[2]) if has_end else first)
    if not region.contig or not 0 <= region.start <= region.end:
        raise ValueError(region)
    return region
