"""Motif files and matches, against biopython and against counting."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs as biopython

from enformer_vep.errors import InputError
from enformer_vep.explain.motifs import PSEUDOCOUNT, STEP, Motif, match, read_meme, scan, tail
from enformer_vep.genome.encoding import encode
from tests.builders import random_sequence

HEAD = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies (from somewhere):
A 0.3 C 0.2 G 0.22
T 0.28

"""
SHORT = """MOTIF M1 GATA
letter-probability matrix: alength= 4 w= 5 nsites= 100 E= 1e-5
 0.05 0.05 0.85 0.05
 0.90 0.02 0.04 0.04
 0.00 0.00 0.00 1.00
\t0.97  0.01  0.01  0.01
 0.25 0.25 0.25 0.25
URL https://example.org/M1

"""
LONG = """MOTIF M2
letter-probability matrix: alength= 4 w= 8 nsites= 100 E= 0

 0.1 0.7 0.1 0.1
 0.1 0.7 0.1 0.1
 0.4 0.1 0.1 0.4
 0.1 0.1 0.7 0.1
 0.7 0.1 0.1 0.1
 0.1 0.1 0.1 0.7
 0.3 0.3 0.3 0.1
 0.25 0.25 0.4 0.1
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "motifs.meme"
    path.write_text(text)
    return path


def test_what_biopython_reads(tmp_path: Path) -> None:
    """Its parser (which makes whole counts of probabilities), and its log-odds with the same pseudocount."""
    ours = read_meme(written(tmp_path, HEAD + SHORT + LONG))
    theirs = biopython.parse(
        io.StringIO(HEAD.replace("0.22\nT", "0.22 T") + SHORT.replace("\t", " ") + LONG.replace("\n\n", "\n")),
        "minimal",
    )
    assert [one.identifier for one in ours] == ["M1", "M2"]
    assert [one.alternative for one in ours] == ["GATA", ""]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.background, [0.29, 0.21, 0.21, 0.29])
        background = dict(zip("ACGT", mine.background, strict=True))
        plain = np.array([other.pwm[base] for base in "ACGT"]).T
        np.testing.assert_allclose(mine.probabilities, plain, atol=1e-9)
        weighted = other.counts.normalize({base: PSEUDOCOUNT * part for base, part in background.items()})
        odds = weighted.log_odds(background)
        np.testing.assert_allclose(mine.log_odds(), np.array([odds[base] for base in "ACGT"]).T, atol=1e-9)
        text = random_sequence(np.random.default_rng(1), 300)
        np.testing.assert_allclose(match(encode(text), mine.log_odds()), odds.calculate(text), rtol=1e-5, atol=1e-5)


def test_matches_are_biopython_s_of_both_strands(tmp_path: Path) -> None:
    for mine in read_meme(written(tmp_path, HEAD + SHORT + LONG)):
        text = random_sequence(np.random.default_rng(4), 2000)
        hits = scan(text, [mine], 0.05)
        odds = biopython.matrix.PositionSpecificScoringMatrix(
            "ACGT", dict(zip("ACGT", mine.log_odds().T.tolist(), strict=True))
        )
        # Of scores that are not within rounding of the threshold.
        least = min(hit.score for hit in hits)
        found = {
            (place % len(text), "-" if place < 0 else "+"): float(score)
            for place, score in odds.search(text, threshold=least + 0.05)
        }
        near = {(hit.start, hit.strand): hit.score for hit in hits if hit.score >= least + 0.05}
        assert len(near) > 10
        assert near == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_p_values_are_counted_words(tmp_path: Path, text: str) -> None:
    """Every word of the motif's length, weighed by the background."""
    motif = read_meme(written(tmp_path, HEAD + text))[0]
    width, matrix = len(motif.probabilities), motif.log_odds()
    words = np.array(list(itertools.product(range(4), repeat=width)))
    chances = motif.background[words].prod(axis=1)
    scores = matrix[np.arange(width), words].sum(axis=1)
    for hit in scan(random_sequence(np.random.default_rng(7), 400), [motif], 0.02):
        # Scores are rounded at every position for the p-value.
        room = width * STEP / 2 + 1e-9
        assert chances[scores >= hit.score + room].sum() <= hit.p_value * (1 + 1e-9)
        assert chances[scores >= hit.score - room].sum() >= hit.p_value * (1 - 1e-9)


