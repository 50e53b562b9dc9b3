"""The comparison with published outputs, on stand-ins for a model."""

from collections.abc import Callable

import numpy as np
import pytest

import enformer_vep as ev
from enformer_vep.genome.encoding import encode
from enformer_vep.verification.check import Check, Verdict
from enformer_vep.verification.published import (
    BEFORE,
    PUBLISHED_WINDOW,
    PublishedVariant,
    compare_published,
    read_published,
)

Predict = Callable[[PublishedVariant], np.ndarray]


def compare(predict: Predict, count: int | None = None) -> list[Check]:
    return list(compare_published(read_published(count), predict))


def test_what_is_shipped() -> None:
    variants = read_published()
    assert len(variants) == 24
    for one in variants:
        assert one.reference.shape == one.alternate.shape == (PUBLISHED_WINDOW,)
        assert (one.reference != one.alternate).nonzero()[0].tolist() == [BEFORE]
        assert one.reference.max() == 3
        assert one.expected.shape == (2, 2)
    assert len(read_published(4)) == 4


def test_the_sequence_is_that_of_the_genome(shared_directory) -> None:
    path = shared_directory / "data" / "genome" / "hg38.subset.fa.gz"
    if not path.exists():
        pytest.skip("no GRCh38 here")
    genome = ev.Genome(path)
    for one in read_published(3):
        start = one.position - 1 - BEFORE
        expected = encode(genome.fetch("chr19", start, start + PUBLISHED_WINDOW))
        np.testing.assert_array_equal(one.reference, expected)


def noisy(seed: int, relative: float) -> Predict:
    """The published numbers, as another assembly's sequence would move them."""
    generator = np.random.default_rng(seed)

    def predict(variant: PublishedVariant) -> np.ndarray:
        reference = variant.expected[:, 0] * (1 + relative * generator.standard_normal(2))
        effect = (variant.expected[:, 1] - variant.expected[:, 0]) * (1 + 5 * relative * generator.standard_normal(2))
        return np.stack([reference, reference + effect], axis=1)

    return predict


@pytest.mark.parametrize("count", [None, 4])
def test_the_published_numbers_pass(count: int | None) -> None:
    checks = compare(noisy(1, 0.01), count)
    assert [one.verdict for one in checks] == [Verdict.PASSED] * 4
    assert {one.meaning for one in checks} == {""}


def random(variant: PublishedVariant) -> np.ndarray:
    return np.random.default_rng(int(variant.expected.sum() * 1e6)).random((2, 2))


@pytest.mark.parametrize(
    ("predict", "failures", "meaning"),
    [
        (lambda one: one.expected[::-1], 4, "strands are swapped"),
        (lambda one: np.stack([one.expected[0], one.expected[0]]), 2, "one strand is right"),
        (lambda one: np.log2(1 + one.expected), 2, "scale"),
        (lambda one: 3 * one.expected, 4, "scale"),
        (random, 4, "not the published model"),
        (noisy(2, 0.3), 3, "near, not the same"),
        (lambda one: np.full((2, 2), 0.5), 4, "not the published model"),
    ],
)
def test_what_a_failure_means(predict: Predict, failures: int, meaning: str) -> None:
    checks = compare(predict)
    bad = [one for one in checks if one.verdict is Verdict.FAILED]
    assert len(bad) >= failures
    assert any(meaning in one.meaning for one in bad)
    assert all(one.line().count("\t") == 3 for one in bad)
