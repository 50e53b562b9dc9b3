"""DNABERT's words: one for every k-mer of A, C, G and T, and a few marks."""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from enformer_vep.errors import ModelError

_BASES = "ACGT"
_MARKS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
_OVERLAPPING = (
    "only models that have a word for each of the 4^k k-mers, as DNABERT has, can be scored (DNABERT-2 has not)"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What stands for what.

    Attributes:
        k: Bases in a word; neighbouring words share k - 1 of them.
        words: int64 [4^k], the token of each k-mer in alphabetical order.
        pad: Token that fills up what is shorter than others.
        begin: Token before the first word.
        end: Token after the last word.
        mask: Token in place of a word that is hidden.
        size: How many tokens a model has to know.
    """

    k: int
    words: Tensor
    pad: int
    begin: int
    end: int
    mask: int
    size: int

    def count_bases(self, tokens: int) -> int:
        """Base pairs that so many tokens cover, the two marks around them included."""
        return tokens - 2 + self.k - 1

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 over everything that changes what a model is shown."""
        numbers = (self.k, self.pad, self.begin, self.end, self.mask, *self.words.tolist())
        return hashlib.sha256(" ".join(map(str, numbers)).encode()).hexdigest()


def read_vocabulary(path: Path) -> Vocabulary:
    """Read a vocab.txt: a word a line, whose token is its line's number from 0.

    Raises:
        ModelError: It cannot be read, lacks a mark, or has not just one word for every k-mer.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot read the vocabulary ({error}): {_OVERLAPPING}") from error
    tokens = {word: token for token, word in enumerate(lines) if word}
    absent = [mark for mark in _MARKS if mark not in tokens]
    if absent:
        raise ModelError(f"{path}: no {absent[0]} in the vocabulary: use the file that came with the weights")
    kmers = [word for word in tokens if set(word) <= set(_BASES)]
    k = max(map(len, kmers), default=0)
    if not k or len(kmers) != 4**k or len(tokens) != sum(map(bool, lines)) or any(len(word) != k for word in kmers):
        raise ModelError(f"{path}: {len(kmers)} words of A, C, G and T, the longest of {k} letters: {_OVERLAPPING}")
    words = torch.tensor([tokens["".join(letters)] for letters in itertools.product(_BASES, repeat=k)])
    pad, begin, end, mask = (tokens[mark] for mark in _MARKS)
    return Vocabulary(k, words, pad, begin, end, mask, size=max(tokens.values()) + 1)


def kmer_numbers(codes: Tensor, k: int) -> Tensor:
    """Number the k-mers of windows.

    Args:
        codes: uint8 [B, L], base codes (A=0, C=1, G=2, T=3, anything else 4).
        k: Bases in a k-mer.

    Returns:
        int64 [B, L - k + 1], the place of each k-mer among all in alphabetical order; -1 where a base is not known.
    """
    kmers = codes.long().unfold(1, k, 1)
    values = 4 ** torch.arange(k - 1, -1, -1, device=codes.device)
    numbers = (kmers * values).sum(dim=2)
    return torch.where((kmers >= len(_BASES)).any(dim=2), -1, numbers)
