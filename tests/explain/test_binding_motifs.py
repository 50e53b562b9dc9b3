"""Motifs: matches as definitions have them, and substitutions that destroy them."""

import itertools
import re

import numpy as np
import pytest

from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.binding_motifs import find_matches, read_consensus, read_matrix
from enformer_vep.explain.motif_disruption import disrupt, edit_elsewhere
from enformer_vep.genome.encoding import encode, reverse_complement
from tests.builders import random_sequence

CTCF = "CCASYAGRKGGCRS"
SITE, OTHER_STRAND = "CCACTAGGGGGCAG", "CTGCCCCCTAGTGG"
PATTERN = re.compile("(?=CCA[CG][CT]AG[AG][GT]GGC[AG][CG])")

MEME = """MEME version 4

ALPHABET= ACGT

Background letter frequencies
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF MA0001.1 first
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.90 0.05 0.03 0.02
 0.10 0.70 0.10 0.10
 0.02 0.03 0.05 0.90
URL http://nowhere

MOTIF MA0002.1 second
letter-probability matrix: alength= 4
 0.25 0.25 0.25 0.25
 1.0 0.0 0.0 0.0
"""


def embedded(*sites: tuple[int, str], length: int = 4000) -> str:
    text = random_sequence(np.random.default_rng(5), length)
    for start, site in sites:
        text = text[:start] + site + text[start + len(site) :]
    return text


def test_a_consensus_matches_as_a_pattern_does_on_either_strand():
    text = embedded((100, SITE), (777, OTHER_STRAND), (3986, SITE), (2000, SITE[:8] + "N" + SITE[9:]))
    codes = encode(text)
    turned = "".join("ACGTN"[code] for code in reverse_complement(codes))
    expected = {match.start() for match in PATTERN.finditer(text)}
    expected |= {len(text) - len(CTCF) - match.start() for match in PATTERN.finditer(turned)}
    assert {100, 777, 3986} <= expected
    assert 2000 not in expected
    assert find_matches(codes, read_consensus(CTCF.lower())).tolist() == sorted(expected)


def test_matches_across_pieces_are_found_once(monkeypatch):
    monkeypatch.setattr("enformer_vep.explain.binding_motifs._CHUNK", 64)
    codes = encode(embedded((60, SITE), (128, SITE), (640 - 13, SITE), length=700))
    assert find_matches(codes, read_consensus(CTCF)).tolist() == [60, 128, 627]
    assert find_matches(codes[:5], read_consensus(CTCF)).tolist() == []


@pytest.mark.parametrize("text", ["", "CCAX", "NNN", "CC A"])
def test_what_is_no_consensus(text):
    with pytest.raises(UsageError, match="IUPAC"):
        read_consensus(text)


@pytest.mark.parametrize("p", [0.2, 0.05, 0.03])
def test_the_threshold_is_reached_as_rarely_as_asked(tmp_path, p):
    path = tmp_path / "motifs.meme"
    path.write_text(MEME)
    motif = read_matrix(path, "first", p)
    background = np.array([0.3, 0.2, 0.2, 0.3])
    words = list(itertools.product(range(4), repeat=3))
    scores = np.array([sum(motif.scores[place, base] for place, base in enumerate(word)) for word in words])
    chances = np.array([np.prod(background[list(word)]) for word in words])
    reached = chances[scores >= motif.lowest].sum()
    assert reached <= p
    below = scores[scores < motif.lowest]
    # The next lower score would be reached too often.
    assert chances[scores >= below.max() - 1e-9].sum() > p
    matrix = np.array([[0.9, 0.05, 0.03, 0.02], [0.1, 0.7, 0.1, 0.1], [0.02, 0.03, 0.05, 0.9]])
    odds = np.log2(matrix / background)
    np.testing.assert_allclose(motif.scores, odds - odds.min(axis=1, keepdims=True), atol=0.2)


def test_no_match_is_rare_enough(tmp_path):
    path = tmp_path / "motifs.meme"
    path.write_text(MEME)
    with pytest.raises(InputError, match=r"even the best match of MA0002.1 is likelier than 0.001; raise --motif-p"):
        read_matrix(path, "second", 1e-3)


def test_motifs_of_a_file_are_chosen_by_either_name(tmp_path):
    path = tmp_path / "motifs.meme"
    path.write_text(MEME)
    assert read_matrix(path, "MA0001.1", 0.05).width == 3
    assert read_matrix(path, "second", 0.3).width == 2
    with pytest.raises(UsageError, match=r"2 motifs \(MA0001.1, MA0002.1\): choose one with --motif-name"):
        read_matrix(path)
    with pytest.raises(InputError, match="no motif 'third'"):
        read_matrix(path, "third")


@pytest.fixture
def pwm(tmp_path):
    rows = [" ".join("0.91" if base == letter else "0.03" for base in "ACGT") for letter in SITE]
    path = tmp_path / "site.meme"
    path.write_text(
        "MEME version 4\n\nMOTIF site\nletter-probability matrix: alength= 4 w= 14\n" + "\n".join(rows) + "\n"
    )
    return read_matrix(path, p=1e-6)


@pytest.mark.parametrize("kind", ["consensus", "matrix"])
def test_disruption_destroys_all_matches_and_touches_nothing_else(pwm, kind):
    motif = read_consensus(CTCF) if kind == "consensus" else pwm
    text = embedded((100, SITE), (900, OTHER_STRAND), (907, SITE), (3000, SITE))
    codes = encode(text)
    assert {100, 3000} <= set(find_matches(codes, motif).tolist())
    edits = disrupt(codes, motif, 50, 2000)
    assert edits is not None
    left = find_matches(edits.codes, motif)
    assert left[(left >= 50) & (left < 2000 - 14)].tolist() == []
    assert 3000 in left
    np.testing.assert_array_equal(edits.places, np.flatnonzero(edits.codes != codes))
    touched = {place for first in (100, 900, 907) for place in range(first, first + 14)}
    assert set(edits.places.tolist()) <= touched
    assert len(edits.places) > 14
    np.testing.assert_array_equal(codes, encode(text))  # the window itself stays


def test_nothing_to_disrupt():
    edits = disrupt(encode("ACGT" * 50), read_consensus(CTCF), 0, 200)
    assert edits is not None
    assert len(edits.places) == 0


def test_control_edits_are_as_many_and_leave_motifs_alone():
    motif = read_consensus(CTCF)
    codes = encode(embedded((100, SITE), (900, OTHER_STRAND), (1990, "N" * 5)))
    edits = disrupt(codes, motif, 0, 2000)
    control = edit_elsewhere(codes, edits, motif, 0, 2000, np.random.default_rng(1))
    assert control is not None
    assert len(control.places) == len(edits.places)
    np.testing.assert_array_equal(control.places, np.flatnonzero(control.codes != codes))
    np.testing.assert_array_equal(find_matches(control.codes, motif), find_matches(codes, motif))
    # Together, by one offset: the same gaps between places, once round the end.
    gaps = np.diff(np.append(edits.places, edits.places[0] + 2000))
    moved = np.diff(np.append(control.places, control.places[0] + 2000))
    assert any((np.roll(gaps, turn) == moved).all() for turn in range(len(gaps)))
    transitions = dict(enumerate((2, 3, 0, 1)))
    assert all(control.codes[place] == transitions[codes[place]] for place in control.places)


def test_no_room_for_control_edits():
    motif = read_consensus(CTCF)
    codes = encode(SITE)
    edits = disrupt(codes, motif, 0, 14)
    assert edit_elsewhere(codes, edits, motif, 0, 14, np.random.default_rng(1)) is None
