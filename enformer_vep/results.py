"""The one result type that travels from the pipeline to every output format, and the count of them."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.variants import Status, Variant

WINDOW_START = "WINDOW_START"
"""Column with the 1-based first position of a shared window; when there, it comes before the scores."""


@dataclass(frozen=True, slots=True)
class ScoredVariant:
    """One output row.

    Attributes:
        variant: The ALT allele that came in.
        status: `Status.OK`, or the reason why there are no values.
        values: float32 [columns], in the order of the run's columns; None unless the status is OK.
        window_start: 0-based start of the (unshifted) window, when windows are shared; else None.
    """

    variant: Variant
    status: Status
    values: npt.NDArray[np.float32] | None
    window_start: int | None = None


@dataclass
class RunSummary:
    """What happened in a run.

    Attributes:
        counts: Number of ALT alleles by status, those of an interrupted run that was continued included.
        resumed: Alleles that were there already when this process began.
        seconds: Wall-clock time of this process.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    resumed: int = 0
    seconds: float = 0.0

    @property
    def alleles(self) -> int:
        """ALT alleles read, which is rows written."""
        return self.counts.total()

    @property
    def rate(self) -> float:
        """Alleles per second in this process."""
        return (self.alleles - self.resumed) / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, object]:
        """Plain values for `--summary`."""
        return {
            "alleles": self.alleles,
            "scored": self.counts[Status.OK],
            "by_status": {status.value: self.counts[status] for status in Status if self.counts[status]},
            "resumed_after": self.resumed,
            "seconds": round(self.seconds, 3),
            "alleles_per_second": round(self.rate, 3),
        }
