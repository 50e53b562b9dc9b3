"""Reads delimited text, plain or compressed, and says in one line what is wrong with it; writes small tables.

Tab-separated tables are not quoted: a `"` is a letter like others. Comma-separated ones are, as spreadsheets write
them, but a field ends in the line in which it starts: otherwise one stray `"` would swallow the rows up to the next.
"""

import csv
import io
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_text

MISSING = frozenset({"", "na", "nan", ".", "none", "null"})
"""Words for nothing, in small letters."""

LABEL_WORDS = {"true": "1", "yes": "1", "positive": "1", "false": "0", "no": "0", "negative": "0"}
"""Words for a label of 1 or 0, in small letters."""

Keep = Callable[[pd.DataFrame], "pd.Series[bool]"]

_CHUNK = 100_000  # rows
_BROWSER_LINES = ("track ", "track\t", "browser ")


def read_text_columns(path: Path, bed_columns: Sequence[str] = (), keep: Keep | None = None) -> pd.DataFrame:
    """Reads a whole table, tab or else comma separated; every value is the text that stands there.

    `##` lines before the header are passed over. Where every name in the header of a tab-separated table stands in
    quotes (as R writes them), those around values go as well. A value is "" where a row is short.

    Args:
        path: The table.
        bed_columns: With these, BED is read as well, told from a table by a number in its second column: they are
            the names of its columns, of which it may have fewer; further ones are called column_7 and so on.
        keep: Says which rows to keep, of some thousands at a time; the others take no memory. All unless given.

    Returns:
        With the 0-based number of each row in the file as its index.

    Raises:
        InputError: The file is missing, empty, cut or not text, a row has more fields than the header, or a quote is
            not closed in its line.
    """
    with open_text(path, "table") as text:
        line = text.readline()
        while line.startswith("##") or (bed_columns and _is_remark(line)):
            line = text.readline()
        if not line.strip():
            raise InputError(f"{path} is empty; check the command that it comes from")
        try:
            if bed_columns and _is_bed(line):
                return _bed(line, text, bed_columns)
            if "\t" in line:
                return _tab_separated(line, text, keep)
            table = _comma_separated(path, line, text)
            return table if keep is None else table[keep(table)]
        except pd.errors.EmptyDataError:
            raise InputError(f"{path} has a header but no rows; check the command that it comes from") from None
        except (ValueError, pd.errors.ParserWarning) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: cannot read the table ({reason}); check that row") from error


def read_numbers(text: pd.Series, path: Path, name: str) -> npt.NDArray[np.float64]:
    """float64 [rows] of a column's text; NaN for `MISSING`.

    Raises:
        InputError: A value is no number; the message names the first such row.
    """
    missing = text.str.strip().str.casefold().isin(MISSING)
    numbers = pd.to_numeric(text.mask(missing), errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(np.isnan(numbers) & ~missing.to_numpy())
    if len(bad):
        row = text.index[bad[0]] + 1
        raise InputError(f"{path}, row {row}: {name} {text.iloc[bad[0]]} is not a number; correct it")
    return numbers


def read_positions(text: pd.Series, path: Path, name: str) -> npt.NDArray[np.int64]:
    """int64 [rows] of a column's text; InputError names the first row that has no whole number from 0 up."""
    bad = np.flatnonzero(~text.str.strip().str.fullmatch(r"\d{1,15}").to_numpy(dtype=np.bool_))
    if len(bad):
        value = text.iloc[bad[0]] or "(empty)"
        raise InputError(f"{path}, row {text.index[bad[0]] + 1}: {name} {value} is not a position; correct it")
    return text.to_numpy().astype(np.int64)


def _is_remark(line: str) -> bool:
    """What BED may have before its first region; a header may begin with # as well, and has no space before a tab."""
    return line.startswith(_BROWSER_LINES) or (line.startswith("#") and "\t" not in line)


def _is_bed(line: str) -> bool:
    fields = line.split()
    return len(fields) > 2 and fields[1].isdecimal() and fields[2].isdecimal()


def _bed(line: str, text: TextIO, columns: Sequence[str]) -> pd.DataFrame:
    count = len(line.rstrip("\r\n").split("\t")) if "\t" in line else len(line.split())
    names = [*columns[:count], *(f"column_{number}" for number in range(len(columns) + 1, count + 1))]
    rows = io.StringIO(line + text.read())
    if "\t" in line:
        return _tab_separated("\t".join(names), rows, None)
    return pd.read_csv(rows, sep=r"\s+", names=names, header=None, dtype=str, keep_default_na=False, index_col=False)


def _tab_separated(line: str, text: TextIO, keep: Keep | None) -> pd.DataFrame:
    names = [name.strip() for name in line.split("\t")]
    with warnings.catch_warnings():
        # pandas only warns when it drops the fields that a row has too many.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        chunks = pd.read_csv(
            text, sep="\t", names=names, header=None, dtype=str, keep_default_na=False, index_col=False,
            quoting=csv.QUOTE_NONE, chunksize=_CHUNK,
        )  # fmt: skip
        tables = (_unquoted(chunk.fillna("")) for chunk in chunks)
        return pd.concat([table if keep is None else table[keep(table)] for table in tables])


def _unquoted(table: pd.DataFrame) -> pd.DataFrame:
    if not all(len(name) > 1 and name[0] == name[-1] == '"' for name in table.columns):
        return table
    table.columns = [name[1:-1] for name in table.columns]
    return table.replace(r'^"(.*)"$', r"\1", regex=True)


def _comma_separated(path: Path, line: str, text: TextIO) -> pd.DataFrame:
    header = [name.strip() for name in _fields(path, "the header", line.rstrip("\n"))]
    rows = []
    for number, row in enumerate(text, start=1):
        fields = _fields(path, f"row {number}", row.rstrip("\n"))
        if len(fields) > len(header):
            raise InputError(
                f"{path}, row {number}: {len(fields)} fields under {len(header)} names, so cannot read the table; "
                "quote values that have a comma in them"
            )
        if fields:
            rows.append(fields + [""] * (len(header) - len(fields)))
    if not rows:
        raise pd.errors.EmptyDataError
    return pd.DataFrame(rows, columns=header, dtype=str)


def _fields(path: Path, where: str, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise InputError(
            f'{path}, {where}: a " is not closed, or text follows it ({error}); '
            'write " within a quoted value twice, or separate by tabs'
        ) from error


def table_text(columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> str:
    """Tab-separated text; numbers with six digits, NA for NaN."""
    return "".join("\t".join(map(_cell, row)) + "\n" for row in (columns, *rows))


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "NA" if math.isnan(value) else f"{value:.6g}"
