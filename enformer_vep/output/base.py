"""What every output format offers, and which one a file name asks for."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Protocol

from enformer_vep.errors import UsageError
from enformer_vep.output.tsv import BGZF_SUFFIXES, open_tsv
from enformer_vep.results import ScoredVariant

# Names that promise another format than the one that would be in the file.
_OTHER_FORMATS = frozenset(
    {".parquet", ".vcf", ".bcf", ".h5", ".hdf5", ".csv", ".json", ".bw", ".xlsx", ".zarr"}
)


class ScoreWriter(Protocol):
    """Takes rows one at a time, in input order."""

    def write(self, row: ScoredVariant) -> None:
        """Writes one row.

        Args:
            row: One ALT allele; its values, if any, are as many as the columns.

        Raises:
            OutputError: The destination cannot take it.
            BrokenPipeError: Nobody reads the other end any more.
        """

    def flush(self) -> None:
        """Hands the rows written so far on to whoever reads the destination; call it after each batch."""


def open_writer(
    destination: str, columns: Sequence[str], *, tabix: bool = False
) -> AbstractContextManager[ScoreWriter]:
    """Chooses the writer by the destination's name.

    A clean exit of the `with` block leaves the complete file under its name; any exception leaves nothing
    there (and a file that was there before untouched).

    Args:
        destination: "-" for a table on standard output, else a file name: .gz and .bgz are BGZF, any other
            name is plain text, and names that promise another format are refused.
        columns: Names of the value columns, in the order of `ScoredVariant.values`.
        tabix: Also write an index for the table.

    Returns:
        A context manager that gives the writer. Nothing is opened before its `with` block begins.

    Raises:
        UsageError: A name that promises a format that is not written, or `tabix` for what cannot be indexed.
    """
    suffixes = [suffix for suffix in PurePath(destination).suffixes if suffix not in BGZF_SUFFIXES]
    if suffixes and suffixes[-1].lower() in _OTHER_FORMATS:
        raise UsageError(f"{destination}: cannot write {suffixes[-1]} files; name the table .tsv or .tsv.gz")
    return open_tsv(destination, columns, tabix=tabix)