def test_the_tail_is_exact_for_whole_numbers() -> None:
    background = np.array([0.1, 0.2, 0.3, 0.4])
    matrix = np.array([[0, 3, 1, 2], [5, 0, 0, 1]])
    sums = {(i, j): matrix[0, i] + matrix[1, j] for i in range(4) for j in range(4)}
    chance = [
        sum(background[i] * background[j] for (i, j), total in sums.items() if total >= least) for least in range(9)
    ]
    np.testing.assert_allclose(tail(matrix, background), chance)


def test_share_of_random_places_that_match(tmp_path: Path) -> None:
    """The threshold is what it says: matches at random places are as many as it promises."""
    motif = read_meme(written(tmp_path, HEAD + LONG))[0]
    text = np.random.default_rng(3).choice(np.frombuffer(b"ACGT", np.uint8), 200_000, p=motif.background).tobytes()
    hits = scan(text, [motif], 0.001)
    assert len(hits) / (2 * (len(text) - 7)) == pytest.approx(max(hit.p_value for hit in hits), rel=0.15)
    assert {hit.strand for hit in hits} == {"+", "-"}


def test_no_match_covers_an_unknown_base(tmp_path: Path) -> None:
    motif = read_meme(written(tmp_path, HEAD + SHORT))[0]
    assert [(hit.start, hit.strand) for hit in scan("ccGATAGccc", [motif], 0.02)] == [(2, "+")]
    assert [(hit.start, hit.end, hit.strand) for hit in scan("cccCTATCgg", [motif], 0.02)] == [(3, 8, "-")]
    assert scan("ccGATNGccc", [motif], 0.02) == []
    assert scan("GAT", [motif], 1) == []
    assert scan("N" * 50, [motif], 1) == []


def test_without_background_and_sites(tmp_path: Path) -> None:
    text = "MEME version 5\nMOTIF A b c\nletter-probability matrix:\n1 0 0 0\n0.5 0.5 0 0\nMOTIF B\nletter-probability"
    first, second = read_meme(written(tmp_path, f"{text} matrix: w= 1\n0 0 0 1"))
    assert isinstance(first, Motif)
    assert (first.alternative, first.sites, second.probabilities.tolist()) == ("b c", 20, [[0, 0, 0, 1]])
    assert first.background.tolist() == [0.25] * 4
    assert first.log_odds()[0, 0] == pytest.approx(np.log2((20 + 0.025) / 20.1 / 0.25))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("MEME version 4\n\nALPHABET= ACGT\n", "has no motif"),
        (SHORT, "MEME version"),
        (HEAD.replace("= ACGT", "= ACGU") + SHORT, "line 3: .*alphabet"),
        (HEAD.replace("0.28", "0.9") + SHORT, "line 8: background"),
        (HEAD.replace("T 0.28", "") + SHORT, "line 8: background"),
        (HEAD + "MOTIF M1\n", "no letter-probability matrix"),
        (HEAD + "MOTIF\n", "without a name"),
        (HEAD + SHORT.replace("w= 5", "w= 6"), "5 of w= 6 positions"),
        (HEAD + SHORT.replace("0.90", "0.50"), "line 14: .*four probabilities"),
        (HEAD + SHORT.replace("0.90", "1.e.0"), "line 14: .*four probabilities"),
        (HEAD + SHORT.replace("nsites= 100", "nsites= many"), "no number"),
        (HEAD + "MOTIF M1\nletter-probability matrix: w= 0\nURL x\n", "matrix is empty"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_meme(written(tmp_path, text))
    assert "\n" not in str(error.value)
