"""Which format a destination asks for."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from enformer_vep.errors import UsageError
from enformer_vep.files.writing import STANDARD_OUTPUT

BGZF_SUFFIXES = (".gz", ".bgz")
PARQUET_SUFFIXES = (".parquet", ".pq")


class Format(StrEnum):
    """A format of scored variants; the value is its suffix."""

    TSV = "tsv"
    VCF = "vcf"
    BED = "bed"
    BCF = "bcf"
    PARQUET = "parquet"
    HDF5 = "h5"

    @property
    def is_text(self) -> bool:
        """Whether it is lines, which can be compressed, streamed and joined."""
        return self in (Format.TSV, Format.VCF, Format.BED)


_SUFFIXES = {f".{one}": one for one in Format} | {".hdf5": Format.HDF5, ".pq": Format.PARQUET}
# Names that promise another format than the one that would be in the file.
_NOT_WRITTEN = frozenset({".csv", ".json", ".bw", ".xlsx", ".zarr"})


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """A format, its lines in BGZF blocks (`compressed`) or not."""

    format: Format
    compressed: bool = False

    def __str__(self) -> str:
        """As a suffix: "vcf.gz"."""
        return f"{self.format}.gz" if self.compressed else self.format.value


FORMAT_NAMES = tuple(
    str(FormatChoice(one, compressed)) for one in Format for compressed in (False, True)[: 1 + one.is_text]
)
"""What `parse_format` takes."""


def parse_format(text: str) -> FormatChoice:
    """Reads a format's name, such as "vcf.gz"; raises UsageError when there is no such format."""
    name, _, compression = text.lower().partition(".")
    choice = FormatChoice(_SUFFIXES.get(f".{name}", Format.TSV), bool(compression))
    if f".{name}" not in _SUFFIXES or text.lower() not in (*FORMAT_NAMES, "hdf5", "pq"):
        raise UsageError(f"unknown format {text}: choose from {', '.join(FORMAT_NAMES)}")
    return choice


def choose_format(destination: str, wanted: str | None = None) -> FormatChoice:
    """Chooses the format of a destination.

    Args:
        destination: "-" for standard output, else a file name. `.gz` and `.bgz` mean BGZF; a name whose
            suffix says nothing gets a table.
        wanted: The format's name, which then decides; None to go by the destination's name.

    Raises:
        UsageError: There is no such format, or the name promises one that is not written.
    """
    if wanted is not None:
        return parse_format(wanted)
    if destination == STANDARD_OUTPUT:
        return FormatChoice(Format.TSV)
    suffixes = [suffix.lower() for suffix in PurePath(destination).suffixes]
    compressed = bool(suffixes) and destination.endswith(BGZF_SUFFIXES)
    last = "".join([suffix for suffix in suffixes if suffix not in BGZF_SUFFIXES][-1:])
    if last in _NOT_WRITTEN:
        raise UsageError(
            f"{destination}: cannot write {last} files; name it {', '.join(f'.{name}' for name in FORMAT_NAMES)}"
        )
    chosen = _SUFFIXES.get(last, Format.TSV)
    if compressed and not chosen.is_text:
        raise UsageError(f"{destination}: {last} files are compressed within; leave out {suffixes[-1]}")
    return FormatChoice(chosen, compressed)


def require_joinable(destination: str, wanted: str | None = None) -> None:
    """Raises UsageError for a shard's file in a format that is not joined by joining bytes; see `choose_format`."""
    choice = choose_format(destination, wanted)
    if not choice.format.is_text:
        raise UsageError(
            f"{destination}: shards of a .{choice} file cannot be joined; write .tsv.gz shards, merge them, "
            f"then enformer-vep export to .{choice}"
        )
