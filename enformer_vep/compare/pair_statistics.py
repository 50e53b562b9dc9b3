"""How far two columns of numbers agree."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is said of two columns.

    Attributes:
        rows: Rows in which both have a finite number; the rest is about these.
        pearson: Correlation; NaN where one column is constant.
        spearman: Correlation of ranks, ties with the mean of theirs; likewise.
        same_sign: Share of the rows in which both signs are the same, of those where neither number is 0; NaN where
            there are none, or signs say nothing.
    """

    rows: int
    pearson: float
    spearman: float
    same_sign: float


def agreement(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], *, has_signs: bool = True) -> Agreement:
    """Compare two columns, float32 [rows]; `has_signs` tells whether signs mean something."""
    known = np.isfinite(first) & np.isfinite(second)
    one, other = first[known].astype(np.float64), second[known].astype(np.float64)
    signed = (one != 0) & (other != 0)
    same = np.sign(one[signed]) == np.sign(other[signed])
    return Agreement(
        rows=int(known.sum()),
        pearson=pearson(one, other),
        spearman=pearson(_ranks(one), _ranks(other)),
        same_sign=float(same.mean()) if has_signs and len(same) else np.nan,
    )


def pearson(first: Doubles, second: Doubles) -> float:
    """Pearson's correlation of float64 [rows]; NaN where one of them is constant, as with fewer than two rows."""
    if not len(first) or np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    # On a scale of their own, so that squares of small numbers do not vanish.
    one, other = ((values - values.mean()) / np.ptp(values) for values in (first, second))
    return float(np.clip(one @ other / np.sqrt((one @ one) * (other @ other)), -1, 1))


def disagreement(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> Doubles:
    """How far the rows of two columns lie apart: first / rms(first) - second / rms(second).

    In units of each column's root mean square over the rows that both have, so that columns of different units
    compare, and small effects count for little.

    Returns:
        float64 [rows]; NaN where a number is missing, or not finite.
    """
    known = np.isfinite(first) & np.isfinite(second)
    apart = np.full(len(first), np.nan)
    one, other = _scaled(first[known]), _scaled(second[known])
    apart[known] = one - other
    return apart


def _scaled(values: npt.NDArray[np.float32]) -> Doubles:
    """In units of their root mean square; as they are where all are 0."""
    exact = values.astype(np.float64)
    size = np.sqrt(np.mean(exact**2)) if len(exact) else 0.0
    return exact / size if size else exact


def _ranks(values: Doubles) -> Doubles:
    ranks: Doubles = np.asarray(pd.Series(values).rank(), np.float64)
    return ranks
