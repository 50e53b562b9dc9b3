"""How tests compare numbers and models."""

import numpy as np
import torch

from enformer_vep.models.checkpoints import LoadedModel

WINDOW = 3072
"""Base pairs that the golden model reads; its configuration does not say so."""
FLOAT32_NOISE = 5e-5
"""TensorFlow's own float32 noise against float64 is 1.5e-5 on the golden model."""


def relative_error(ours: torch.Tensor | np.ndarray, theirs: torch.Tensor | np.ndarray) -> float:
    """||ours - theirs|| / ||theirs||, in float64; of ours only the leading rows that theirs has."""
    left, right = (np.asarray(array, dtype=np.float64) for array in (ours, theirs))
    left = left[tuple(slice(length) for length in right.shape)]
    assert left.shape == right.shape
    assert np.isfinite(left).all()
    return float(np.linalg.norm(left - right) / np.linalg.norm(right))


def assert_same_model(left: LoadedModel, right: LoadedModel) -> None:
    ours, theirs = left.network.state_dict(), right.network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (left.sha256, left.config) == (right.sha256, right.config)
