"""Means of maps that overlap, against sums over a whole contig."""

import numpy as np
import pytest

from enformer_vep.explain.overlapping_maps import OverlappingMaps, symmetrised
from enformer_vep.tables.cool import Pixels


def dense(parts: list[Pixels], contig: str, bins: int) -> np.ndarray:
    result = np.full((bins, bins), np.nan)
    for part in parts:
        if part.contig == contig:
            result[part.first, part.second] = part.values
    return result


def test_the_symmetric_part() -> None:
    assert symmetrised(np.array([[1, 2], [4, 8]], np.float32)).tolist() == [[1, 3], [3, 8]]


@pytest.mark.parametrize("seed", range(4))
def test_means_where_maps_overlap(seed: int) -> None:
    random = np.random.default_rng(seed)
    overlapping, parts = OverlappingMaps(6), []
    expected = {}
    for contig in ("chr2", "chr1"):
        sums, counts = np.zeros((40, 40)), np.zeros((40, 40))
        # Some are cut at the contig's start or end; some lie far from the one before, or on the same bins.
        for first in sorted(random.choice([0, 0, 1, 3, 4, 9, 20, 26, 34], 7).tolist()):
            size = 6 if first else 4
            values = symmetrised(random.random((size, size)).astype(np.float32))
            sums[first : first + size, first : first + size] += values
            counts[first : first + size, first : first + size] += 1
            parts += overlapping.add(contig, first, values)
        with np.errstate(invalid="ignore"):
            expected[contig] = np.triu(sums / counts)
        expected[contig][(counts == 0) | (np.tri(40, k=-1) > 0)] = np.nan
    parts += overlapping.finish()
    for contig, means in expected.items():
        np.testing.assert_allclose(dense(parts, contig, 40), means, rtol=1e-6)
        pairs = [pair for part in parts if part.contig == contig for pair in zip(part.first, part.second, strict=True)]
        assert pairs == sorted(set(pairs))
