"""Which stretches of the genome are learned from, and how examples are cut from them."""

from dataclasses import dataclass
from pathlib import Path

from enformer_vep.errors import InputError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Sequence:
    """One row of `sequences.bed`.

    Attributes:
        contig: Contig name as in the FASTA.
        start: 0-based first position.
        end: 0-based half-open end.
        split: "train", "valid" or "test".
    """

    contig: str
    start: int
    end: int
    split: str


@dataclass(frozen=True, slots=True)
class Tile:
    """The bins of one example: the stretch that is predicted, without the flanks that are only read.

    Attributes:
        contig: Contig name.
        start: 0-based first position of the first bin.
        first: Smallest start that keeps the bins in their row of the BED file.
        last: Largest such start.
    """

    contig: str
    start: int
    first: int
    last: int


def read_sequences(path: Path) -> tuple[Sequence, ...]:
    """Reads a BED file (tabs or spaces) whose fourth column is the split, as Basenji2's `sequences.bed`.

    Raises:
        InputError: The file is missing or malformed; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"sequence file {path} cannot be read ({error}); check the path") from None
    rows = tuple(
        _parse_line(line, f"sequence file {path} line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith(("#", "track", "browser"))
    )
    if not rows:
        raise InputError(f"sequence file {path} has no rows; add lines of contig, start, end, split")
    return rows


def _parse_line(line: str, where: str) -> Sequence:
    fields = line.split()
    if len(fields) < 4:
        raise InputError(f"{where}: {len(fields)} columns; contig, start, end and split are needed")
    if not (fields[1].isdecimal() and fields[2].isdecimal()) or int(fields[1]) >= int(fields[2]):
        raise InputError(f"{where}: {fields[1]} to {fields[2]} is not an interval; start must be below end")
    if fields[3] not in SPLITS:
        raise InputError(f"{where}: split {fields[3]!r} is not known; use one of {', '.join(SPLITS)}")
    return Sequence(fields[0], int(fields[1]), int(fields[2]), fields[3])


def tile(sequence: Sequence, span: int, bin_width: int, grid: bool) -> tuple[Tile, ...]:
    """Cuts a row into as many examples as fit side by side, centred in it.

    A row of the published width (131,072 bp, or Enformer's 196,608) gives one example, its central bins;
    a whole chromosome arm gives hundreds. A row narrower than `span` gives one that reaches past it.

    Args:
        sequence: The row.
        span: Base pairs that one example predicts (bins times bin width).
        bin_width: Base pairs per bin.
        grid: Whether starts must be multiples of the bin width, as coverage that is kept per bin demands.
    """
    count = max((sequence.end - sequence.start) // span, 1)
    start = (sequence.start + sequence.end - count * span) // 2
    if grid:
        start = start // bin_width * bin_width
    first = min(start, -(-sequence.start // bin_width) * bin_width if grid else sequence.start)
    last = max(start + (count - 1) * span, sequence.end - span)
    return tuple(Tile(sequence.contig, start + index * span, first, last) for index in range(count))
