"""Reads candidate elements from BED, and pairs of elements and genes from tables. Coordinates are as in BED."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.explain.elements import Element, WantedPair
from enformer_vep.files.reading import open_text

_SKIPPED_PREFIXES = ("#", "track ", "track\t", "browser ")
_CONTIG_NAMES = ("chrom", "chr", "chromosome")
_GENE_NAMES = (("gene_id",), ("gene", "gene_name"))
_PAIR_COLUMNS = "chrom, start, end and gene (or gene_id)"


def read_wanted_pairs(path: Path) -> tuple[WantedPair, ...]:
    """Reads elements from BED, or pairs of elements and genes from a table, told apart by the table's header.

    BED needs three columns; the fourth is the name. A table is tab-separated and has columns `chrom`, `start`, `end`
    (0-based, half-open) and `gene_id`, `gene` or both, of which the identifier is looked up first; `name` is read as
    well, others are not.

    Returns:
        In the order of the file.

    Raises:
        InputError: The file is missing, damaged or has no element, or a line cannot be understood.
    """
    with open_text(path, "elements") as text:
        lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(text, start=1)]
    wanted = tuple(_read_lines([(number, line) for number, line in lines if line.strip()], path))
    if not wanted:
        raise InputError(f"elements file {path} has no element; give BED, or a table with columns {_PAIR_COLUMNS}")
    return wanted


def _read_lines(lines: Sequence[tuple[int, str]], path: Path) -> Iterator[WantedPair]:
    columns = _pair_columns(lines[0][1]) if lines else None
    if columns is None:
        for number, line in lines:
            if not line.startswith(_SKIPPED_PREFIXES):
                yield WantedPair(_element(line.split("\t") if "\t" in line else line.split(), path, number, line))
        return
    named = columns.get("name", len(columns))
    for number, line in lines[1:]:
        cells = line.split("\t")
        # In the order of BED.
        chosen = [cells[at] if at < len(cells) else "" for at in (columns["chrom"], columns["start"], columns["end"])]
        chosen += cells[named : named + 1] if "name" in columns else []
        asked = [_named_in(cells, columns, names) for names in _GENE_NAMES]
        if not any(asked):
            raise InputError(f"{path}, line {number}: {line[:60]!r} names no gene; give it one, or leave the line out")
        yield WantedPair(_element(chosen, path, number, line), *asked)


def _named_in(cells: Sequence[str], columns: Mapping[str, int], names: Sequence[str]) -> str:
    """What a line has in the first of some columns that the table has; empty where it says nothing."""
    place = next((columns[name] for name in names if name in columns), len(cells))
    word = cells[place].strip() if place < len(cells) else ""
    return "" if word in (".", "NA") else word


def _pair_columns(header: str) -> dict[str, int] | None:
    """Places of the columns of a table of pairs; None when the line is no header of one."""
    names = [name.strip().strip('"').lower() for name in header.removeprefix("#").split("\t")]
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    contig = next((places[name] for name in _CONTIG_NAMES if name in places), None)
    if (
        contig is None
        or not {"start", "end"} <= places.keys()
        or places.keys().isdisjoint(name for names in _GENE_NAMES for name in names)
    ):
        return None
    return {**places, "chrom": contig}


def _element(cells: Sequence[str], path: Path, number: int, line: str) -> Element:
    try:
        contig, start, end = cells[0].strip(), int(cells[1]), int(cells[2])
        if not contig or not 0 <= start < end:
            raise ValueError(line)
    except (ValueError, IndexError):
        raise InputError(
            f"{path}, line {number}: {line[:60]!r} is not an element; expected BED (CHROM START END NAME, START before "
            f"END), or a header with the columns {_PAIR_COLUMNS}"
        ) from None
    name = cells[3].strip() if len(cells) > 3 else ""
    return Element(contig, start, end, "_".join(name.split()) or ".")
