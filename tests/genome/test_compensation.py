"""Alternates with both flanks in place, by hand and from plain strings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enformer_vep.genome.compensation import compensated
from enformer_vep.genome.encoding import Codes
from enformer_vep.genome.normalisation import locate, normalise
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.windows import allele_pair, window_start
from tests.genome.test_normalisation import StringGenome

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def letters(codes: Codes) -> str:
    return "".join("ACGTN"[code] for code in codes)


def windows(contig: str, record: Variant, first: int, length: int, distance: int) -> tuple[str, str, str]:
    """Reference, downstream and upstream, of the window that begins at `first`."""
    genome = StringGenome(contig)
    variant = normalise(record, genome, "1")
    shift = first - window_start(variant.start, length)
    pair = allele_pair(genome, variant, "1", length, shift)
    two = compensated(pair, first, genome, locate(variant, genome, "1"), "1", distance)
    assert all(one.reference is pair.reference for one in two)
    return letters(pair.reference), letters(two[0].alternate), letters(two[1].alternate)


# With positions 1 to 16 above it:
#         0000000001111111
#         1234567890123456
CONTIG = "AACCGGTTACGTACGA"


@pytest.mark.parametrize(
    ("position", "reference", "alternate", "downstream", "upstream"),
    [
        pytest.param(8, "TAC", "T", "AACCGGTTGTCAACGA", "AACCGGGGTTGTACGA", id="deletion"),
        pytest.param(8, "T", "TCG", "AACCGGTTCGACACGA", "AACCTTCGACGTACGA", id="insertion"),
        pytest.param(5, "GG", "G", "AACCGTTAACGTACGA", "AAACCGTTACGTACGA", id="deletion in a run"),
        pytest.param(6, "G", "GG", "AACCGGGTTCGTACGA", "ACCGGGTTACGTACGA", id="insertion in a run"),
        pytest.param(8, "TAC", "GT", "AACCGGTGTGTAACGA", "AACCGGGTGTGTACGA", id="both"),
    ],
)
def test_by_hand(position: int, reference: str, alternate: str, downstream: str, upstream: str) -> None:
    """Two bases away; windows that end sooner hold the same bases at the same places."""
    record = Variant("1", position, ".", reference, alternate)
    assert windows(CONTIG, record, 0, 16, distance=2) == (CONTIG, downstream, upstream)
    for first, length in ((2, 12), (-2, 12), (3, 12)):
        expected = (("NN" + text + "NN")[first + 2 :][:length] for text in (CONTIG, downstream, upstream))
        assert windows(CONTIG, record, first, length, distance=2) == tuple(expected)


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, int, str, str, int, int, int]:
    """Contig, 0-based start, REF and ALT of different lengths, first base of the window, its length, distance."""
    contig = draw(st.text("ACGT", min_size=1, max_size=40))
    start = draw(st.integers(0, len(contig) - 1))
    reference = contig[start : start + draw(st.integers(1, 12))]
    alternate = draw(st.text("ACGT", min_size=1, max_size=12).filter(lambda text: len(text) != len(reference)))
    length = 2 * draw(st.integers(60, 80))
    # The first REF base lies in it on either strand, however far it rolls.
    first = start - draw(st.integers(45, length - 60))
    return contig, start, reference, alternate, first, length, draw(st.integers(0, 30))


@settings(deadline=None)
@given(cases())
def test_both_flanks_stay_and_the_other_strand_is_the_mirror_image(
    case: tuple[str, int, str, str, int, int, int],
) -> None:
    contig, start, reference, alternate, first, length, distance = case
    forward = windows(contig, Variant("1", start + 1, ".", reference, alternate), first, length, distance)
    end = start + len(reference)
    mirrored = Variant("1", len(contig) - end + 1, ".", other_strand(reference), other_strand(alternate))
    backward = windows(other_strand(contig), mirrored, len(contig) - first - length, length, distance)
    assert [other_strand(text) for text in backward] == [forward[0], forward[2], forward[1]]
    # Bases more than the distance and the length away from either allele are where they were.
    reach = distance + len(reference) + len(alternate) + len(contig)
    for text in forward[1:]:
        assert text[: max(start - first - reach, 0)] == forward[0][: max(start - first - reach, 0)]
        assert text[end - first + reach :] == forward[0][end - first + reach :]


def test_what_lies_beyond_the_place_is_untouched() -> None:
    contig = "ACGTTGCA" * 30
    reference, downstream, upstream = windows(contig, Variant("1", 121, ".", "A", "ATT"), 0, 240, distance=50)
    assert (downstream[:121], downstream[173:]) == (reference[:121], reference[173:])
    assert (upstream[:69], upstream[121:]) == (reference[:69], reference[121:])
    assert downstream[121:173] == "TT" + contig[121:171]
    assert upstream[69:121] == contig[71:121] + "TT"


def other_strand(text: str) -> str:
    return text.translate(COMPLEMENT)[::-1]
