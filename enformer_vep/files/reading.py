"""Byte streams from files and standard input: compression is recognised by content, cuts are noticed."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from enformer_vep.errors import InputError
from enformer_vep.files import bgzf

_CHUNK = 1 << 16
_TAIL_LENGTH = len(bgzf.EOF_MARKER)
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error)
"""What Python's libraries raise about damaged data."""


@contextmanager
def damage_named(name: str, errors: tuple[type[Exception], ...] = READ_ERRORS) -> Iterator[None]:
    """Turns what libraries raise about damaged data into one line of ours.

    Args:
        name: What the message calls the input.
        errors: What they raise.

    Raises:
        InputError: One of them came.
    """
    try:
        yield
    except InputError:
        raise
    except errors as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"{name} is damaged or truncated ({reason}); copy or make it again") from None


class InputStream:
    """A file or pipe, decompressed if need be.

    Attributes:
        name: What messages call it.
        content: The decompressed bytes.
    """

    def __init__(self, raw: BinaryIO, name: str) -> None:
        """Looks at the first bytes and sets up decompression.

        Args:
            raw: Binary stream at its beginning; never seeked, so a pipe will do.
            name: What messages call it.

        Raises:
            InputError: The stream is empty.
        """
        self.name = name
        self._watched = _Watched(raw)
        if not self._watched.head:
            raise InputError(f"{name} is empty; check the command or file that it comes from")
        self.content = _buffered(self._watched)
        if bgzf.is_gzip(self._watched.head):
            self.content = _buffered(cast(io.RawIOBase, gzip.GzipFile(fileobj=self.content)))

    def peek(self, size: int) -> bytes:
        """Returns the first decompressed bytes without consuming them; only sensible before any read."""
        return self.content.peek(size)[:size]

    def chunks(self) -> Iterator[bytes]:
        """Reads the decompressed bytes piece by piece; raises `InputError` where they are damaged."""
        with damage_named(self.name):
            while chunk := self.content.read1(_CHUNK):
                yield chunk

    def check_complete(self) -> None:
        """Raises `InputError` when a BGZF stream, now read to its end, lacks its end-of-file block."""
        if bgzf.is_bgzf(self._watched.head) and self._watched.tail != bgzf.EOF_MARKER:
            raise InputError(
                f"{self.name} is truncated (its BGZF end-of-file block is missing); copy or compress it again"
            )


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return cast(io.BufferedReader, io.BufferedReader(raw, _CHUNK))


class _Watched(io.RawIOBase):
    """Passes a stream on and keeps its first 18 and its last 28 bytes."""

    def __init__(self, raw: BinaryIO) -> None:
        # Unbuffered: whatever is there is passed on, so a slow producer's rows are scored as they come; and no
        # buffer of standard input is locked by a thread that waits for more when the process ends.
        source = raw.raw if isinstance(raw, io.BufferedReader) else raw
        self._read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        self.head = b""
        while len(self.head) < bgzf.HEAD_LENGTH and (more := self._read(bgzf.HEAD_LENGTH - len(self.head))):
            self.head += more
        self.tail = self.head
        self._pending = self.head

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._pending:
            pending = self._pending[: len(buffer)]
            buffer[: len(pending)] = pending
            self._pending = self._pending[len(pending) :]
            return len(pending)
        data = self._read(len(buffer))
        count = len(data)
        buffer[:count] = data
        self.tail = self.tail + data[-_TAIL_LENGTH:]
        self.tail = self.tail[-_TAIL_LENGTH:]
        return count
