"""Values left out because the views that they were averaged over do not agree on their sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration.additions import Addition, SpreadColumn, column_score
from enformer_vep.errors import UsageError
from enformer_vep.tables.row import MISSING, ValueBlock

Floats = npt.NDArray[np.float32]

# Of one track; a component is of all.
_JUDGED = (None, Addition.QUANTILE, Addition.ZSCORE)


@dataclass(frozen=True, slots=True, eq=False)
class Confidence:
    """Judges signed scores, and their quantiles and z-scores, by the agreement of views.

    Attributes:
        share: Least share of views that have the sign of a value.
        judged: int [n], columns among the values.
        judges: int [n], for each the column of its agreement.
    """

    share: float
    judged: npt.NDArray[np.intp]
    judges: npt.NDArray[np.intp]

    @classmethod
    def of(cls, share: float, columns: Sequence[ValueBlock], agreement: Sequence[ValueBlock]) -> Self:
        """Find what is judged, and by what.

        Args:
            share: Above 0, at most 1.
            columns: Of the values.
            agreement: The columns that judge; others among them are passed over.

        Raises:
            UsageError: No column is a signed score, or one has no agreement.
        """
        places = {name: place for place, name in enumerate(name for block in agreement for name in block.columns)}
        judged, judges, place = [], [], 0
        for block in columns:
            for label in block.labels:
                judge = agreement_column(block.score, label)
                if judge is not None:
                    if judge not in places:
                        raise UsageError(
                            f"--confident judges {block.score}_{label} by {judge}, which is not there: "
                            "score with --spread"
                        )
                    judged.append(place)
                    judges.append(places[judge])
                place += 1
        if not judged:
            raise UsageError("--confident goes by the sign of scores, and none of these columns has one: leave it out")
        return cls(share, np.array(judged), np.array(judges))

    def __call__(self, values: Floats, agreement: Floats) -> Floats:
        """Leave out what views do not agree on.

        Args:
            values: float32 [..., columns].
            agreement: float32 [..., columns of agreement].

        Returns:
            The values, `MISSING` where a smaller share of views than `share` has their sign.
        """
        result = values.copy()
        # As float32, which the agreement is: 9 of 10 views are a share of 0.9.
        doubtful = agreement[..., self.judges] < np.float32(self.share)
        result[..., self.judged] = np.where(doubtful, MISSING, values[..., self.judged])
        return result


def agreement_column(score: str, label: str) -> str | None:
    """The column that judges those of a score; None for columns that are not judged."""
    known = column_score(score)
    if known is None or not known.is_signed or known.addition not in _JUDGED:
        return None
    return f"{known.score}{SpreadColumn.AGREEMENT}_{label}"
