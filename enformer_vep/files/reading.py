"""Byte streams from files, pipes and standard input: compression is recognised by content, cuts are noticed."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from enformer_vep.errors import InputError
from enformer_vep.files import bgzf

STANDARD_INPUT = "-"

_CHUNK = 1 << 16
_TAIL_LENGTH = len(bgzf.EOF_MARKER)
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error)
"""What Python's libraries raise about damaged data."""


@contextmanager
def open_input(path: Path | str, what: str) -> Iterator["InputStream"]:
    """Opens an input once; errors of reading in the block become one line of ours.

    Args:
        path: A file, a named pipe or, if it is the text "-", standard input.
        what: What it should be, for messages: "VCF", "FASTA".

    Yields:
        The decompressed stream.

    Raises:
        InputError: It is missing, a directory, unreadable, empty, damaged or cut short. A BGZF file is known to
            lack its last block before the block of code begins, a pipe when it was read to its end.
    """
    name = f"{what} from standard input" if path == STANDARD_INPUT else f"{what} file {path}"
    with _opened(path, what, name) as raw, damage_named(name):
        file = Path(path) if path != STANDARD_INPUT and Path(path).is_file() else None
        stream = InputStream(raw, name, file)
        if file is not None and stream.is_bgzf:
            size = file.stat().st_size
            stream.require_marker(os.pread(raw.fileno(), _TAIL_LENGTH, max(size - _TAIL_LENGTH, 0)))
        yield stream
        stream.check_complete()


@contextmanager
def open_text(path: Path | str, what: str) -> Iterator[TextIO]:
    """Opens a text file that the block reads to its end; raises as `open_input` does.

    Spreadsheets put a byte order mark before the first column's name: it is passed over.
    """
    with open_input(path, what) as stream:
        yield io.TextIOWrapper(stream.content, encoding="utf-8-sig")


@contextmanager
def _opened(path: Path | str, what: str, name: str) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        # Python has None in its place when the process was started without it, as by `<&-`.
        if sys.stdin is None:
            raise InputError(f"standard input is closed; pipe a {what} in or name a file")
        yield sys.stdin.buffer
        return
    try:
        handle = Path(path).open("rb")  # noqa: SIM115 (closed below)
    except IsADirectoryError:
        raise InputError(f"{path} is a directory; give the {what} file inside it") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); check its permissions") from None
    with handle:
        yield cast(BinaryIO, handle)


@contextmanager
def damage_named(name: str, errors: tuple[type[Exception], ...] = READ_ERRORS) -> Iterator[None]:
    """Turns what libraries raise about the damaged data of an input, by this name, into one `InputError`."""
    try:
        yield
    except InputError:
        raise
    except errors as error:
        raise InputError(
            f"{name} is damaged or truncated and cannot be read ({one_line(error)}); copy or make it again"
        ) from None


def one_line(error: BaseException) -> str:
    """What an exception says, fit for a place in one of our own messages."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


class InputStream:
    """A file or pipe, decompressed if need be; raises `InputError` when it is empty.

    Args:
        raw: Binary stream at its beginning; never seeked, so a pipe will do.
        name: What messages call it.
        file: The regular file that it is, if it is one.

    Attributes:
        name: What messages call it.
        file: The regular file that it is, None for standard input and pipes.
        head: Its first bytes, at most 18, as they are in the file.
        content: The decompressed bytes.
    """

    def __init__(self, raw: BinaryIO, name: str, file: Path | None = None) -> None:
        self.name = name
        self.file = file
        self._watched = _Watched(raw)
        self.head = self._watched.head
        if not self.head:
            raise InputError(f"{name} is empty; check the command or file that it comes from")
        self.content = _buffered(self._watched)
        if self.is_gzip:
            self.content = _buffered(cast(io.RawIOBase, gzip.GzipFile(fileobj=self.content)))

    @property
    def is_gzip(self) -> bool:
        """Whether it is compressed: gzip, BGZF included."""
        return bgzf.is_gzip(self.head)

    @property
    def is_bgzf(self) -> bool:
        """Whether it is BGZF."""
        return bgzf.is_bgzf(self.head)

    def peek(self, size: int) -> bytes:
        """Returns the first decompressed bytes without consuming them; only sensible before any read."""
        return self.content.peek(size)[:size]

    def chunks(self) -> Iterator[bytes]:
        """Reads the decompressed bytes piece by piece; raises `InputError` where they are damaged."""
        with damage_named(self.name):
            while chunk := self.content.read1(_CHUNK):
                yield chunk

    def check_complete(self) -> None:
        """Raises `InputError` when a BGZF stream that was read to its end lacks its end-of-file block."""
        if self.is_bgzf and self._watched.ended:
            self.require_marker(self._watched.tail)

    def require_marker(self, tail: bytes) -> None:
        """Raises `InputError` unless the last 28 bytes are those of a complete BGZF."""
        if tail != bgzf.EOF_MARKER:
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
        self.tail = self._pending = self.head
        self.ended = False

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
        self.ended = not data
        self.tail = (self.tail + data[-_TAIL_LENGTH:])[-_TAIL_LENGTH:]
        return count
