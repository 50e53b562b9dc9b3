"""Blocks of linkage disequilibrium: which of them a position lies in."""

from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.regions import read_regions_file


class LinkageBlocks:
    """Blocks, and the gaps between them, which count as blocks of their own.

    Args:
        path: BED (0-based, half-open), by its name; see `read_regions_file`.

    Raises:
        InputError: It cannot be read, or blocks overlap.
    """

    def __init__(self, path: Path) -> None:
        by_contig: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for region in read_regions_file(path):
            by_contig[contig_key(region.contig)].append((region.start, region.end))
        self._edges: dict[str, list[int]] = {}
        for contig, blocks in by_contig.items():
            blocks.sort()
            for (_, end), (start, _) in pairwise(blocks):
                if start < end:
                    raise InputError(f"{path}: blocks overlap at {contig}:{start + 1}; give blocks that do not")
            self._edges[contig] = sorted({edge for block in blocks for edge in block})

    def number(self, contig: str, position: int) -> int:
        """Of the block or gap that a 0-based position on a contig, a `contig_key`, lies in; from 0 on each contig."""
        return bisect_right(self._edges.get(contig, []), position)
