"""The text form of VCF: header and the five columns that a variant needs.

Parsed here rather than by htslib because a malformed row must name its line and must never be lost. htslib does
not count columns when samples are skipped, so a lost line end joins two rows and swallows a variant silently
(11 of 2,000 damaged files); it reads an empty POS as 0, and cyvcf2 0.35 crashes the process on an empty line.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from enformer_vep.errors import InputError

logger = logging.getLogger(__name__)

_COLUMNS = [b"#CHROM", b"POS", b"ID", b"REF", b"ALT"]
_INFO = 7  # column, from 0
_FORMAT_LINE = b"##fileformat=VCF"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One VCF record; `position` is 1-based, `alternates` is (".",) when there is none.

    `numbers` are those of the INFO field that was asked for, one per ALT, None where it is missing; else ().
    """

    contig: str
    position: int
    id: str
    reference: str
    alternates: tuple[str, ...]
    numbers: tuple[float | None, ...] = ()

    @property
    def end(self) -> int:
        """0-based half-open end of REF."""
        return self.position - 1 + len(self.reference)


@dataclass(frozen=True, slots=True)
class Header:
    """What is needed of a VCF header.

    Attributes:
        contigs: Contigs that the header declares.
        columns: Number of columns that every row must have.
        line_count: Lines that the header takes.
        info: INFO fields that the header declares.
    """

    contigs: frozenset[str]
    columns: int
    line_count: int
    info: frozenset[str] = frozenset()


def read_header(lines: Iterator[bytes], name: str) -> Header:
    """Consumes the header of a VCF, from its first line; messages call the VCF by `name`.

    Raises:
        InputError: There is no `##fileformat` line, no `#CHROM` line, or its columns are not a VCF's.
    """
    contigs: set[str] = set()
    info: set[str] = set()
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip(b"\r\n")
        if number == 1:
            _check_first_line(line, name)
        if line.startswith(b"##contig=<"):
            contigs.add(_identifier(line))
        elif line.startswith(b"##INFO=<"):
            info.add(_identifier(line))
        elif not line.startswith(b"##"):
            return Header(frozenset(contigs), _count_columns(line, number, name), number, frozenset(info))
    raise InputError(f"{name} has no #CHROM line; the file is cut short or is not a VCF")


def _identifier(line: bytes) -> str:
    """ID of a structured header line."""
    return line.partition(b"ID=")[2].partition(b",")[0].removesuffix(b">").decode("utf-8", "replace")


def skip_records(lines: Iterator[bytes], count: int) -> int:
    """Passes over `count` rows, if there are so many, without parsing them; returns how many lines that was."""
    passed = 0
    while count and (line := next(lines, b"")):
        passed += 1
        count -= not line.isspace()
    return passed


def read_records(
    lines: Iterator[bytes], header: Header, name: str, passed: int = 0, info: str | None = None
) -> Iterator[Record]:
    """Parses the rows after the header.

    Args:
        lines: Lines of a VCF, from the first after its header.
        header: The header.
        name: What messages call the VCF.
        passed: Lines between the header and the first of `lines`.
        info: INFO field of numbers, one per ALT, to read as well.

    Yields:
        One record for every row, in order. Blank lines hold nothing and are passed over with a warning.

    Raises:
        InputError: A row cannot be understood; the message names its line.
    """
    blank_seen = False
    for number, line in enumerate(lines, start=header.line_count + passed + 1):
        if line.isspace():
            if not blank_seen:
                logger.warning("%s, line %d: blank line passed over (said once)", name, number)
            blank_seen = True
            continue
        yield parse_record(line.rstrip(b"\r\n"), header.columns, f"{name}, line {number}", info)


