"""Why a variant cannot be scored, found without running a model."""

from collections.abc import Mapping
from typing import Protocol

from enformer_vep.genome.variants import Status, Variant

_BASES = frozenset("ACGTN")

# IUPAC ambiguity letters and the bases that each stands for, in alphabetical order (NC-IUB 1984).
_AMBIGUITY = {
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
}


class CheckedGenome(Protocol):
    """What the checks need of a genome; `Genome` has it."""

    @property
    def contigs(self) -> Mapping[str, int]:
        """Length in bp of every contig."""
        ...

    def resolve(self, name: str) -> str | None:
        """Returns the genome's own name of a contig, or None."""
        ...

    def fetch(self, contig: str, start: int, end: int) -> bytes:
        """Returns the upper-case letters of [start, end), 0-based half-open."""
        ...


def check_variant(variant: Variant, genome: CheckedGenome, window_length: int) -> Status:
    """Decides whether a variant can be scored.

    The alleles are looked at first, then where they lie, then how long they are, then the genome; the first
    reason found is the one that is reported.

    Args:
        variant: The variant as the VCF has it.
        genome: The reference genome.
        window_length: Window length in bp; neither allele may be longer than half of it.

    Returns:
        `Status.OK` or the reason.
    """
    status = check_alleles(variant.reference, variant.alternate)
    if status is not Status.OK:
        return status
    contig = genome.resolve(variant.contig)
    if contig is None:
        return Status.UNKNOWN_CONTIG
    if variant.position < 1 or variant.end > genome.contigs[contig]:
        return Status.OUTSIDE_CONTIG
    if max(len(variant.reference), len(variant.alternate)) > window_length // 2:
        return Status.TOO_LONG
    letters = genome.fetch(contig, variant.start, variant.end).decode("ascii", "replace")
    return Status.OK if reference_matches(variant.reference, letters) else Status.REF_MISMATCH


def check_alleles(reference: str, alternate: str) -> Status:
    """Decides what REF and ALT alone tell.

    Args:
        reference: REF as written.
        alternate: One ALT allele as written.

    Returns:
        `Status.OK` or the reason.
    """
    if alternate == ".":
        return Status.MISSING_ALT
    if _is_symbolic(alternate) or _is_symbolic(reference):
        return Status.SYMBOLIC_ALLELE
    if alternate == "*":
        return Status.SPANNING_DELETION
    reference, alternate = reference.upper(), alternate.upper()
    if not (reference and alternate and _BASES.issuperset(reference) and _BASES.issuperset(alternate)):
        return Status.NON_ACGTN_ALLELE
    return Status.IDENTICAL_ALLELES if reference == alternate else Status.OK


def reference_matches(reference: str, letters: str) -> bool:
    """Compares REF with the genome, ignoring case.

    Where the genome has an ambiguity letter, which a VCF cannot have, REF may be N or the alphabetically
    first base that the letter stands for (VCF 4.3, section 1.6.1, on REF).

    Args:
        reference: REF as written.
        letters: The genome's letters at the same place, upper case.

    Returns:
        Whether every letter agrees.
    """
    reference = reference.upper()
    if reference == letters:
        return True
    return len(reference) == len(letters) and all(map(_letter_matches, reference, letters))


def _letter_matches(base: str, letter: str) -> bool:
    return base == letter or (letter in _AMBIGUITY and base in ("N", _AMBIGUITY[letter][0]))


def _is_symbolic(allele: str) -> bool:
    """Whether an allele is `<...>`, a breakend (`G]17:198982]`) or a single breakend (`G.`, `.G`)."""
    if "<" in allele or "[" in allele or "]" in allele:
        return True
    return len(allele) > 1 and (allele.startswith(".") or allele.endswith("."))
