"""The files of one run: the complete one, the unfinished one and its journal."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from enformer_vep.errors import OutputError
from enformer_vep.files.atomic import create, explained, resolve_target
from enformer_vep.files.sha256 import sha256_of
from enformer_vep.resume.journal import read_journal

logger = logging.getLogger(__name__)

_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Names:
    """The files of one run: as the user named it, the complete one, the unfinished one, how far it is."""

    destination: str
    target: Path
    part: Path
    journal: Path

    @classmethod
    def of(cls, destination: str) -> "Names":
        """Names beside the destination; raises OutputError when that cannot be a file."""
        target = resolve_target(destination)
        part, journal = (target.with_name(target.name + suffix) for suffix in (".part", ".journal"))
        return cls(destination, target, part, journal)


def was_completed(names: Names) -> bool:
    """Whether a kill came between a complete file's taking its name and the end of its journal."""
    found = read_journal(names.journal)
    if found is None or not found.checkpoints or names.part.exists() or not names.target.is_file():
        return False
    last = found.checkpoints[-1]
    return last.finished and last.size == names.target.stat().st_size and last.sha256 == sha256_of(names.target)


@contextmanager
def locked_part(names: Names) -> Iterator[BinaryIO]:
    """Opens the unfinished file, made if need be, to be read and written by this process alone.

    Raises:
        OutputError: It cannot be opened, or another process writes it.
    """
    with explained(names.destination):
        if not names.part.exists():
            create(names.part, names.target)
        handle = names.part.open("r+b", buffering=_BUFFER_BYTES)
    try:
        _lock(handle, names)
        yield handle
    finally:
        # After a failure the buffer may be full still, and closing would fail once more.
        with suppress(OSError):
            handle.close()


def _lock(handle: BinaryIO, names: Names) -> None:
    busy = OutputError(f"{names.destination}: another process is writing it; wait for it or choose another destination")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy from None
    except OSError as error:
        logger.debug("%s cannot be locked: %s", names.part, error)
    # While this process waited for the lock, its holder may have given the file its final name.
    if not names.part.exists() or not os.path.samestat(os.fstat(handle.fileno()), names.part.stat()):
        raise busy
