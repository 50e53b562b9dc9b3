#!/usr/bin/env python3
"""How often the tests of `enformer-vep boundaries` reject, with and without boundaries that are planted.

    python benchmarks/boundary_power.py > benchmarks/results/boundary_power.tsv

Rows `windows`: maps of 16 tokens whose attention decays with distance, with gamma noise of shape 2, half of them with
`effect` of the attention across the middle taken away; insulation is read as the command reads it, and `size` windows
of either kind are compared (Mann-Whitney). Independent windows, so the turning of labels does not apply.

Rows `contig`: a profile of 1,000 points (mean 0, standard deviation 1) in which the correlation of points falls to
1/e over `size` points (0: independent), and 60 boundaries in 15 clusters of four, four points apart, at which the
profile is higher by `effect`. The labels are compared by Mann-Whitney, which takes points to be independent, and by
turning them around the contig.

`mann_whitney` and `turned` are the shares of simulations with P < 0.05; `standard_error` is that of 5 %.
"""

import argparse

import numpy as np
import numpy.typing as npt

from enformer_vep.explain.boundary_statistics import mann_whitney, shift_test
from enformer_vep.explain.insulation import Reading, measure

Floats = npt.NDArray[np.float64]

TOKENS, READING = 16, Reading(arm=6, keys=1)
POINTS, CLUSTERS, MEMBERS, STEP = 1_000, 15, 4, 4
LEVEL = 0.05
AT_ONCE = 20_000


def insulation(count: int, effect: float, random: np.random.Generator) -> Floats:
    """Of maps that are made: [count]."""
    places = np.arange(TOKENS)
    expected = np.exp(-np.abs(places[:, None] - places) / 4)
    sides = places >= TOKENS // 2
    expected[sides[:, None] != sides] *= 1 - effect
    found = []
    for start in range(0, count, AT_ONCE):
        maps = expected * random.gamma(2.0, size=(min(AT_ONCE, count - start), TOKENS, TOKENS))
        maps /= maps.sum(axis=-1, keepdims=True)
        found.append(measure(maps, [TOKENS // 2], READING)[:, 1, 0])
    return np.concatenate(found)


def windows(size: int, effect: float, simulations: int, random: np.random.Generator) -> float:
    """Share that the Mann-Whitney test rejects."""
    first, second = (insulation(simulations * size, one, random).reshape(simulations, size) for one in (effect, 0.0))
    return float(np.mean(mann_whitney(first, second).p < LEVEL))


def profiles(length: float, simulations: int, random: np.random.Generator) -> Floats:
    """Noise on a circle whose correlation falls exponentially: [simulations, POINTS]."""
    noise = random.normal(size=(simulations, POINTS))
    if not length:
        return noise
    distances = np.minimum(np.arange(POINTS), POINTS - np.arange(POINTS))
    spectrum = np.maximum(np.fft.rfft(np.exp(-distances / length)).real, 0)
    return np.fft.irfft(np.fft.rfft(noise, axis=-1) * np.sqrt(spectrum), n=POINTS, axis=-1)


def clusters(random: np.random.Generator) -> npt.NDArray[np.int64]:
    """How many boundaries lie at each point: 0 or 1."""
    labels = np.zeros(POINTS, dtype=np.int64)
    free = np.arange(0, POINTS, STEP * (MEMBERS + 1))
    for start in random.choice(free, CLUSTERS, replace=False):
        labels[start : start + STEP * MEMBERS : STEP] = 1
    return labels


def contig(length: float, effect: float, simulations: int, random: np.random.Generator) -> tuple[float, float]:
    """Shares that the Mann-Whitney test and the turning of labels reject."""
    rejected = np.zeros(2)
    for profile in profiles(length, simulations, random):
        labels = clusters(random)
        values = (profile + effect * labels)[None]
        plain = mann_whitney(values[:, labels > 0], values[:, labels == 0]).p[0]
        rejected += np.array([plain, shift_test(values, labels, [POINTS]).p[0]]) < LEVEL
    return tuple(rejected / simulations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print("# benchmarks/boundary_power.py; see its first lines for the columns")
    print(f"# {options.simulations} simulations each; seed {options.seed}")
    print("rows\tsize\teffect\tmann_whitney\tturned\tstandard_error")
    error = f"{np.sqrt(LEVEL * (1 - LEVEL) / options.simulations):.4f}"
    for size in (10, 30, 100):
        for effect in (0.0, 0.02, 0.05, 0.1, 0.2):
            print(f"windows\t{size}\t{effect}\t{windows(size, effect, options.simulations, random):.3f}\t\t{error}")
    for length in (0, 4, 16, 64):
        for effect in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
            plain, turned = contig(length, effect, options.simulations, random)
            print(f"contig\t{length}\t{effect}\t{plain:.3f}\t{turned:.3f}\t{error}", flush=True)


if __name__ == "__main__":
    main()
