"""How negatives are chosen: frozen and validated."""

from dataclasses import dataclass
from enum import StrEnum

from enformer_vep.errors import UsageError


class GeneRule(StrEnum):
    """To which gene's TSS a distance is taken.

    `SAME`: a negative is in reach of the gene that its positive acts on. `NEAREST`: every variant, positives
    included, belongs to the gene whose TSS is nearest, and any gene's variant may be the negative of another's.
    """

    SAME = "same"
    NEAREST = "nearest"


@dataclass(frozen=True, slots=True)
class NegativeSettings:
    """What a negative has in common with its positive.

    Attributes:
        per_positive: Negatives wanted for each.
        keep_fewer: Keep positives that find fewer. They are those in sparse places, so their distances and frequencies
            then count for less among the negatives than among the positives.
        gene: Whose TSS.
        gene_types: Only genes of these types; all when empty.
        reach: Bp from the TSS, at most.
        distance_caliper: Largest difference in log10(|distance| + 100 bp).
        frequency_caliper: Largest difference in minor allele frequency.
        apart: Bp between a positive and its negative on one contig, at least.
        info: INFO field that has the frequency of every ALT allele.
        seed: Fixes the order in which positives choose.
    """

    per_positive: int = 1
    keep_fewer: bool = False
    gene: GeneRule = GeneRule.SAME
    gene_types: tuple[str, ...] = ()
    reach: int = 1_000_000
    distance_caliper: float = 0.1
    frequency_caliper: float = 0.05
    apart: int = 0
    info: str = "AF"
    seed: int = 44

    def __post_init__(self) -> None:
        """Refuse calipers that nothing fits.

        Raises:
            UsageError: One is not above 0.
        """
        for name in ("distance_caliper", "frequency_caliper"):
            if not getattr(self, name) > 0:
                raise UsageError(f"--{name.replace('_', '-')} must be above 0; inf leaves the match out")
