import random

import pytest

from enformer_vep.genome.alleles import trimmed, variant_class


@pytest.mark.parametrize(
    ("reference", "alternate", "expected"),
    [
        ("A", "G", "snv"),
        ("AGC", "ACC", "snv"),
        ("a", "A", "snv"),
        ("AG", "CT", "mnv"),
        ("AGCT", "CGCA", "mnv"),
        ("A", "AG", "insertion_1"),
        ("AT", "AGGT", "insertion_2_5"),
        ("A", "A" + "G" * 5, "insertion_2_5"),
        ("A", "A" + "G" * 6, "insertion_6_20"),
        ("A", "A" + "G" * 21, "insertion_21_64"),
        ("A", "A" + "G" * 64, "insertion_21_64"),
        ("A", "A" + "G" * 65, "insertion_65_or_more"),
        ("AG", "A", "deletion_1"),
        ("AAAA", "AA", "deletion_2_5"),
        ("ACGT" * 6, "ACGT", "deletion_6_20"),
        ("A" + "G" * 64, "A", "deletion_21_64"),
        ("A" + "G" * 65, "A", "deletion_65_or_more"),
        ("CG", "TTT", "insertion_1"),
    ],
)
def test_classes_are_those_of_the_change(reference: str, alternate: str, expected: str) -> None:
    assert variant_class(reference, alternate) == expected


def test_trimming_is_parsimonious_and_can_be_undone() -> None:
    draw = random.Random(1)
    for _ in range(2000):
        before = "".join(draw.choices("ACg", k=draw.randrange(1, 6)))
        after = "".join(draw.choices("AcG", k=draw.randrange(1, 6)))
        offset, reference, alternate = trimmed(before, after)
        rest = len(before) - offset - len(reference)
        upper = before.upper()
        assert upper[offset : offset + len(reference)] == reference
        assert upper[:offset] + alternate + upper[len(before) - rest :] == after.upper()
        assert not reference or not alternate or (reference[0] != alternate[0] and reference[-1] != alternate[-1])