def parse_record(line: bytes, columns: int, place: str, info: str | None = None) -> Record:
    """Parses a row without its line end, which must have so many columns, and an INFO field if one is named.

    Raises:
        InputError: The row cannot be understood; the message names its place.
    """
    if line.count(b"\t") != columns - 1 or line.startswith(b"#") or b"\0" in line:
        raise _malformed_row(line, columns, place)
    try:
        # Only these: what is not used need not be text.
        used = b"\t".join(line.split(b"\t", len(_COLUMNS))[: len(_COLUMNS)])
        contig, position, identifier, reference, alternate = used.decode("utf-8").split("\t")
    except UnicodeDecodeError:
        raise InputError(f"{place}: not UTF-8 text; convert it with `iconv -t utf-8`") from None
    if not (position.isascii() and position.isdigit()):
        raise InputError(f"{place}: POS is {position[:40]!r}, not a whole number; correct the row")
    alternates = tuple(alternate.split(","))
    if not (contig and reference and all(alternates)):
        raise InputError(f"{place}: CHROM, REF or ALT is empty; correct the row (a missing ALT is '.')")
    numbers = () if info is None else numbers_per_alternate(_info_text(line, info), len(alternates), info, place)
    return Record(contig, int(position), identifier or ".", reference, alternates, numbers)


def _info_text(line: bytes, field: str) -> str | None:
    """What stands behind `field=` in the column INFO; None when it is not there."""
    columns = line.split(b"\t", _INFO + 1)
    wanted = f"{field}=".encode()
    found = next((one for one in columns[_INFO].split(b";") if one.startswith(wanted)), None)
    return None if found is None else found.removeprefix(wanted).decode("utf-8", "replace")


def numbers_per_alternate(text: str | None, alternates: int, field: str, place: str) -> tuple[float | None, ...]:
    """Reads an INFO field with a number for every ALT allele, "." where it is not known.

    Raises:
        InputError: There are more or fewer, or one is no number.
    """
    if text is None or text == ".":
        return (None,) * alternates
    parts = text.split(",")
    if len(parts) != alternates:
        raise InputError(
            f"{place}: {field} has {len(parts)} values for {alternates} ALT allele{'s' if alternates > 1 else ''}; "
            f"compute it anew with `bcftools +fill-tags`"
        )
    try:
        return tuple(None if part == "." else float(part) for part in parts)
    except ValueError:
        raise InputError(f"{place}: {field} is {text[:40]!r}, not a number per ALT allele; correct the row") from None


def _check_first_line(line: bytes, name: str) -> None:
    if line.startswith(_BYTE_ORDER_MARK):
        raise InputError(f"{name} begins with a byte order mark; remove it, such as with `dos2unix`")
    if not line.startswith(_FORMAT_LINE):
        raise InputError(
            f"{name} is not a VCF: line 1 does not begin with ##fileformat=VCF; "
            "give a VCF or BCF, or put the line back, such as ##fileformat=VCFv4.2"
        )


def _count_columns(line: bytes, number: int, name: str) -> int:
    fields = line.split(b"\t")
    if fields[: len(_COLUMNS)] == _COLUMNS:
        return len(fields)
    if line.split()[: len(_COLUMNS)] == _COLUMNS:
        raise InputError(f"{name}, line {number}: columns are separated by spaces; separate them by tabs")
    raise InputError(
        f"{name}, line {number}: expected #CHROM POS ID REF ALT ... (tab-separated) after the ## lines; "
        "add it before the first record"
    )


def _malformed_row(line: bytes, columns: int, place: str) -> InputError:
    found = line.count(b"\t") + 1
    if line.startswith(b"#"):
        return InputError(f"{place}: line with # among the records; join VCFs with `bcftools concat`")
    if b"\0" in line:
        return InputError(f"{place}: holds a NUL byte; the file is damaged, copy it again")
    if found == 1 and len(line.split()) >= len(_COLUMNS):
        return InputError(f"{place}: columns are separated by spaces; separate them by tabs")
    return InputError(
        f"{place}: {found} columns where the #CHROM line has {columns}; "
        "correct the row, or copy the file again if it is cut short"
    )
