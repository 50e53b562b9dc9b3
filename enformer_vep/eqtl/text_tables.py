"""Opens delimited text, plain or compressed, and says in one line what is wrong with it."""

import gzip
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pandas as pd

from enformer_vep.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def opened(path: Path) -> Iterator[tuple[list[str], str, TextIO]]:
    """Opens a table at its first row; `##` lines before the header are passed over.

    Yields:
        Column names, the delimiter (tab if the header has one, else comma), and the text that follows.

    Raises:
        InputError: The file is missing, empty, cut or not text.
    """
    with _explained(path), gzip.open(path, "rt") if _is_compressed(path) else path.open() as text:
        line = text.readline()
        while line.startswith("##"):
            line = text.readline()
        if not line.strip():
            raise InputError(f"{path} is empty; check the command that it comes from")
        delimiter = "\t" if "\t" in line else ","
        yield [name.strip().strip('"') for name in line.split(delimiter)], delimiter, text


def read_text_columns(path: Path) -> pd.DataFrame:
    """Reads a whole table; every value is the text that stands there, "" where a row is short.

    Raises:
        InputError: As for `opened`, or a row has more fields than the header.
    """
    with opened(path) as (header, delimiter, text), warnings.catch_warnings():
        # pandas only warns when it drops the fields that a row has too many.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        table = pd.read_csv(
            text, sep=delimiter, names=header, header=None, dtype=str, keep_default_na=False, index_col=False
        )
    return table.fillna("")


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is cut or damaged ({error}); copy or make it again") from error
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} has a header but no rows; check the command that it comes from") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot read the table ({reason}); check that row") from error
