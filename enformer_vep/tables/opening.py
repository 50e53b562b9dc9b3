"""Opens what is read as a table, a file or a pipe, plain or gzip, and says in one line why that fails."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from enformer_vep.errors import InputError
from enformer_vep.files.reading import InputStream

STANDARD_INPUT = "-"


@contextmanager
def explained_reading(name: str | Path) -> Iterator[None]:
    """Turns what goes wrong with a file while it is read into an `InputError`."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{name} cannot be read: no such file; check the name") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{name} cannot be read: it is cut or damaged ({error}); copy or make it again") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name} cannot be read: it is no text ({error}); check the name") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}; check what it is") from None


@contextmanager
def open_bytes(path: str | Path) -> Iterator[InputStream]:
    """Opens a file, once, so that a pipe will do; "-" is standard input.

    Raises:
        InputError: It is missing, empty, unreadable or damaged; also while it is read in the block.
    """
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("standard input is closed; pipe a table in or name a file")
        with explained_reading("table on standard input"):
            yield InputStream(sys.stdin.buffer, "table on standard input")
    else:
        with explained_reading(path), Path(path).open("rb", buffering=0) as raw:
            yield InputStream(cast(BinaryIO, raw), str(path))


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Opens a text file that the block reads to its end; raises as `open_bytes` does.

    Spreadsheets put a byte order mark before the first column's name: it is passed over.
    """
    with open_bytes(path) as stream:
        yield io.TextIOWrapper(stream.content, encoding="utf-8-sig")
        stream.check_complete()
