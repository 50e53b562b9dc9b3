"""What kind of change an allele is, whatever bases a VCF wrote around it. Pure functions of REF and ALT."""

from enum import StrEnum
from typing import NamedTuple

LONGEST_LOCAL = 64
"""Largest change of length, in bases, that is scored as a local change: longer ones have effects of another size."""

_LONGEST = ((1, "1"), (5, "2_5"), (20, "6_20"), (LONGEST_LOCAL, "21_64"))


class VariantClass(StrEnum):
    """Classes whose effects are compared with each other; indels by the number of bases that they add or remove."""

    SNV = "snv"
    MNV = "mnv"
    INSERTION_1 = "insertion_1"
    INSERTION_2_5 = "insertion_2_5"
    INSERTION_6_20 = "insertion_6_20"
    INSERTION_21_64 = "insertion_21_64"
    INSERTION_LONG = "insertion_65_or_more"
    DELETION_1 = "deletion_1"
    DELETION_2_5 = "deletion_2_5"
    DELETION_6_20 = "deletion_6_20"
    DELETION_21_64 = "deletion_21_64"
    DELETION_LONG = "deletion_65_or_more"

    @property
    def is_indel(self) -> bool:
        """Whether bases are added or removed, so that what follows moves."""
        return self not in (VariantClass.SNV, VariantClass.MNV)


class Change(NamedTuple):
    """What REF and ALT do not have in common.

    Attributes:
        offset: How many bases after the first of REF it begins.
        reference: Bases that are replaced, upper case; empty for an insertion.
        alternate: Bases that stand in their place; empty for a deletion.
    """

    offset: int
    reference: str
    alternate: str


def trimmed(reference: str, alternate: str) -> Change:
    """Take away what both alleles end with, then what both begin with (the order of `bcftools norm`).

    Args:
        reference: REF, bases in either case.
        alternate: ALT, likewise.

    Returns:
        The change; both alleles are empty when REF and ALT are the same.
    """
    reference, alternate = reference.upper(), alternate.upper()
    shorter = min(len(reference), len(alternate))
    behind = next((n for n in range(shorter) if reference[-1 - n] != alternate[-1 - n]), shorter)
    before = next((n for n in range(shorter - behind) if reference[n] != alternate[n]), shorter - behind)
    return Change(before, reference[before : len(reference) - behind], alternate[before : len(alternate) - behind])


def variant_class(reference: str, alternate: str) -> VariantClass:
    """Classify an allele by what it changes: `AGC>ACC` is an SNV. Alleles that are the same count as an SNV."""
    _, before, after = trimmed(reference, alternate)
    longer = len(after) - len(before)
    if longer == 0:
        return VariantClass.SNV if len(before) <= 1 else VariantClass.MNV
    length = next((name for most, name in _LONGEST if abs(longer) <= most), "65_or_more")
    return VariantClass(f"{'insertion' if longer > 0 else 'deletion'}_{length}")
