"""What a .tbi or .csi index tells about a VCF or BCF without reading it.

Layouts: the tabix and CSI chapters of the SAM/VCF specifications (samtools.github.io/hts-specs).
"""

import gzip
import logging
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

_TBI_META_BIN = 37450
_CHUNK_SIZE = 16


def find_index(path: Path, suffixes: Sequence[str] = (".tbi", ".csi")) -> Path | None:
    """Finds the index beside a VCF or BCF (which has `.csi` only).

    Returns:
        The first there is; None when there is none that is as new as the file: it may point to wrong places.
    """
    for suffix in suffixes:
        index = path.with_name(path.name + suffix)
        if index.is_file():
            if index.stat().st_mtime >= path.stat().st_mtime:
                return index
            logger.warning("%s is older than %s, so not used; make it again (`tabix -f`)", index, path.name)
    return None


class ContigStart(NamedTuple):
    """Where a contig's records begin.

    Attributes:
        first_record: 0-based ordinal of the contig's first record in the file.
        virtual_offset: Its BGZF virtual offset: compressed offset of the block << 16 | offset in the block.
    """

    first_record: int
    virtual_offset: int


def count_indexed(index: Path) -> int | None:
    """Counts the records of an indexed file; None when its .tbi or .csi does not say or cannot be read."""
    contigs = _read_contigs(index)
    return None if contigs is None else sum(contig.records for contig in contigs)


def find_contig_start(index: Path, record: int) -> ContigStart | None:
    """Finds the last contig that begins at or before a record.

    Args:
        index: A `.tbi` or `.csi` file.
        record: 0-based ordinal of a record in the file.

    Returns:
        Where that contig begins; None when the index does not say.
    """
    found, first = None, 0
    for contig in sorted(_read_contigs(index) or (), key=lambda contig: contig.virtual_offset):
        if contig.records and first <= record:
            found = ContigStart(first, contig.virtual_offset)
        first += contig.records
    return found


class _Contig(NamedTuple):
    records: int
    virtual_offset: int


def _read_contigs(index: Path) -> list[_Contig] | None:
    try:
        content = gzip.decompress(index.read_bytes())
        contigs = _Contigs(content)
        return contigs.of_tbi() if content[:4] == b"TBI\1" else contigs.of_csi()
    except (OSError, EOFError, zlib.error, struct.error):
        return None


class _Contigs:
    """Walks through an index; only the pseudo-bin of each contig, which holds the counts, is looked at."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._offset = 4  # past the magic

    def of_tbi(self) -> list[_Contig] | None:
        contigs, *_, names_length = self._take("<8i")
        self._offset += names_length
        found = []
        for _ in range(contigs):
            contig = self._contig(_TBI_META_BIN, loffset_size=0)
            if contig is None:
                return None
            found.append(contig)
            (intervals,) = self._take("<i")
            self._offset += 8 * intervals
        return found

    def of_csi(self) -> list[_Contig] | None:
        _, depth, extra = self._take("<3i")
        self._offset += extra
        (contigs,) = self._take("<i")
        meta_bin = ((1 << (3 * (depth + 1))) - 1) // 7 + 1
        found = [self._contig(meta_bin, loffset_size=8) for _ in range(contigs)]
        known = [contig for contig in found if contig is not None]
        return known if len(known) == len(found) else None

    def _contig(self, meta_bin: int, loffset_size: int) -> _Contig | None:
        """The contig at hand: without records when it has no bins at all, None when it does not tell."""
        (bins,) = self._take("<i")
        contig = _Contig(0, 0) if bins == 0 else None
        for _ in range(bins):
            (number,) = self._take("<I")
            self._offset += loffset_size
            (chunks,) = self._take("<i")
            if number == meta_bin:
                # Two chunks: where the contig's records begin and end, how many are mapped and unmapped.
                begin, _, records, _ = struct.unpack_from("<4Q", self._content, self._offset)
                contig = _Contig(records, begin)
            self._offset += _CHUNK_SIZE * chunks
        return contig

    def _take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._content, self._offset)
        self._offset += struct.calcsize(layout)
        return values
