"""One ALT allele of one VCF record, and what can keep it from being scored."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Whether an ALT allele was scored, and if not, why. The value is what the STATUS column shows."""

    OK = "ok"
    REF_MISMATCH = "ref_mismatch"
    SYMBOLIC_ALLELE = "symbolic_allele"
    SPANNING_DELETION = "spanning_deletion"
    MISSING_ALT = "missing_alt"
    NON_ACGTN_ALLELE = "non_acgtn_allele"
    UNKNOWN_CONTIG = "unknown_contig"
    OUTSIDE_CONTIG = "outside_contig"
    TOO_LONG = "too_long"
    IDENTICAL_ALLELES = "identical_alleles"
    NO_GENE = "no_gene_in_reach"
    NOT_FINITE = "not_finite"
    """Of tables that are made of scores: one of these was no number."""
    OUT_OF_REACH = "out_of_reach"
    """Of an element and a gene: no window on the gene holds all of the element."""
    GAP = "gap"
    """Of an element: it has bases that are not known."""
    NO_TSS = "gene_without_tss"
    """Of an element and a gene: the annotation does not say where the gene's transcription starts."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One ALT allele, as the VCF wrote it.

    Attributes:
        contig: Contig name as in the VCF.
        position: 1-based position of the first REF base, as in the VCF.
        id: The ID column; "." when missing.
        reference: REF as written (case kept).
        alternate: This ALT allele as written; "." when the record has none.
        record: 0-based ordinal of the VCF record in the input.
        allele: 1-based number of this ALT within its record (VCF's allele number).
    """

    contig: str
    position: int
    id: str
    reference: str
    alternate: str
    record: int = 0
    allele: int = 1

    @property
    def start(self) -> int:
        """0-based position of the first REF base."""
        return self.position - 1

    @property
    def end(self) -> int:
        """0-based half-open end of REF."""
        return self.start + len(self.reference)
