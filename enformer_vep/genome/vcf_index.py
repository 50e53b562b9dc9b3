"""What a .tbi or .csi index tells about a VCF or BCF without reading it.

Layouts: the tabix and CSI chapters of the SAM/VCF specifications (samtools.github.io/hts-specs).
"""

import gzip
import logging
import struct
import zlib
from pathlib import Path

logger = logging.getLogger(__name__)

_TBI_META_BIN = 37450
_CHUNK_SIZE = 16


def find_index(path: Path) -> Path | None:
    """Finds the index of a VCF or BCF.

    Args:
        path: The VCF or BCF.

    Returns:
        The `.tbi` or `.csi` beside it; None when there is none, or when it is older than the file and so may
        point to the wrong places.
    """
    for suffix in (".tbi", ".csi"):
        index = path.with_name(path.name + suffix)
        if index.is_file():
            if index.stat().st_mtime >= path.stat().st_mtime:
                return index
            logger.warning("%s is older than %s, so not used; make it again (`tabix -f`)", index, path.name)
    return None


def count_indexed(index: Path) -> int | None:
    """Counts the records of an indexed file.

    Args:
        index: A `.tbi` or `.csi` file.

    Returns:
        The number of records; None when the index does not say or cannot be read.
    """
    try:
        content = gzip.decompress(index.read_bytes())
        counts = _Counts(content)
        return counts.of_tbi() if content[:4] == b"TBI\1" else counts.of_csi()
    except (OSError, EOFError, zlib.error, struct.error):
        return None


class _Counts:
    """Walks through an index; only the pseudo-bin of each contig, which holds the counts, is looked at."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._offset = 4  # past the magic

    def of_tbi(self) -> int | None:
        contigs, *_, names_length = self._take("<8i")
        self._offset += names_length
        total = 0
        for _ in range(contigs):
            count = self._contig(_TBI_META_BIN, loffset_size=0)
            if count is None:
                return None
            total += count
            (intervals,) = self._take("<i")
            self._offset += 8 * intervals
        return total

    def of_csi(self) -> int | None:
        _, depth, extra = self._take("<3i")
        self._offset += extra
        (contigs,) = self._take("<i")
        meta_bin = ((1 << (3 * (depth + 1))) - 1) // 7 + 1
        counts = [self._contig(meta_bin, loffset_size=8) for _ in range(contigs)]
        return None if None in counts else sum(count or 0 for count in counts)

    def _contig(self, meta_bin: int, loffset_size: int) -> int | None:
        """Records of the contig at hand: 0 when it has no bins at all, None when it does not tell."""
        (bins,) = self._take("<i")
        count = 0 if bins == 0 else None
        for _ in range(bins):
            (number,) = self._take("<I")
            self._offset += loffset_size
            (chunks,) = self._take("<i")
            if number == meta_bin:
                (count,) = struct.unpack_from("<Q", self._content, self._offset + _CHUNK_SIZE)
            self._offset += _CHUNK_SIZE * chunks
        return count

    def _take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._content, self._offset)
        self._offset += struct.calcsize(layout)
        return values
