from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.genome.encoding import encode
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants
from enformer_vep.genome.windows import allele_pair, window_start
from tests.builders import random_sequence

# Where DeepMind's loop flips an indel to a fixed right edge (REF start < window): we do not.
FLIPPED_IN_GOLDEN = {
    "ins5_left_edge_right_fixed",
    "del5_left_edge_right_fixed",
    "del8_straddles_anchor_W/2",
    "ins2_pos=W/2",
}


@dataclass
class StringGenome:
    sequence: str

    def fetch(self, contig: str, start: int, end: int) -> bytes:
        letters = (self.sequence[i] if 0 <= i < len(self.sequence) else "N" for i in range(start, end))
        return "".join(letters).encode()


def letters(codes):
    return "".join("ACGTN"[code] for code in codes)


@pytest.mark.parametrize(
    ("length", "start", "shift", "expected"),
    [
        (8, 100, 0, (97, 105)),
        (8, 100, 2, (99, 107)),
        (8, 100, -2, (95, 103)),
        (8, 0, 0, (-3, 5)),
        (196_608, 98_303, 0, (0, 196_608)),
    ],
)
def test_first_reference_base_sits_before_the_middle(length, start, shift, expected):
    first = window_start(start, length, shift)
    assert (first, first + length) == expected


# The contig, with positions 1 to 16 above it:
#         0000000001111111
#         1234567890123456
CONTIG = "AACCGGTTACGTACGA"


@pytest.mark.parametrize(
    ("position", "reference", "alternate", "shift", "reference_window", "alternate_window"),
    [
        pytest.param(8, "T", "G", 0, "GGTTACGT", "GGTGACGT", id="snv"),
        pytest.param(8, "TAC", "GGG", 0, "GGTTACGT", "GGTGGGGT", id="mnv"),
        pytest.param(8, "T", "TCC", 0, "GGTTACGT", "GGTTCCAC", id="insertion pushes the right flank out"),
        pytest.param(8, "TAC", "T", 0, "GGTTACGT", "GGTTGTAC", id="deletion pulls genome in"),
        pytest.param(8, "TA", "CGC", 0, "GGTTACGT", "GGTCGCCG", id="delins longer"),
        pytest.param(8, "TACG", "CC", 0, "GGTTACGT", "GGTCCTAC", id="delins shorter"),
        pytest.param(8, "t", "g", 0, "GGTTACGT", "GGTGACGT", id="lower case"),
        pytest.param(8, "T", "N", 0, "GGTTACGT", "GGTNACGT", id="N allele"),
        pytest.param(2, "A", "C", 0, "NNAACCGG", "NNACCCGG", id="contig start"),
        pytest.param(1, "AAC", "A", 0, "NNNAACCG", "NNNACGGT", id="contig start, deletion: left edge stays"),
        pytest.param(1, "A", "ATT", 0, "NNNAACCG", "NNNATTAC", id="contig start, insertion: left edge stays"),
        pytest.param(16, "A", "T", 0, "ACGANNNN", "ACGTNNNN", id="contig end"),
        pytest.param(12, "TAC", "T", 0, "ACGTACGA", "ACGTGANN", id="deletion pulls N in past the end"),
        pytest.param(15, "G", "GCCCC", 0, "TACGANNN", "TACGCCCC", id="insertion at the end"),
        pytest.param(8, "T", "G", 1, "GTTACGTA", "GTGACGTA", id="shift to the right"),
        pytest.param(8, "T", "G", -2, "CCGGTTAC", "CCGGTGAC", id="shift to the left"),
        pytest.param(8, "TAC", "T", 1, "GTTACGTA", "GTTGTACG", id="shifted deletion"),
        pytest.param(8, "T", "TCC", -4, "AACCGGTT", "AACCGGTT", id="insertion pushed out by the shift"),
        pytest.param(8, "TACG", "T", -4, "AACCGGTT", "AACCGGTT", id="deletion past the edge after a shift"),
        pytest.param(8, "TA", "GCGCGCGC", 0, "GGTTACGT", "GGTGCGCG", id="ALT reaches past the edge"),
        pytest.param(8, "TACGTACG", "C", 0, "GGTTACGT", "GGTCANNN", id="REF reaches past the edge"),
    ],
)
def test_allele_pair_by_hand(position, reference, alternate, shift, reference_window, alternate_window):
    variant = Variant("1", position, ".", reference, alternate)
    pair = allele_pair(StringGenome(CONTIG), variant, "chr1", length=8, shift=shift)
    assert letters(pair.reference) == reference_window
    assert letters(pair.alternate) == alternate_window
    assert pair.edit_start == 3 - shift
    assert (pair.reference_length, pair.alternate_length) == (len(reference), len(alternate))


