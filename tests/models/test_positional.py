from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.models.enformer.positional import positional_features

EXPONENTIAL, MASK, GAMMA = range(3)


def load_tables(source: str, request: pytest.FixtureRequest) -> Mapping[str, np.ndarray]:
    if source == "excerpt":
        directory: Path = request.getfixturevalue("data_directory")
        return np.load(directory / "golden_positional.npz")
    return np.load(request.getfixturevalue("shared_directory") / "golden" / "positional.npz")


def families(table: np.ndarray) -> list[np.ndarray]:
    """Splits the columns into exponential, central mask and gamma, each with its signed half."""
    third = table.shape[1] // 6
    return [
        np.concatenate([table[:, i * third :][:, :third], table[:, (3 + i) * third :][:, :third]]) for i in range(3)
    ]


@pytest.mark.parametrize("source", ["excerpt", "complete"])
def test_tables_of_tensorflow(source: str, request: pytest.FixtureRequest) -> None:
    """The tolerances are how far TensorFlow's eager, graph and XLA tables differ from each other."""
    tables = load_tables(source, request)
    names = [name for name in tables if name.startswith("T")]
    assert {"T1536_F192", "T24_F24", "T8_F24", "T64_F48", "T1024_F192"} <= set(names)
    for name in names:
        tokens, count = (int(part[1:]) for part in name.split("_")[:2])
        ours = positional_features(tokens, count).numpy()
        rows = tables[f"rows/{name}"] if f"rows/{name}" in tables else slice(None)
        difference = [np.abs(family) for family in families(ours[rows] - tables[name])]
        assert difference[EXPONENTIAL].max() < 1e-6, name
        assert difference[MASK].max() == 0, name
        assert difference[GAMMA].max() < 3e-3, name
        assert difference[GAMMA].mean() < 2e-5, name


def test_gamma_peaks_at_one_over_positions() -> None:
    """enformer-pytorch divides over features instead."""
    gamma = positional_features(1536, 192)[:, 64:96]
    np.testing.assert_allclose(gamma.amax(dim=0).numpy(), 1.0)
    assert gamma[1535 + 48].argmax() == 0  # the first mean is 1536 / 32 tokens


def test_second_half_is_the_first_with_the_sign_of_the_distance() -> None:
    table = positional_features(8, 24)
    sign = np.sign(np.arange(-7, 8))[:, None]
    np.testing.assert_array_equal(table[:, 12:].numpy(), sign * table[:, :12].numpy())
