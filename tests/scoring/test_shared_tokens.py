"""Saturated stretches with tokens that are kept from window to window, against windows convolved one by one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import enformer_vep as ev
from enformer_vep.genome.regions import Region
from enformer_vep.genome.sharing import LARGEST_GROUP
from enformer_vep.genome.stretches import Stretches, stretches_around, stretches_of, with_backgrounds
from enformer_vep.genome.variants import Variant
from enformer_vep.scoring.batches import make_batches, score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Engine, Precision, Refinement, SaturationSettings, Score, ScoreSettings
from tests.builders import make_fasta, random_sequence

LENGTH = 5000


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> ev.Genome:
    """With a gap, and ends within the windows of the stretches below."""
    text = random_sequence(np.random.default_rng(8), LENGTH)
    text = f"{text[:1205]}{'N' * 37}{text[1242:]}"
    return ev.Genome(make_fasta(tmp_path_factory.mktemp("tokens") / "genome.fa", {"chr1": text}))


def scorer_of(model: Path, engine: Engine, scores: tuple[Score, ...] = (Score.SAD, Score.REF)) -> Scorer:
    settings = ScoreSettings(
        scores, tracks="0,3", engine=engine, precision=Precision.FLOAT64, reverse_complement=True, shifts=(-43,),
        refinement=Refinement(share=0.1, sample=0.1), saturation=SaturationSettings(deletions=1),
    )  # fmt: skip
    return ev.open_scorer(str(model), settings, ev.ComputeSettings(device="cpu"))


def values_of(scorer: Scorer, genome: ev.Genome, stretches: Stretches, piece_size: int, first: int = 0) -> np.ndarray:
    variants = stretches.variants(genome, first)
    batches = score_variants(variants, Reference(genome, stretches=stretches), scorer, piece_size)
    return np.array([row.values for batch in batches for row in batch.rows])


@pytest.mark.parametrize("engine", [pytest.param(Engine.DELTA, marks=pytest.mark.slow), Engine.ADJOINT])
def test_values_are_those_of_whole_windows(small_model: Path, genome: ev.Genome, engine: Engine) -> None:
    """At both ends of a contig, beside a gap, and around an allele that moves what follows; pieces cut windows."""
    letters = genome.fetch("chr1", 0, LENGTH).decode()
    allele = Variant("chr1", 2501, ".", letters[2500:2503], "A")
    regions = [Region("chr1", 0, 2), Region("chr1", 1241, 1243), Region("chr1", LENGTH - 1, LENGTH)]
    parts = (*stretches_of(regions, genome), *stretches_around([allele], genome, 1))
    stretches, carrying = Stretches(parts, deletions=1), with_backgrounds(genome, parts)
    scorer = scorer_of(small_model, engine)
    assert scorer.shares_tokens
    got = values_of(scorer, carrying, stretches, piece_size=7)
    expected = values_of(replace(scorer, front=None), carrying, stretches, piece_size=7)
    assert len(got) == 54
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9 * np.abs(expected).max())
    # From a later piece on, with nothing kept, every byte is the same.
    rest = values_of(scorer_of(small_model, engine), carrying, stretches, piece_size=7, first=14)
    np.testing.assert_array_equal(got[-len(rest) :], rest)


def test_deletions_are_few_at_once_however_large_the_piece(small_model: Path, genome: ev.Genome) -> None:
    stretches = Stretches(stretches_of([Region("chr1", 2000, 2100)], genome), deletions=1)
    scorer = scorer_of(small_model, Engine.ADJOINT)
    variants = stretches.variants(genome)
    (batch,) = make_batches(variants, Reference(genome, stretches=stretches), scorer, piece_size=1000)
    sizes = [(len(indices), len(batch.placed[indices[0]].variant.reference)) for indices, _ in batch.portions]
    assert sizes == [(300, 1), (LARGEST_GROUP, 2), (100 - LARGEST_GROUP, 2)]