@pytest.mark.parametrize("shift", [4, -5])
def test_shift_that_loses_the_variant(shift):
    with pytest.raises(ValueError, match="out of a window of 8 bp"):
        allele_pair(StringGenome(CONTIG), Variant("1", 8, ".", "T", "G"), "chr1", 8, shift)


def test_flanks_come_from_the_genome_at_random():
    rng = np.random.default_rng(0)
    contig = random_sequence(rng, 400)
    for _ in range(300):
        start = int(rng.integers(0, 400))
        reference = contig[start : start + int(rng.integers(1, 12))]
        alternate = random_sequence(rng, int(rng.integers(1, 12)))
        pair = allele_pair(StringGenome(contig), Variant("1", start + 1, ".", reference, alternate), "1", 64)
        haplotype = "N" * 100 + contig[:start] + alternate + contig[start + len(reference) :] + "N" * 100
        first = 100 + start - 31
        assert letters(pair.alternate) == haplotype[first : first + 64]
        padded = "N" * 100 + contig + "N" * 100
        assert letters(pair.reference) == padded[first : first + 64]


@given(data=st.data())
def test_windows_equal_those_of_plain_strings(data):
    contig = data.draw(st.text("ACGTN", min_size=1, max_size=40))
    half = data.draw(st.integers(1, 12))
    start = data.draw(st.integers(0, len(contig) - 1))
    reference_length = data.draw(st.integers(1, len(contig) - start))
    alternate = data.draw(st.text("ACGTNacgtn", min_size=1, max_size=30))
    shift = data.draw(st.integers(-half, half - 1))
    reference = contig[start : start + reference_length]
    variant = Variant("1", start + 1, ".", reference, alternate)
    pair = allele_pair(StringGenome(contig), variant, "1", 2 * half, shift)

    # Written once more without coordinates of windows: pad, replace, cut.
    left, right = "N" * 50 + contig[:start], contig[start + reference_length :] + "N" * 100
    cut = slice(len(left) - (half - 1) + shift, len(left) + half + 1 + shift)
    assert letters(pair.reference) == (left + reference + right)[cut]
    assert letters(pair.alternate) == (left + alternate.upper() + right)[cut]
    assert (left + reference + right)[cut][pair.edit_start :][:1] == reference[:1]


@pytest.fixture(scope="module")
def golden(data_directory):
    folder = data_directory / "golden_variants"
    with np.load(folder / "windows.npz") as windows:
        tables = zip(windows["ids"], windows["reference"], windows["alternate"], strict=True)
        return folder, {str(name): (reference, alternate) for name, reference, alternate in tables}


@pytest.fixture(scope="module")
def golden_genome(golden, tmp_path_factory):
    # A copy: the index goes beside the FASTA, and the checkout stays as it is.
    path = tmp_path_factory.mktemp("golden") / "genome.fa"
    path.write_bytes((golden[0] / "genome.fa").read_bytes())
    return Genome(path)


def test_windows_equal_those_of_deepminds_loop(golden, golden_genome):
    folder, windows = golden
    variants = list(read_variants(str(folder / "variants.vcf")))
    assert {variant.id for variant in variants} == set(windows)
    for variant in variants:
        reference, alternate = windows[variant.id]
        pair = allele_pair(golden_genome, variant, variant.contig, length=6144)
        assert np.array_equal(pair.reference, reference), variant.id
        same = np.array_equal(pair.alternate, alternate)
        assert same is (variant.id not in FLIPPED_IN_GOLDEN), variant.id


def test_indels_near_the_contig_start_keep_the_left_edge(golden, golden_genome):
    folder, _ = golden
    for variant in read_variants(str(folder / "variants.vcf")):
        pair = allele_pair(golden_genome, variant, variant.contig, length=6144)
        left, right = pair.edit_start, pair.edit_start + pair.alternate_length
        kept = 6144 - right
        flank = golden_genome.fetch(variant.contig, variant.end, variant.end + kept)
        assert np.array_equal(pair.alternate[:left], pair.reference[:left])
        assert np.array_equal(pair.alternate[left:right], encode(variant.alternate))
        assert np.array_equal(pair.alternate[right:], encode(flank))
