"""Why a variant cannot be scored, found without running a model."""

from typing import TYPE_CHECKING

from enformer_vep.genome.variants import Status, Variant

if TYPE_CHECKING:
    from enformer_vep.genome.fasta import Genome

_BASES = frozenset("ACGTN")

# IUPAC ambiguity letters and the bases that each stands for, in alphabetical order (NC-IUB 1984).
_AMBIGUITY = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG",
}  # fmt: skip


def check_variant(variant: Variant, genome: "Genome", window_length: int) -> Status:
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
    """Decides what REF and one ALT allele, as written, tell by themselves: `Status.OK` or the reason."""
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
    """Compares REF, whatever its case, with the genome's upper-case letters at the same place.

    Where the genome has an ambiguity letter, which a VCF cannot have, REF may be N or the alphabetically
    first base that the letter stands for (VCF 4.3, section 1.6.1, on REF).
    """
    reference = reference.upper()
    if reference == letters:
        return True
    return len(reference) == len(letters) and all(map(_letter_matches, reference, letters))


def _letter_matches(base: str, letter: str) -> bool:
    return base == letter or (letter in _AMBIGUITY and base in ("N", _AMBIGUITY[letter][0]))


def _is_symbolic(allele: str) -> bool:
    """Whether an allele is `<...>`, a breakend (`G]17:198982]`) or a single breakend (`G.`, `.G`)."""
    single = len(allele) > 1 and "." in (allele[0], allele[-1])
    return single or "<" in allele or "[" in allele or "]" in allele
