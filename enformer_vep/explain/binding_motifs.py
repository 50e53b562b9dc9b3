"""Motifs of DNA-binding proteins as they are looked for along whole windows and contigs: a consensus, or a matrix.

A match is a place, on either strand, whose scores sum to a threshold at least. A consensus scores 1 for every letter
that fits and wants all of them; a matrix of a MEME file scores log odds, and its threshold is the lowest sum that a
random place of one strand reaches with a given probability at most. `enformer_vep.explain.motifs` reads the files, and
names single matches with their p-values; here places are counted, over millions of bases.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.motifs import STEP, read_meme, tail
from enformer_vep.genome.encoding import Codes

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_BASES = "ACGT"
_CHUNK = 1 << 20
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What is looked for.

    Attributes:
        name: As given.
        scores: float64 [W, 4], columns A, C, G, T; none negative.
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
        return self.threshold - 1e-6


def read_consensus(text: str) -> Pattern:
    """Read a consensus in IUPAC letters; raises UsageError when it is none."""
    letters = text.strip().upper()
    if not letters or not set(letters) <= set(IUPAC) or set(letters) == {"N"}:
        raise UsageError(f"--motif {text!r} is no consensus: write IUPAC letters, such as CCASYAGRKGGCRS for CTCF")
    scores = np.array([[float(base in IUPAC[letter]) for base in _BASES] for letter in letters])
    return Pattern(letters, scores, float(len(letters)))


def read_matrix(path: Path, name: str | None = None, p: float = 1e-5) -> Pattern:
    """Read one motif of a file in the minimal MEME format.

    Args:
        path: The file, plain or gzip.
        name: Its identifier or alternative name; the file's only motif when None.
        p: Probability of a match at a random place of one strand, at most: exact for scores as they are rounded.

    Raises:
        InputError: The file is damaged or holds no such motif, or even its best match is likelier than `p`.
        UsageError: It holds several, and none is named.
    """
    motifs = read_meme(path)
    if name is None and len(motifs) > 1:
        named = ", ".join(one.identifier for one in motifs[:_NAMES_SHOWN])
        more = ", ..." if len(motifs) > _NAMES_SHOWN else ""
        raise UsageError(f"{path} holds {len(motifs)} motifs ({named}{more}): choose one with --motif-name")
    found = next((one for one in motifs if name is None or name in (one.identifier, one.alternative)), None)
    if found is None:
        raise InputError(f"{path} holds no motif {name!r}; its first is {motifs[0].identifier!r}")
    matrix = found.log_odds()
    steps = np.rint((matrix - matrix.min(axis=1, keepdims=True)) / STEP).astype(np.int64)
    rare = np.flatnonzero(tail(steps, found.background) <= p)
    if not len(rare):
        raise InputError(f"{path}: even the best match of {found.identifier} is likelier than {p:g}; raise --motif-p")
    return Pattern(found.identifier, steps * STEP, float(rare[0]) * STEP)


def find_matches(codes: Codes, pattern: Pattern) -> Integers:
    """First positions of matches on either strand, each once, sorted.

    Args:
        codes: uint8 [L] base codes; unknown ones never match.
        pattern: What is looked for.
    """
    tables = strand_scores(pattern)
    parts = []
    for start in range(0, len(codes), _CHUNK):
        piece = codes[start : start + _CHUNK + pattern.width - 1]
        hits = np.logical_or(*(score_sums(piece, table) >= pattern.lowest for table in tables))
        parts.append(np.flatnonzero(hits) + start)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def strand_scores(pattern: Pattern) -> tuple[Floats, Floats]:
    """Scores on either strand, float64 [W, 5]; of an unknown base minus infinity."""
    unknown = np.full((pattern.width, 1), -np.inf)
    reverse = pattern.scores[::-1, ::-1]
    return np.hstack([pattern.scores, unknown]), np.hstack([reverse, unknown])


def score_sums(codes: Codes, table: Floats) -> Floats:
    """Sum of a strand's scores at every place: uint8 [L] to float64 [L - W + 1]."""
    places = len(codes) - len(table) + 1
    if places < 1:
        return np.zeros(0)
    total = np.zeros(places)
    for offset, row in enumerate(table):
        total += row[codes[offset : offset + places]]
    return total
