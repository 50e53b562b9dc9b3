"""Shuffles that keep the counts of dinucleotides."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from enformer_vep.explain.shuffling import shuffle_dinucleotides
from enformer_vep.genome.encoding import encode

sequences = arrays.arrays(np.uint8, st.integers(0, 120), elements=st.integers(0, 4))


def dinucleotides(codes):
    return Counter(pairwise(codes.tolist()))


def all_shuffles(codes):
    """Every sequence with the same dinucleotide counts and the same first base, by trying."""
    found = set()

    def extend(path, left):
        if not left:
            found.add(tuple(path))
        for step in [step for step in left if step[0] == path[-1]]:
            fewer = left.copy()
            fewer[step] -= 1
            extend([*path, step[1]], +fewer)

    extend([int(codes[0])], dinucleotides(codes))
    return found


@given(sequences, st.integers(0, 2**32))
def test_counts_and_ends_stay(codes, seed):
    before = codes.copy()
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(seed))
    assert dinucleotides(shuffled) == dinucleotides(codes)
    assert np.array_equal(np.bincount(shuffled, minlength=5), np.bincount(codes, minlength=5))
    assert (codes == before).all()
    assert shuffled.dtype == np.uint8
    if len(codes):
        assert (shuffled[0], shuffled[-1]) == (codes[0], codes[-1])


@pytest.mark.parametrize("letters", ["ACGTAGCAT", "AACAGATCA", "ACGATACTGA", "AAAACAAGA"])
def test_every_shuffle_is_equally_likely(letters):
    """Chi-square against the list of all shuffles, made by another method; 99.9th percentile as the limit."""
    codes = encode(letters)
    possible = all_shuffles(codes)
    generator, draws = np.random.default_rng(5), 100 * len(possible)
    drawn = Counter(tuple(shuffle_dinucleotides(codes, generator).tolist()) for _ in range(draws))
    assert drawn.keys() == possible
    expected = draws / len(possible)
    statistic = sum((count - expected) ** 2 / expected for count in drawn.values())
    freedom = len(possible) - 1
    # Wilson and Hilferty's approximation of the percentile.
    limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * (2 / (9 * freedom)) ** 0.5) ** 3
    assert len(possible) > 2
    assert statistic < limit


def test_low_complexity_is_no_trouble():
    """A last edge drawn at random would be right once in 10^9 trials."""
    codes = encode("A" * 1000 + "C" * 1000 + "G" * 1000 + "T")
    assert (shuffle_dinucleotides(codes, np.random.default_rng(1)) == codes).all()


def test_most_of_a_long_sequence_moves():
    codes = np.random.default_rng(3).integers(0, 4, 500, dtype=np.uint8)
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(4))
    assert 0.6 < (shuffled != codes).mean() < 0.9
