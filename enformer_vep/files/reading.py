"""Byte streams from files and standard input: compression is recognised by content, cuts are noticed."""

import gzip
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from enformer_vep.errors import InputError
from enformer_vep.files import compression as bgzf

_CHUNK = 1 << 16
_TAIL_LENGTH = len(bgzf.EOF_MARKER)
_LAST_WORDS = 1.0  # seconds that a failed pump gets to say what happened


class ByteStream:
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


class _Pump(threading.Thread):
    """Copies a stream into a pipe; an error on the way is kept for the reader."""

    def __init__(self, stream: ByteStream, target: int) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._target = target
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with os.fdopen(self._target, "wb", buffering=0) as pipe:
                while chunk := self._stream.content.read1(_CHUNK):
                    view = memoryview(chunk)
                    while view:
                        view = view[pipe.write(view) :]
        except BrokenPipeError:
            pass  # the reader stopped early, which is its right
        except Exception as error:  # whatever it is, the reader's thread raises it
            self.error = error


@contextmanager
def as_pipe(stream: ByteStream) -> Iterator[BinaryIO]:
    """Offers a stream as a file descriptor, which is all that htslib takes.

    Args:
        stream: The stream; its decompressed bytes go through the pipe.

    Yields:
        The pipe's reading end.

    Raises:
        Exception: Whatever went wrong while the stream was read.
    """
    reading, writing = os.pipe()
    pump = _Pump(stream, writing)
    with os.fdopen(reading, "rb") as pipe:
        pump.start()
        try:
            yield pipe
        except Exception:
            # htslib only sees a pipe that ends too soon; the pump may know why.
            pipe.close()
            pump.join(_LAST_WORDS)
            if pump.error is not None:
                raise pump.error from None
            raise
    pump.join()
    if pump.error is not None:
        raise pump.error
