"""Files that appear under their name only when complete, and errors that say what to do."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from enformer_vep.errors import OutputError

# An index belongs to the file beside it: made with it, and an old one does not outlive the file it described.
INDEX_SUFFIXES = (".tbi", ".csi")

_NEW_FILE_MODE = 0o664
_REMEDIES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that you may write to"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "make the folder first"),
    errno.EISDIR: "give a file name inside it",
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "free some of your quota or choose another disk",
    errno.EFBIG: "raise the file size limit (ulimit -f) or choose another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def explained(destination: str | Path) -> Iterator[None]:
    """Turns an OSError of the block into an OutputError with a remedy; a closed pipe stays a BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another destination")
        raise OutputError(f"{destination}: cannot write: {error.strerror or error}; {remedy}") from error


@contextmanager
def complete_or_absent(destination: str | Path) -> Iterator[Path]:
    """Gives a temporary sibling of the destination, which takes its name when the block succeeds.

    The sibling lies in the destination's own folder, so that the last step is a rename. An index written
    beside the sibling (`INDEX_SUFFIXES`) is renamed with it. New files respect the umask and are never
    world-writable; a file that is replaced hands its permissions on. A symbolic link is followed, not
    replaced.

    Args:
        destination: Name of the complete file; its folder must exist.

    Yields:
        The sibling, an empty file to be written and closed within the block.

    Raises:
        OutputError: The destination is a folder, or cannot be created or renamed. Whatever is raised, an
            interrupt included, nothing new is left under the name and the sibling is gone.
    """
    target = resolve_target(destination)
    temporary = target.with_name(f".partial-{secrets.token_hex(4)}-{target.name}")
    with explained(destination):
        create(temporary, target)
    try:
        yield temporary
        with explained(destination):
            take_name(temporary, target)
    finally:
        for leftover in (temporary, *_indexes(temporary)):
            with suppress(OSError):
                leftover.unlink()


def resolve_target(destination: str | Path) -> Path:
    """The file that a destination stands for, links followed; OutputError if it is a folder or has none."""
    target = Path(destination).resolve()
    if target.is_dir():
        raise OutputError(f"{destination}: is a folder; give a file name inside it")
    if not target.parent.is_dir():
        raise OutputError(f"{destination}: the folder {target.parent} does not exist; make the folder first")
    return target


def create(temporary: Path, target: Path) -> None:
    """Makes a new, empty file that respects the umask and has the permissions of the file it will replace."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW_FILE_MODE)
    os.close(descriptor)
    if target.exists():
        shutil.copymode(target, temporary)


def take_name(temporary: Path, target: Path) -> None:
    """Renames a complete file, already on disk, and the indexes beside it; an old index goes."""
    for stale in _indexes(target):
        stale.unlink(missing_ok=True)
    new_indexes = [path for path in _indexes(temporary) if path.exists()]
    for path in new_indexes:
        shutil.copymode(temporary, path)
    temporary.replace(target)
    for path in new_indexes:
        path.replace(target.with_name(target.name + path.suffix))
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut, on file systems that can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_complete(path: Path, content: bytes) -> None:
    """Writes a small file that is complete and on disk as soon as it has its name.

    Only one process may write it at a time. A kill may leave `path` + .new behind, which the next one takes.
    """
    temporary = path.with_name(path.name + ".new")
    with explained(path):
        temporary.unlink(missing_ok=True)
        create(temporary, path)
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


def _indexes(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + suffix) for suffix in INDEX_SUFFIXES)
