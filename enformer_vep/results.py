"""The one result type that travels from the pipeline to every output format."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enformer_vep.genome.variants import Status, Variant


@dataclass(frozen=True, slots=True)
class ScoredVariant:
    """One output row.

    Attributes:
        variant: The ALT allele that came in.
        status: `Status.OK`, or the reason why there are no values.
        values: float32 [columns], in the order of the run's columns; None unless the status is OK.
    """

    variant: Variant
    status: Status
    values: npt.NDArray[np.float32] | None
