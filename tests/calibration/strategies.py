"""Columns of scores as backgrounds have them: ties, zeros, constants, tiny values, heavy tails, sorted runs."""

import numpy as np
from hypothesis import strategies as st

KINDS = ("normal", "heavy", "tied", "zeros", "constant", "tiny", "ascending", "descending", "one-sided")


def column(kind: str, length: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    normal = random.standard_normal(length)
    values = {
        "normal": lambda: normal,
        "heavy": lambda: random.standard_cauchy(length),
        "tied": lambda: random.integers(-3, 4, length),
        "zeros": lambda: np.where(random.random(length) < 0.7, 0, normal),
        "constant": lambda: np.full(length, 0.25),
        "tiny": lambda: normal * 1e-12,
        "ascending": lambda: np.sort(normal),
        "descending": lambda: -np.sort(normal),
        "one-sided": lambda: random.exponential(size=length),
    }[kind]()
    return np.asarray(values, dtype=np.float32)


def matrix(length: int, seed: int) -> np.ndarray:
    """float32 [length, one column of each kind]."""
    return np.stack([column(kind, length, seed) for kind in KINDS], axis=1)


seeds = st.integers(0, 2**32 - 1)
