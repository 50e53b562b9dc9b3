"""Correlations of many columns at once, and how likely they are by chance."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]

PERMUTATIONS = 10_000
_PORTION = 500


def pearson_columns(x: Array, y: Array) -> Array:
    """Pearson of column i of x with column i of y, over the rows where both are known."""
    return np.array([_pearson(a, b) for a, b in zip(x.T, y.T, strict=True)])


def spearman_columns(columns: Array, y: Array) -> Array:
    """Spearman of every column with one vector."""
    return standard_ranks(columns).T @ standard_ranks(y[:, None])[:, 0]


def standard_ranks(columns: Array) -> Array:
    """Ranks (ties share their mean) with mean 0 and length 1; 0 for a constant column."""
    ranks = pd.DataFrame(columns).rank().to_numpy(copy=True)
    ranks = ranks - ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    return ranks / np.where(length > 0, length, 1)


def permutation_p(columns: Array, y: Array, seed: int = 0) -> float:
    """Chance that the largest Spearman of any column with a permuted y reaches the largest that was seen.

    One-sided; (1 + number of such permutations) / (1 + number of permutations). Taking the largest in every
    permutation pays for having chosen the best of several columns.
    """
    x, observed = standard_ranks(columns), standard_ranks(y[:, None])[:, 0]
    best = (x.T @ observed).max()
    generator = np.random.default_rng(seed)
    reached = 0
    for _ in range(0, PERMUTATIONS, _PORTION):
        permuted = generator.permuted(np.tile(observed, (_PORTION, 1)), axis=1)
        reached += int(((permuted @ x).max(axis=1) >= best).sum())
    return (1 + reached) / (1 + PERMUTATIONS)


def _pearson(a: Array, b: Array) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known].astype(np.float64), b[known].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")
