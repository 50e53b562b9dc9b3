"""Small helpers for files that must be whole: replace by renaming, and check by hash."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under another name and give it its own when complete.

    Args:
        path: Destination.

    Yields:
        Path to write to, in the destination's directory. After an exception nothing is left.

    Raises:
        OSError: When the directory cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as directory:
        temporary = Path(directory) / path.name
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        # safetensors makes files that their owner alone can read, whatever the umask.
        temporary.chmod(mode)
        temporary.replace(path)
