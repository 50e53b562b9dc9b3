"""Motifs of DNA-binding proteins, from a consensus or a MEME file, and their matches in sequence.

A motif is a matrix of scores; a match is a place, on either strand, whose scores sum to a threshold at least. A
consensus scores 1 for every letter that fits and wants all of them; a matrix of probabilities (MEME) scores log odds,
and its threshold is the lowest score that random sequence reaches with a given probability at most, by the exact
distribution of rounded scores.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.files.reading import open_text
from enformer_vep.genome.encoding import Codes

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_BASES = "ACGT"
_PSEUDOCOUNT = 1e-3
_STEPS = 100  # of a bit, to which log odds are rounded
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Motif:
    """What is looked for.

    Attributes:
        name: As given.
        scores: float64 [W, 4], columns A, C, G, T.
        threshold: Sum of scores of a match, at least.
    """

    name: str
    scores: Floats
    threshold: float

    @property
    def width(self) -> int:
        """Base pairs."""
        return len(self.scores)

    @property
    def lowest(self) -> float:
        """The threshold, with room for rounding."""
        return self.threshold - 1e-9


def read_consensus(text: str) -> Motif:
    """Read a consensus in IUPAC letters; raises UsageError when it is none."""
    letters = text.strip().upper()
    if not letters or not set(letters) <= set(IUPAC) or set(letters) == {"N"}:
        raise UsageError(f"--motif {text!r} is no consensus: write IUPAC letters, such as CCASYAGRKGGCRS for CTCF")
    scores = np.array([[float(base in IUPAC[letter]) for base in _BASES] for letter in letters])
    return Motif(letters, scores, float(len(letters)))


def read_meme(path: Path, name: str | None = None, p: float = 1e-5) -> Motif:
    """Read one motif of a file in MEME's format.

    Args:
        path: The file, plain or gzip.
        name: Identifier or alternative name; the file's only motif when None.
        p: Probability of a match at a random place of one strand, at most.

    Raises:
        InputError: The file is damaged or holds no such motif.
        UsageError: It holds several, and none is named.
    """
    with open_text(path, "MEME") as text:
        lines = text.read().splitlines()
    background = _background(lines, path)
    motifs = list(_matrices(lines, path))
    if not motifs:
        raise InputError(f"MEME file {path} holds no letter-probability matrix; export motifs as MEME text")
    if name is None and len(motifs) > 1:
        names = ", ".join(one[0][0] for one in motifs[:5])
        raise UsageError(f"{path} holds {len(motifs)} motifs ({names}{', ...' if len(motifs) > 5 else ''}): "
                         "choose one with --motif-name")  # fmt: skip
    found = [matrix for names, matrix in motifs if name is None or name in names]
    if not found:
        raise InputError(f"MEME file {path} holds no motif {name!r}; its first is {motifs[0][0][0]!r}")
    label = name or motifs[0][0][0]
    probabilities = (found[0] + _PSEUDOCOUNT * background) / (1 + _PSEUDOCOUNT)
    # Rounded once, so that their distribution is exact.
    scores = np.rint(np.log2(probabilities / background) * _STEPS) / _STEPS
    return Motif(label, scores, score_threshold(scores, background, p))


def _background(lines: list[str], path: Path) -> Floats:
    for index, line in enumerate(lines[:-1]):
        if line.startswith("Background letter frequencies"):
            words = lines[index + 1].split()
            try:
                shares = dict(zip(words[::2], map(float, words[1::2]), strict=True))
                values = np.array([shares[base] for base in _BASES])
            except (ValueError, KeyError):
                values = np.zeros(4)
            if not (values > 0).all():
                raise InputError(f"{path}, line {index + 2}: no background frequencies (A 0.29 C 0.21 G 0.21 T 0.29)")
            return values / values.sum()
    return np.full(4, 0.25)


def _matrices(lines: list[str], path: Path) -> Iterator[tuple[list[str], Floats]]:
    names: list[str] = []
    for index, line in enumerate(lines):
        if line.startswith("MOTIF"):
            names = line.split()[1:3]
        elif line.startswith("letter-probability matrix"):
            match = re.search(r"\bw= *(\d+)", line)
            rows = lines[index + 1 : index + 1 + int(match[1])] if match else _rows_below(lines, index)
            yield names or ["."], _matrix(rows, f"{path}, line {index + 1}")


def _rows_below(lines: list[str], index: int) -> list[str]:
    rows = []
    for line in lines[index + 1 :]:
        if not re.match(r"\s*[\d.]", line):
            break
        rows.append(line)
    return rows


def _matrix(rows: list[str], where: str) -> Floats:
    try:
        matrix = np.array([[float(word) for word in row.split()] for row in rows])
    except ValueError:
        matrix = np.zeros(0)
    if matrix.ndim != 2 or matrix.shape[1] != 4 or (matrix < 0).any() or (abs(matrix.sum(axis=1) - 1) > 0.02).any():
        raise InputError(f"{where}: the matrix below has no four probabilities in every row; export the motif again")
    return matrix


def score_threshold(scores: Floats, background: Floats, p: float) -> float:
    """Lowest sum of scores that a random place reaches with a probability of at most p.

    Args:
        scores: float64 [W, 4], multiples of a hundredth.
        background: float64 [4], probabilities of the bases.
        p: Above 0.

    Returns:
        In the unit of the scores; above every possible score where even the best match is likelier than p.
    """
    steps = np.rint(scores * _STEPS).astype(np.int64)
    steps -= steps.min(axis=1, keepdims=True)
    distribution = np.ones(1)
    for row in steps:
        longer = np.zeros(len(distribution) + int(row.max()))
        for step, share in zip(row, background, strict=True):
            longer[step : step + len(distribution)] += share * distribution
        distribution = longer
    reached = np.cumsum(distribution[::-1])[::-1]
    lowest = int(np.count_nonzero(reached > p * (1 + 1e-9)))
    return float(scores.min(axis=1).sum() + lowest / _STEPS)


def find_matches(codes: Codes, motif: Motif) -> Integers:
    """First positions of matches on either strand, each once, sorted.

    Args:
        codes: uint8 [L] base codes; unknown ones never match.
        motif: What is looked for.
    """
    tables = strand_scores(motif)
    parts = []
    for start in range(0, len(codes), _CHUNK):
        piece = codes[start : start + _CHUNK + motif.width - 1]
        hits = np.logical_or(*(score_sums(piece, table) >= motif.lowest for table in tables))
        parts.append(np.flatnonzero(hits) + start)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def strand_scores(motif: Motif) -> tuple[Floats, Floats]:
    """Scores on either strand, float64 [W, 5]; of an unknown base minus infinity."""
    unknown = np.full((motif.width, 1), -np.inf)
    reverse = motif.scores[::-1, ::-1]
    return np.hstack([motif.scores, unknown]), np.hstack([reverse, unknown])


def score_sums(codes: Codes, table: Floats) -> Floats:
    """Sum of a strand's scores at every place: uint8 [L] to float64 [L - W + 1]."""
    places = len(codes) - len(table) + 1
    if places < 1:
        return np.zeros(0)
    total = np.zeros(places)
    for offset, row in enumerate(table):
        total += row[codes[offset : offset + places]]
    return total
