"""Motifs from a MEME file, and where a sequence matches them."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_input
from enformer_vep.genome.encoding import UNKNOWN, Codes, encode, reverse_complement

PSEUDOCOUNT = 0.1
"""Added to the counts of a position, shared out by the background; as FIMO does."""
STEP = 0.005
"""Bits; scores are rounded to this for their p-values, which are exact for the rounded ones."""

_SITES = 20.0  # what the format assumes where nsites is not given
_NUMBERS = re.compile(r"[-+.\deE\s]+")
_MATRIX = re.compile(r"letter-probability matrix:(.*)")
_ADVICE = "give motifs of DNA in the minimal MEME format"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Motif:
    """A motif of W positions.

    Attributes:
        identifier: Its name in the file.
        alternative: The second name; empty when there is none.
        probabilities: float64 [W, 4], in the order A, C, G, T; rows sum to 1.
        background: float64 [4], the same for both strands.
        sites: How many sites it was made of.
    """

    identifier: str
    alternative: str
    probabilities: Floats
    background: Floats
    sites: float = _SITES

    def log_odds(self) -> Floats:
        """log2 of probability over background, with `PSEUDOCOUNT`: float64 [W, 4]."""
        counts = self.sites * self.probabilities + PSEUDOCOUNT * self.background
        return np.log2(counts / (self.sites + PSEUDOCOUNT) / self.background)


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a motif matches.

    Attributes:
        motif: Its identifier.
        alternative: Its second name.
        start: 0-based, in the sequence that was scanned.
        end: One past the last.
        strand: "+" or "-".
        score: Log-odds, in bits.
        p_value: Chance of a score as high at one place of a sequence drawn from the background.
    """

    motif: str
    alternative: str
    start: int
    end: int
    strand: str
    score: float
    p_value: float

    @property
    def label(self) -> str:
        """The name that says more."""
        return self.alternative or self.motif


def scan(sequence: str | bytes, motifs: Sequence[Motif], threshold: float = 1e-4) -> list[Hit]:
    """Find matches on both strands.

    Args:
        sequence: Bases; no match covers an N.
        motifs: What to look for.
        threshold: Largest p-value.

    Returns:
        By start, then motif.
    """
    codes = encode(sequence)
    hits = [hit for motif in motifs for hit in _hits(codes, motif, threshold)]
    return sorted(hits, key=lambda hit: (hit.start, hit.end, hit.motif, hit.strand))


def _hits(codes: Codes, motif: Motif, threshold: float) -> Iterator[Hit]:
    matrix = motif.log_odds()
    width = len(matrix)
    if len(codes) < width:
        return
    lowest = matrix.min(axis=1, keepdims=True)
    whole = np.rint((matrix - lowest) / STEP).astype(np.int64)
    p_values = tail(whole, motif.background)
    for strand, read in (("+", codes), ("-", reverse_complement(codes))):
        scores, steps = match(read, matrix), match(read, whole.astype(np.float64))
        for place in np.flatnonzero(np.isfinite(scores)):
            p_value = float(p_values[int(steps[place])])
            if p_value <= threshold:
                start = int(place) if strand == "+" else len(codes) - width - int(place)
                score = float(scores[place])
                yield Hit(motif.identifier, motif.alternative, start, start + width, strand, score, p_value)


def match(codes: Codes, matrix: Floats) -> Floats:
    """Sum a matrix [W, 4] at every place of uint8 [L] base codes: float64 [L - W + 1], NaN where a base is N."""
    windows = np.lib.stride_tricks.sliding_window_view(codes, len(matrix))
    padded = np.hstack([matrix, np.full((len(matrix), UNKNOWN + 1 - matrix.shape[1]), np.nan)])
    return np.asarray(padded[np.arange(len(matrix)), windows].sum(axis=1))


def tail(matrix: npt.NDArray[np.int64], background: Floats) -> Floats:
    """Chance that the sum of a matrix over a random sequence is at least s, for every s.

    By convolution over positions (Staden 1989, Comput. Appl. Biosci. 5:89).

    Args:
        matrix: int64 [W, 4], none negative.
        background: float64 [4], of the sequence.

    Returns:
        float64 [largest sum + 1].
    """
    chances = np.ones(1)
    for row in matrix:
        longer = np.zeros(len(chances) + int(row.max()))
        for value, frequency in zip(row, background, strict=True):
            longer[value : value + len(chances)] += frequency * chances
        chances = longer
    return np.asarray(np.minimum(chances[::-1].cumsum()[::-1], 1))


