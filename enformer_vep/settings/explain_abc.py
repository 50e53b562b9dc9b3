"""What the activity-by-contact model is computed with: frozen and validated."""

from dataclasses import dataclass, field
from enum import StrEnum

from enformer_vep.errors import UsageError

# Scale as a function of gamma, fitted by the authors to Hi-C of 20 cell types at 5 kb.
_SCALE_AT_ZERO, _SCALE_PER_GAMMA = -4.80, 11.63


class Absent(StrEnum):
    """What a bigWig's coverage is where it is silent.

    `UNKNOWN`, as published: a region counts as if it were covered throughout like the bases that have a value.
    `ZERO`: the plain sum, for bigWigs that leave zeros out.
    """

    UNKNOWN = "unknown"
    ZERO = "zero"


class Accessibility(StrEnum):
    """Assay of the accessible chromatin: which column of a reference for normalisation is its."""

    DHS = "DHS"
    ATAC = "ATAC"


@dataclass(frozen=True, slots=True)
class ContactSettings:
    """Contact as a power law of distance, and how Hi-C is adjusted to it.

    Defaults are the published ones (broadinstitute/ABC-Enhancer-Gene-Prediction, 36e212e).

    Attributes:
        gamma: Exponent of the power law, above 0.
        scale: Logarithm of the contact at 0 bp, if the law held there.
        reference_gamma: Exponent of the law that Hi-C is scaled to.
        least_distance: Bp; nearer pairs have the contact at this distance.
        pseudocount_distance: Bp; the contact there is the largest pseudocount.
        least_promoter_contact: A gene whose own promoters have less Hi-C contact than this together has the power
            law's instead, everywhere.
    """

    gamma: float = 1.024238616787792
    scale: float = 5.9594510043736655
    reference_gamma: float = 0.87
    least_distance: int = 5000
    pseudocount_distance: int = 5000
    least_promoter_contact: float = 0.01

    def __post_init__(self) -> None:
        """Refuse a law that does not fall.

        Raises:
            UsageError: An exponent or a distance is not positive.
        """
        if not (self.gamma > 0 and self.reference_gamma > 0 and self.least_distance > 0):
            raise UsageError("contact must fall with distance: give exponents and a least distance above 0")

    @property
    def reference_scale(self) -> float:
        """Of the law that Hi-C is scaled to."""
        return _SCALE_AT_ZERO + _SCALE_PER_GAMMA * self.reference_gamma


@dataclass(frozen=True, slots=True)
class AbcSettings:
    """The whole model.

    Attributes:
        contact: Contact and distance.
        window: Bp; elements whose middle is nearer to a transcription start compete for its gene.
        promoter_slop: Bp around a transcription start in which an element is a promoter.
        absent: What bigWigs leave out.
        accessibility: Assay of the first signal.
    """

    contact: ContactSettings = field(default_factory=ContactSettings)
    window: int = 5_000_000
    promoter_slop: int = 500
    absent: Absent = Absent.UNKNOWN
    accessibility: Accessibility = Accessibility.DHS
