"""The rule of matching against a search by its words: contig, position, both alleles; only equal lengths turn."""

import numpy as np
import pytest

from enformer_vep.tables.matching import VariantKey, WantedVariants

CONTIGS = [("chr1", "1", "01"), ("chrX", "X", "23"), ("MT", "chrM", "26")]
ALLELES = ["A", "a", "C", "AG", "GA", "ag", "AGT", "T"]


def drawn(number: int, seed: int) -> list[tuple[int, str, int, str, str]]:
    """Variants that often agree: number of the contig, its name, position, REF and ALT."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        contig = int(random.integers(len(CONTIGS)))
        name = str(random.choice(CONTIGS[contig]))
        found.append((contig, name, int(random.integers(2)), *map(str, random.choice(ALLELES, 2))))
    return found


def by_words(wanted: tuple[int, str, int, str, str], row: tuple[int, str, int, str, str]) -> int | None:
    """1 for the same order, -1 for the other one, 0 for another variant with the alleles exchanged, else None."""
    if (wanted[0], wanted[2]) != (row[0], row[2]):
        return None
    (first, second), (reference, alternate) = (tuple(allele.upper() for allele in one[3:]) for one in (wanted, row))
    if (first, second) == (reference, alternate):
        return 1
    if (first, second) == (alternate, reference):
        return -1 if len(first) == len(second) else 0
    return None


@pytest.mark.parametrize("gene", ["", "ENSG1"])
def test_every_row_against_every_wanted_variant(gene):
    wanted = drawn(300, 1)
    index = WantedVariants(VariantKey.of(*one[1:], gene) for one in wanted)
    kinds = set()
    for row in drawn(200, 2):
        key = VariantKey.of(*row[1:], gene)
        expected = [by_words(one, row) for one in wanted]
        kinds |= set(expected)
        assert sorted(index.find(key)) == [(place, sign) for place, sign in enumerate(expected) if sign]
        assert sorted(index.in_other_order(key)) == [p for p, sign in enumerate(expected) if sign == 0]
        assert not list(index.find(key._replace(gene="another")))
    assert kinds == {1, -1, 0, None}


def test_a_name_is_no_variant_and_no_other_gene():
    index = WantedVariants([VariantKey.named("rs1", "G1"), VariantKey.of("1", 5, "A", "C", "G1")])
    assert list(index.find(VariantKey.named("rs1", "G1"))) == [(0, 1)]
    assert not list(index.find(VariantKey.named("rs1")))


def test_spelled_out():
    assert str(VariantKey.of("chrX", 5, "a", "ag")) == "X:5:A:AG"
    assert str(VariantKey.of("chr1", "5", "G", "A", "ENSG1").either) == "1:5:A:G;ENSG1"
    assert str(VariantKey.named("rs1", "ENSG1")) == "id:rs1;ENSG1"
