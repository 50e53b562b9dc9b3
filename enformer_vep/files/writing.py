"""Where bytes go: standard output, a device or named pipe, or a file that appears when complete."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from enformer_vep.errors import OutputError, UsageError
from enformer_vep.files.atomic import complete_or_absent, explained

STANDARD_OUTPUT = "-"

_BUFFER_BYTES = 1 << 20


def is_stream(destination: str) -> bool:
    """Whether a destination is read as it is written: standard output, a device or a named pipe."""
    path = Path(destination)
    return destination == STANDARD_OUTPUT or (path.exists() and not path.is_file() and not path.is_dir())


class OutputStream:
    """An open destination that takes bytes and explains, by the name that the user gave it, why it cannot."""

    def __init__(self, handle: BinaryIO, destination: str) -> None:
        self._handle = handle
        self._destination = destination

    def write(self, data: bytes) -> None:
        """Takes the next bytes.

        Raises:
            OutputError: They cannot be written (full disk, quota, ...).
            BrokenPipeError: Nobody reads the other end any more.
        """
        with explained(self._destination):
            self._handle.write(data)

    def flush(self) -> None:
        """Hands everything written so far to the operating system; raises as `write` does."""
        with explained(self._destination):
            self._handle.flush()

    def close(self, *, durable: bool) -> None:
        """Flushes and closes, on disk for certain when `durable`; raises as `write` does."""
        with explained(self._destination):
            self._handle.flush()
            if durable:
                os.fsync(self._handle.fileno())
            self._handle.close()


def require_writable(destination: str) -> None:
    """Finds out that a destination of `open_stream` cannot be written before any work is done; leaves all as it is.

    Raises:
        OutputError: Standard output is closed, the destination is a folder, or no file can be made there.
    """
    if destination == STANDARD_OUTPUT:
        _require_standard_output()
    elif destination.endswith(os.sep):
        raise OutputError(f"{destination}: is a folder; give a file name inside it")
    elif not is_stream(destination):
        with suppress(_OnlyLooking), complete_or_absent(destination):
            raise _OnlyLooking


def require_destinations(destinations: Iterable[str | Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Finds out, before any work is done, that results could not be written or would replace something needed.

    Args:
        destinations: Where results of one run go; None for those that are not wanted.
        inputs: Files that the run reads; None or empty for those that are not given.

    Raises:
        OutputError: As `require_writable`.
        UsageError: A destination is one of the inputs, or two are the same file.
    """
    needed = {Path(name).resolve() for name in inputs if name}
    taken = set()
    for destination in map(str, filter(None, destinations)):
        require_writable(destination)
        path = Path(destination).resolve()
        if destination != STANDARD_OUTPUT and path in needed and not is_stream(destination):
            raise UsageError(f"{destination} is an input of this run: choose another name for the output")
        if path in taken and (destination == STANDARD_OUTPUT or not is_stream(destination)):
            raise UsageError(f"two outputs have the same name, {destination}: give each its own")
        taken.add(path)


class _OnlyLooking(Exception):  # noqa: N818 (nothing went wrong)
    """Leaves a block that must not complete."""


def _require_standard_output() -> None:
    # Python has None in its place when the process was started without it, as by `>&-`.
    if sys.stdout is None:
        raise OutputError("standard output is closed; name a file with -o")


@contextmanager
def open_stream(destination: str, finish: Callable[[Path], None] | None = None) -> Iterator[OutputStream]:
    """Opens a destination for one block of code.

    Args:
        destination: "-" for standard output, a device or named pipe, else the name of a regular file, which
            appears only when the block succeeds (`complete_or_absent`).
        finish: Called with the complete file just before it takes its name; not called for streams.

    Yields:
        The stream to write to.

    Raises:
        OutputError: The destination cannot be opened, written or completed.
        BrokenPipeError: Nobody reads the other end any more.
    """
    if destination == STANDARD_OUTPUT:
        _require_standard_output()
        stream = OutputStream(sys.stdout.buffer, "standard output")
        yield stream
        stream.flush()
    elif is_stream(destination):
        with _open_path(Path(destination), destination, durable=False) as stream:
            yield stream
    else:
        with complete_or_absent(destination) as temporary:
            with _open_path(temporary, destination, durable=True) as stream:
                yield stream
            if finish is not None:
                finish(temporary)


@contextmanager
def _open_path(path: Path, destination: str, *, durable: bool) -> Iterator[OutputStream]:
    with explained(destination):
        handle = path.open("wb", buffering=_BUFFER_BYTES)
    try:
        stream = OutputStream(handle, destination)
        yield stream
        stream.close(durable=durable)
    finally:
        # After a failure the buffer may be full still, and closing would fail once more.
        with suppress(OSError):
            handle.close()
