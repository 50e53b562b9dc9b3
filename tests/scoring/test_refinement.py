"""What screening hands on, and the statistics of how good it was."""

import numpy as np
import pandas as pd
import pytest

from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.refinement import (
    Comparison,
    agreement,
    agreement_in_words,
    choose,
    is_sampled,
    missed_share,
    spearman,
    upper_bound,
)
from enformer_vep.settings import AUTOMATIC_REFINEMENT, Refinement


def test_the_largest_by_each_output_are_chosen() -> None:
    magnitudes = np.array([[5, 0], [4, 1], [3, 2], [2, 9], [1, 8]], dtype=np.float32)
    assert choose(magnitudes, Refinement(count=1, share=None)).tolist() == [True, False, False, True, False]
    assert choose(magnitudes, Refinement(share=0.4)).tolist() == [True, True, False, True, True]
    assert choose(magnitudes, Refinement(share=0.01)).tolist() == [True, False, False, True, False]
    assert choose(magnitudes, AUTOMATIC_REFINEMENT).tolist() == [True, True, True, True, True]
    assert choose(magnitudes, Refinement(count=99, share=None)).all()
    assert not choose(magnitudes, Refinement(count=0, share=None)).any()


def test_the_sample_is_the_same_in_every_run_and_as_large_as_asked() -> None:
    variants = [Variant("chr1", position, ".", "A", "C") for position in range(1, 20_001)]
    flags = [is_sampled(variant, 0.05) for variant in variants]
    assert flags == [is_sampled(variant, 0.05) for variant in variants]
    assert abs(sum(flags) - 1000) < 4 * np.sqrt(950)
    assert not any(is_sampled(variant, 0) for variant in variants[:100])
    assert all(is_sampled(variant, 1) for variant in variants[:100])


def test_spearman_is_pandas_s() -> None:
    left, right = np.random.default_rng(1).integers(0, 9, (2, 60)).astype(np.float32)
    assert spearman(left, right) == pytest.approx(pd.Series(left).rank().corr(pd.Series(right).rank()))
    assert spearman(left[:2], right[:2]) is None
    assert spearman(np.ones(5, dtype=np.float32), right[:5]) is None


# Clopper and Pearson (1934); for no success the bound is 1 - 0.05^(1/n), for all but one 0.95^(1/n).
@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [(0, 10, 0.258866), (0, 300, 0.009936), (9, 10, 0.994884), (10, 10, 1.0), (3, 20, 0.343664)],
)
def test_upper_bound(successes: int, trials: int, expected: float) -> None:
    assert upper_bound(successes, trials) == pytest.approx(expected, abs=1e-5)


def test_the_bound_on_what_was_missed_holds() -> None:
    """Screens of every quality: the bound is exceeded in at most about 5 % of runs."""
    draw, exceeded, runs = np.random.default_rng(2), 0, 300
    for _ in range(runs):
        exact = np.abs(draw.standard_normal(2000)).astype(np.float32)
        screened = exact + draw.uniform(0, 1.5) * draw.standard_normal(2000).astype(np.float32)
        chosen = choose(np.abs(screened)[:, None], Refinement(share=0.02))
        known = chosen | (draw.random(2000) < 0.1)
        bound = missed_share(exact[known], ~chosen[known], 2000)
        assert bound is not None
        top = exact >= np.sort(exact)[-20]
        exceeded += (top & ~known).sum() / 20 > bound
    assert exceeded <= 0.08 * runs


def test_what_is_not_known_is_not_claimed() -> None:
    names = ("SAD_1",)
    exact = np.array([[3.0], [2.0]], dtype=np.float32)
    chosen = Comparison(exact, exact, np.array([True, True]), np.array([False, False]), 200, names)
    report = agreement([chosen])
    assert report["outputs"] == {"SAD_1": {"spearman": None, "same_sign": None, "missed_top_at_most": None}}
    assert "not known" in agreement_in_words(report)
    assert agreement([]) == {}
    everything = Comparison(exact, exact, np.array([True, False]), np.array([False, True]), 2, names)
    assert agreement([everything])["outputs"]["SAD_1"]["missed_top_at_most"] == 0  # type: ignore[index]
