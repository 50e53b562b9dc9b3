"""TFRecord files, compressed with zlib, one record after the other.

A file is one zlib stream. In it every record is its length (uint64), a masked CRC-32C of the length (uint32),
the payload, and a masked CRC-32C of the payload (uint32), all little-endian. Source: the comment at the top of
tensorflow/core/lib/io/record_writer.h.
"""

import struct
import weakref
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from enformer_vep.errors import DependencyError, InputError

_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_CHUNK_BYTES = 1 << 18
_LARGEST_RECORD = 1 << 31
_MASK_DELTA = 0xA282EAD8


class RecordStream:
    """An open TFRecord file, read from the front; `position` is the number of the next record.

    Raises:
        InputError: It cannot be opened.
        DependencyError: google-crc32c is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._checksum = _load_checksum()
        self._path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise InputError(f"TFRecord file {path} cannot be read ({error.strerror}); check the path") from None
        # Readers are dropped without ceremony when a worker or a test ends.
        self._finalizer = weakref.finalize(self, self._file.close)
        self._inflater = zlib.decompressobj()
        self._buffer = bytearray()
        self.position = 0

    def close(self) -> None:
        """Closes the file."""
        self._finalizer()

    def at_end(self) -> bool:
        """Whether there are no more records; an `InputError` when the file is damaged or truncated."""
        return not self._fill(1)

    def read(self) -> bytes:
        """Returns the next record's payload, its checksums verified.

        Raises:
            InputError: The file ends before, or is damaged or truncated.
        """
        size = self._read_size()
        payload = bytes(self._take(size))
        if self._masked(payload) != _CHECKSUM.unpack(self._take(_CHECKSUM.size))[0]:
            raise self._damaged("its checksum is wrong")
        self.position += 1
        return payload

    def skip(self) -> None:
        """Passes over the next record, only the checksum of its length verified; errors as of `read`."""
        rest = self._read_size() + _CHECKSUM.size
        while rest:
            rest -= len(self._take(min(rest, _CHUNK_BYTES)))
        self.position += 1

    def _read_size(self) -> int:
        header = self._take(_HEADER.size)
        size, checksum = _HEADER.unpack(header)
        if self._masked(bytes(header[:8])) != checksum or size > _LARGEST_RECORD:
            raise self._damaged("the checksum of its length is wrong")
        return int(size)

    def _take(self, size: int) -> bytearray:
        if not self._fill(size):
            raise self._damaged("the file ends in the middle of it" if self._buffer else "the file ends before it")
        taken = self._buffer[:size]
        del self._buffer[:size]
        return taken

    def _fill(self, size: int) -> bool:
        """Inflates until there are `size` bytes; false when the stream properly ends before."""
        while len(self._buffer) < size and not self._inflater.eof:
            chunk = self._file.read(_CHUNK_BYTES)
            if not chunk:
                raise self._damaged("the compressed stream ends early")
            try:
                self._buffer += self._inflater.decompress(chunk)
            except zlib.error as error:
                raise self._damaged(f"not a zlib stream: {error}") from None
        return len(self._buffer) >= size

    def _masked(self, content: bytes) -> int:
        """TensorFlow's masked checksum: rotated right by 15 bits, plus a constant."""
        plain = self._checksum(content)
        return (((plain >> 15) | (plain << 17)) + _MASK_DELTA) & 0xFFFFFFFF

    def _damaged(self, reason: str) -> InputError:
        return InputError(f"TFRecord file {self._path}, record {self.position}: {reason}; copy the file again")


def count_records(path: Path) -> int:
    """Number of records of a file, by inflating all of it; errors as of `RecordStream`."""
    with closing(RecordStream(path)) as stream:
        while not stream.at_end():
            stream.skip()
        return stream.position


def _load_checksum() -> Callable[[bytes], int]:
    try:
        import google_crc32c
    except ImportError:
        raise DependencyError(
            "reading TFRecords needs google-crc32c; install it with: pip install 'enformer-vep[training]'"
        ) from None
    checksum: Callable[[bytes], int] = google_crc32c.value
    return checksum
