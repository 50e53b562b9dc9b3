"""How true JS is in float32: its root is, to rounding of the prediction, and it is not to a share of itself.

JS is the square of a distance between two profiles' shapes: half the variance, over the bins in use, of what the
allele does to the logarithm of each. Rounding moves that distance by as much as it moves a logarithm, some 1e-7.
An indel that raises all bins in use by nearly the same share has a JS of 1e-10 and a distance of 1e-5, of which
that is a hundredth; in float64 nothing of the kind is seen.
"""

from pathlib import Path

import mpmath
import numpy as np
import numpy.typing as npt
import pytest
import torch

import enformer_vep as ev
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.scoring.scores import compute_scores
from enformer_vep.settings import Engine, Indels, Precision, Score, ScoreSettings
from tests.builders import make_fasta, random_sequence

Array = npt.NDArray[np.float64]

ROOT_ROUNDING = 1e-6
"""README names it. Seen: 3.7e-7 here, 1.4e-7 with the model `example`."""
LENGTHS = (1, 2, 3, 5, 10, 30)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sequence = random_sequence(np.random.default_rng(3), 20_000)
    return make_fasta(tmp_path_factory.mktemp("divergence") / "genome.fa", {"1": sequence})


@pytest.fixture(scope="module")
def indels(genome: Path) -> list[ev.Variant]:
    """Deletions and insertions by turns."""
    random, reader = np.random.default_rng(4), ev.Genome(genome)
    variants = []
    for number in range(40):
        start, length = int(random.integers(2000, 18_000)), int(random.choice(LENGTHS))
        longer = reader.fetch("1", start, start + 1 + length).decode()
        alleles = (longer, longer[0]) if number % 2 else (longer[0], longer[0] + random_sequence(random, length))
        variants.append(ev.Variant("1", start + 1, str(number), *alleles))
    return variants


@pytest.fixture(scope="module")
def substitutions(genome: Path) -> list[ev.Variant]:
    reader = ev.Genome(genome)
    letters = [(start, reader.fetch("1", start, start + 1).decode()) for start in range(2000, 18_000, 400)]
    return [ev.Variant("1", start + 1, ".", old, "G" if old == "T" else "T") for start, old in letters]


def divergences(
    model: Path, genome: Path, variants: list[ev.Variant], precision: Precision, **settings: object
) -> Array:
    """JS over three bins each, all over the window: [variants and bins, tracks]."""
    asked = ScoreSettings((Score.JS,), genes=ev.GeneSettings(3), precision=precision, **settings)  # type: ignore[arg-type]
    genes = GeneIndex(Gene(str(tss), "", "1", True, tss, (tss,), tss) for tss in range(0, 20_000, 150))
    scorer = ev.open_scorer(str(model), asked, ev.ComputeSettings(device="cpu"))
    table = ev.score(variants, genome, scorer, genes=genes)
    assert (table.STATUS == "ok").all()
    return table.filter(regex="^JS_").to_numpy(np.float64)


@pytest.mark.parametrize("side", list(Indels))
@pytest.mark.parametrize("engine", [Engine.DELTA, Engine.PAIR])
def test_an_indels_distance_is_true_to_rounding(
    small_model: Path, genome: Path, indels: list[ev.Variant], engine: Engine, side: Indels
) -> None:
    single, double = (
        divergences(small_model, genome, indels, precision, engine=engine, indels=side)
        for precision in (Precision.FLOAT32, Precision.FLOAT64)
    )
    assert double.min() < 1e-9, "none whose bins all change alike: the test says nothing"
    assert np.abs(np.sqrt(single) - np.sqrt(double)).max() < ROOT_ROUNDING


def test_a_substitutions_distance_is_truer(small_model: Path, genome: Path, substitutions: list[ev.Variant]) -> None:
    """The delta engine rounds its change, not the predictions."""
    single, double = (
        divergences(small_model, genome, substitutions, precision)
        for precision in (Precision.FLOAT32, Precision.FLOAT64)
    )
    assert np.abs(np.sqrt(single) - np.sqrt(double)).max() < ROOT_ROUNDING / 50


@pytest.mark.parametrize("spread", [1e-2, 1e-5, 1e-8])
def test_the_score_itself_loses_nothing(spread: float) -> None:
    """Changes that are nearly a constant share of the prediction, against 50 digits."""
    random = np.random.default_rng(5)
    reference = random.gamma(2.0, 3.0, 7)
    delta = reference * 1e-3 * (1 + spread * random.standard_normal(7))
    pseudocount = np.percentile(reference, 25)
    with mpmath.workdps(50):
        raised = [mpmath.mpf(r) + mpmath.mpf(pseudocount) for r in reference]
        moved = [r + mpmath.mpf(d) for r, d in zip(raised, delta, strict=True)]
        p, q = ([x / mpmath.fsum(some) for x in some] for some in (raised, moved))
        exact = mpmath.fsum((a - b) * mpmath.log(a / b) for a, b in zip(p, q, strict=True)) / 2
    tensors = (torch.from_numpy(values)[None, :, None] for values in (reference, delta))
    got = compute_scores(*tensors, [Score.JS]).item()
    assert got == pytest.approx(float(exact), rel=1e-6)
