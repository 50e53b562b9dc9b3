"""Correlations of many columns at once."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]


def pearson_columns(x: Array, y: Array) -> Array:
    """Pearson of column i of x with column i of y, over the rows where both are known."""
    return np.array([_pearson(a, b) for a, b in zip(x.T, y.T, strict=True)])


def spearman_columns(columns: Array, y: Array) -> Array:
    """Spearman of every column with one vector."""
    return standard_ranks(columns).T @ standard_ranks(y[:, None])[:, 0]


def spearman(x: Array, y: Array, given: Array | None = None) -> float:
    """Spearman of two vectors; the partial one where a third is given."""
    ranks = standard_ranks(np.stack([x, y] if given is None else [x, y, given], axis=1))
    matrix = ranks.T @ ranks
    if given is None:
        return float(matrix[0, 1])
    (_, xy, xz), (_, _, yz), _ = matrix
    scale = np.sqrt((1 - xz**2) * (1 - yz**2))
    return float((xy - xz * yz) / scale) if scale > 0 else 0.0


def standard_ranks(columns: Array) -> Array:
    """Ranks (ties share their mean) with mean 0 and length 1; 0 for a constant column."""
    ranks = pd.DataFrame(columns).rank().to_numpy(copy=True)
    ranks = ranks - ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    return ranks / np.where(length > 0, length, 1)


def _pearson(a: Array, b: Array) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known].astype(np.float64), b[known].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")