def read_meme(path: Path) -> tuple[Motif, ...]:
    """Read motifs in the minimal MEME format (https://meme-suite.org/meme/doc/meme-format.html).

    The background of the file is averaged over both strands; without one it is uniform.

    Raises:
        InputError: The file is missing, no such format, not of DNA, damaged, or has no motif.
    """
    with open_input(path, "motifs") as stream:
        text = stream.content.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines()]
    if not any(line.startswith("MEME version") for line in lines):
        raise InputError(f"{path} has no line `MEME version`; {_ADVICE}")
    motifs = tuple(_motifs(lines, _background(lines, path), path))
    if not motifs:
        raise InputError(f"{path} has no motif (no line that begins with MOTIF); {_ADVICE}")
    return motifs


def _background(lines: Sequence[str], path: Path) -> Floats:
    for number, line in enumerate(lines):
        if line.startswith("ALPHABET") and line.replace(" ", "") not in ("ALPHABET=ACGT", 'ALPHABET"DNA"DNA-LIKE'):
            raise InputError(f"{path}, line {number + 1}: {line[:60]!r} is not the alphabet ACGT; {_ADVICE}")
    for number, line in enumerate(lines):
        if line.startswith("Background letter frequencies"):
            words = " ".join(lines[number + 1 : number + 5]).split()[:8]
            try:
                given = dict(zip(words[::2], map(float, words[1::2]), strict=True))
                plain = np.array([given[base] for base in "ACGT"])
            except (ValueError, KeyError):
                raise InputError(
                    f"{path}, line {number + 2}: background frequencies are not understood; {_ADVICE}"
                ) from None
            if (plain <= 0).any() or abs(plain.sum() - 1) > 0.01:
                raise InputError(f"{path}, line {number + 2}: background frequencies do not sum to 1; {_ADVICE}")
            both = (plain + plain[::-1]) / 2
            return np.asarray(both / both.sum())
    return np.full(4, 0.25)


def _motifs(lines: Sequence[str], background: Floats, path: Path) -> Iterator[Motif]:
    starts = [number for number, line in enumerate(lines) if line.split()[:1] == ["MOTIF"]]
    for start, end in itertools.pairwise([*starts, len(lines)]):
        names = lines[start].split()[1:]
        where = f"{path}, line {start + 1}"
        if not names:
            raise InputError(f"{where}: a motif without a name; {_ADVICE}")
        head = next((number for number in range(start, end) if _MATRIX.match(lines[number])), None)
        if head is None:
            raise InputError(f"{where}: motif {names[0]} has no letter-probability matrix; {_ADVICE}")
        facts = dict(re.findall(r"(\w+)=\s*(\S+)", lines[head]))
        rows = _rows(lines, head + 1, end, path)
        if str(facts.get("w", len(rows))) != str(len(rows)):
            raise InputError(f"{where}: motif {names[0]} has {len(rows)} of w= {facts['w']} positions; {_ADVICE}")
        try:
            sites = float(facts.get("nsites", _SITES)) or _SITES
        except ValueError:
            raise InputError(f"{path}, line {head + 1}: nsites= {facts['nsites']} is no number; {_ADVICE}") from None
        yield Motif(names[0], " ".join(names[1:]), rows, background, sites)


def _rows(lines: Sequence[str], first: int, end: int, path: Path) -> Floats:
    rows: list[list[float]] = []
    for number in range(first, end):
        line = lines[number]
        if not line and not rows:
            continue
        if not line or not _NUMBERS.fullmatch(line):
            break
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != 4 or min(row) < 0 or abs(sum(row) - 1) > 0.02:
            raise InputError(f"{path}, line {number + 1}: {line[:60]!r} is not four probabilities; {_ADVICE}")
        rows.append(row)
    if not rows:
        raise InputError(f"{path}, line {first}: the matrix is empty; {_ADVICE}")
    matrix = np.array(rows)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))
