"""The variants that another tool works on: a .bim, a FINEMAP .z, or summary statistics, in its order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from enformer_vep.errors import InputError
from enformer_vep.export.parquet_columns import read_columns
from enformer_vep.files.reading import open_text
from enformer_vep.genome.contigs import contig_key
from enformer_vep.genome.regions import Region
from enformer_vep.tables.formats import PARQUET_SUFFIXES

# What the columns are called by PolyFun, LDSC, SLDP and FINEMAP; lower case.
_NAMES = {
    "snp": "id", "rsid": "id",
    "chr": "contig", "chromosome": "contig",
    "bp": "position", "position": "position",
    "a1": "a1", "allele1": "a1",
    "a2": "a2", "allele2": "a2",
}  # fmt: skip
# And in tables made of a VCF, where one of these is needed: REF and ALT only where there is neither A1 nor A2, since A1
# may be either of them.
_VCF_NAMES = (
    {"id": "id", "variant_id": "id"},
    {"chrom": "contig", "#chrom": "contig"},
    {"pos": "position"},
    {"alt": "a1", "ref": "a2"},
)
_NEEDED = ("id", "contig", "position", "a1", "a2")


class PanelVariant(NamedTuple):
    """One variant of a panel, as written there.

    Attributes:
        contig: Chromosome.
        position: 1-based.
        id: Name.
        a1: First allele: PLINK's A1, the effect allele of summary statistics.
        a2: Second allele.
        cm: Genetic position, "0" when there is none.
    """

    contig: str
    position: int
    id: str
    a1: str
    a2: str
    cm: str = "0"


@dataclass(frozen=True, slots=True)
class Panel:
    """Variants in a tool's order.

    Attributes:
        path: Where they come from.
        variants: All of them.
        header: Line above the first, if any, without its line end.
        lines: The lines themselves, without line ends; empty for Parquet.
    """

    path: Path
    variants: tuple[PanelVariant, ...]
    header: str = ""
    lines: tuple[str, ...] = ()


def inside(variant: PanelVariant, region: Region) -> bool:
    """Whether a variant's position lies in a region, under any name of the contig."""
    return region.start < variant.position <= region.end and contig_key(variant.contig) == contig_key(region.contig)


def read_bims(paths: Sequence[Path]) -> Panel:
    """Reads PLINK .bim files, one after the other.

    Raises:
        InputError: One cannot be read, or a line is none of a .bim.
    """
    variants: list[PanelVariant] = []
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            try:
                contig, identifier, cm, position, a1, a2 = line.split()
                variants.append(PanelVariant(contig, int(position), identifier, a1.upper(), a2.upper(), cm))
            except ValueError:
                raise InputError(f"{path}, line {number}: is not a line of a .bim; give PLINK's .bim") from None
    if not variants:
        raise InputError(f"{paths[0]} has no variant; give PLINK's .bim")
    return Panel(paths[0], tuple(variants))


def read_statistics(path: Path) -> Panel:
    """Reads a FINEMAP .z or summary statistics (text, plain or gzip, or Parquet).

    Args:
        path: With columns SNP CHR BP A1 A2, rsid chromosome position allele1 allele2, or ID CHROM POS ALT REF.

    Raises:
        InputError: It cannot be read, or a column is missing.
        DependencyError: It is Parquet, and pyarrow is not installed.
    """
    if path.suffix in PARQUET_SUFFIXES:
        columns = read_columns(path)
        places = _places(list(columns), path)
        names = [list(columns)[places[name]] for name in _NEEDED]
        cells = zip(*(columns[name] for name in names), strict=True)
        return Panel(path, tuple(_variant(list(map(str, row)), path, number) for number, row in enumerate(cells)))
    lines = list(_lines(path))
    if len(lines) < 2:
        raise InputError(f"{path} has no variant under its header; give summary statistics with a header")
    separator = separator_of(lines[0])
    header = lines[0].split(separator)
    places = _places(header, path)
    variants = []
    for number, line in enumerate(lines[1:], start=2):
        cells_of_line = line.split(separator)
        if len(cells_of_line) != len(header):
            kind = "fewer" if len(cells_of_line) < len(header) else "more"
            raise InputError(f"{path}, line {number}: has {kind} columns than the header; correct it")
        variants.append(_variant([cells_of_line[places[name]] for name in _NEEDED], path, number))
    return Panel(path, tuple(variants), lines[0], tuple(lines[1:]))


def separator_of(header: str) -> str | None:
    """What stands between the cells under a header: a tab, or blanks (None, as `str.split` takes it)."""
    return "\t" if "\t" in header else None


def _variant(row: Sequence[str], path: Path, number: int) -> PanelVariant:
    identifier, contig, position, a1, a2 = row
    try:
        return PanelVariant(contig, int(position), identifier, a1.upper(), a2.upper())
    except ValueError:
        raise InputError(f"{path}, line {number}: position {position!r} is no number; correct it") from None


def _places(header: Sequence[str], path: Path) -> dict[str, int]:
    names = dict(_NAMES)
    held = {_NAMES.get(name.lower()) for name in header}
    for others in _VCF_NAMES:
        if not held & set(others.values()):
            names |= others
    places = {names[name.lower()]: number for number, name in enumerate(header) if name.lower() in names}
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        raise InputError(
            f"{path} lacks columns: it has {' '.join(header[:12])}, and SNP CHR BP A1 A2 are needed "
            "(or rsid chromosome position allele1 allele2, or ID CHROM POS ALT REF); rename or add them"
        )
    twice = [name for name in _NEEDED if sum(names.get(column.lower()) == name for column in header) > 1]
    if twice:
        raise InputError(f"{path} has several columns for the {twice[0]}: {' '.join(header[:12])}; keep one")
    return places


def _lines(path: Path) -> Iterator[str]:
    with open_text(path, "table") as text:
        # Empty cells at a line's end are cells.
        lines = (line.rstrip("\r\n") for line in text)
        yield from (line for line in lines if line.strip())
