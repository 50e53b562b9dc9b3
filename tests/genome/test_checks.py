from types import MappingProxyType

import pytest

from enformer_vep.genome.checks import check_alleles, check_variant, reference_matches
from enformer_vep.genome.variants import Status, Variant


class ToyGenome:
    """chr1 = ACGTNacgtR, soft-masked letters already upper-cased as Genome does."""

    contigs = MappingProxyType({"chr1": 10})

    def resolve(self, name):
        return "chr1" if name in ("1", "chr1") else None

    def fetch(self, contig, start, end):
        return b"ACGTNACGTR"[start:end]


def check(position, reference, alternate, contig="1", window_length=8):
    return check_variant(Variant(contig, position, ".", reference, alternate), ToyGenome(), window_length)


@pytest.mark.parametrize(
    ("reference", "alternate", "status"),
    [
        ("A", "C", Status.OK),
        ("a", "c", Status.OK),
        ("ACGTN", "N", Status.OK),
        ("A", ".", Status.MISSING_ALT),
        ("A", "<DEL>", Status.SYMBOLIC_ALLELE),
        ("A", "<CN0>", Status.SYMBOLIC_ALLELE),
        ("A", "<*>", Status.SYMBOLIC_ALLELE),
        ("A", "G]17:198982]", Status.SYMBOLIC_ALLELE),
        ("A", "]13:123456]T", Status.SYMBOLIC_ALLELE),
        ("A", "[13:1[T", Status.SYMBOLIC_ALLELE),
        ("A", "G.", Status.SYMBOLIC_ALLELE),
        ("A", ".G", Status.SYMBOLIC_ALLELE),
        ("A", "*", Status.SPANNING_DELETION),
        ("A", "R", Status.NON_ACGTN_ALLELE),
        ("M", "C", Status.NON_ACGTN_ALLELE),
        ("A", "A-", Status.NON_ACGTN_ALLELE),
        ("A", "", Status.NON_ACGTN_ALLELE),
        (".", "C", Status.NON_ACGTN_ALLELE),
        ("A", "A", Status.IDENTICAL_ALLELES),
        ("a", "A", Status.IDENTICAL_ALLELES),
    ],
)
def test_alleles(reference, alternate, status):
    assert check_alleles(reference, alternate) is status


@pytest.mark.parametrize(
    ("position", "reference", "alternate", "status"),
    [
        (1, "A", "C", Status.OK),
        (1, "ac", "C", Status.OK),
        (6, "A", "C", Status.OK),
        (1, "ACGT", "C", Status.OK),
        (1, "ACGTN", "C", Status.TOO_LONG),
        (1, "A", "ACCCC", Status.TOO_LONG),
        (1, "A", "ACCC", Status.OK),
        (1, "C", "G", Status.REF_MISMATCH),
        (5, "N", "G", Status.OK),
        (5, "A", "G", Status.REF_MISMATCH),
        (0, "A", "G", Status.OUTSIDE_CONTIG),
        (-3, "A", "G", Status.OUTSIDE_CONTIG),
        (11, "A", "G", Status.OUTSIDE_CONTIG),
        (10, "AC", "G", Status.OUTSIDE_CONTIG),
        (10**22, "A", "G", Status.OUTSIDE_CONTIG),
        (10, "A", "G", Status.OK),
        (10, "N", "G", Status.OK),
        (10, "G", "A", Status.REF_MISMATCH),
    ],
)
def test_place_length_and_reference(position, reference, alternate, status):
    assert check(position, reference, alternate) is status


def test_unknown_contig():
    assert check(1, "A", "C", contig="chrUn_7") is Status.UNKNOWN_CONTIG


@pytest.mark.parametrize(
    ("position", "reference", "alternate", "contig", "status"),
    [
        (99, "R", "<DEL>", "chr9", Status.SYMBOLIC_ALLELE),
        (99, "R", "R", "chr9", Status.NON_ACGTN_ALLELE),
        (99, "A", "a", "chr9", Status.IDENTICAL_ALLELES),
        (99, "AAAAAAAA", "A", "chr9", Status.UNKNOWN_CONTIG),
        (99, "AAAAAAAA", "A", "chr1", Status.OUTSIDE_CONTIG),
        (1, "TTTTT", "A", "chr1", Status.TOO_LONG),
    ],
)
def test_the_first_reason_wins(position, reference, alternate, contig, status):
    assert check(position, reference, alternate, contig) is status


@pytest.mark.parametrize(
    ("reference", "letters", "matches"),
    [
        ("ACG", "ACG", True),
        ("acg", "ACG", True),
        ("A", "R", True),
        ("G", "R", False),
        ("N", "R", True),
        ("C", "B", True),
        ("N", "A", False),
        ("A", "N", False),
        ("AC", "A", False),
        ("ANT", "ASY", False),
        ("ANC", "ASY", True),
    ],
)
def test_ambiguity_letters_in_the_genome(reference, letters, matches):
    assert reference_matches(reference, letters) is matches
