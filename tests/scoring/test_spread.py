"""Spread over views: by hand, against numpy, and against runs of single views."""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torch.utils._python_dispatch import TorchDispatchMode

from enformer_vep.api import open_scorer
from enformer_vep.effects.effect import Effect
from enformer_vep.errors import UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.placing import Placed
from enformer_vep.genome.variants import Variant
from enformer_vep.models.checkpoints import LoadedModel, load_model
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Checked, Reference, check_variants
from enformer_vep.scoring.readout import read_out
from enformer_vep.scoring.spread import Spread
from enformer_vep.settings import Engine, GeneSettings, Indels, Precision, Score, ScoreSettings
from enformer_vep.tables.row import is_missing
from tests.builders import make_fasta, random_sequence
from tests.toys import CountingEngine, toy_scorer

Floats = npt.NDArray[np.float64]
SHIFTS = (-70, 0, 5)
SEQUENCE = random_sequence(np.random.default_rng(2), 6000)


def spread_of(views: Sequence[Sequence[float]]) -> Spread:
    """Of views [views, values], as scores [1, 1, values]."""
    first, *others = (torch.tensor(view, dtype=torch.float32)[None, None] for view in views)
    spread = Spread.of_first(first)
    for other in others:
        spread = spread.with_next(other)
    return spread


def scores(*values: float) -> torch.Tensor:
    return torch.tensor([[values]], dtype=torch.float32)


def test_by_hand() -> None:
    spread = spread_of([[1, -1, 0, 5], [2, 1, 0, 5], [3, -3, 0, 5]])
    assert spread.deviation.flatten().tolist() == [1, 2, 0, 0]
    assert spread.agreement(scores(2, -1, 0, 5)).flatten().tolist() == [1, pytest.approx(2 / 3), 1, 1]
    assert spread.agreement(scores(-2, 1, 1, 0)).flatten().tolist() == [0, pytest.approx(1 / 3), 0, 0]
    assert spread.agreement(scores(np.nan, 1, 1, 1)).isnan().flatten().tolist() == [True, False, False, False]
    # 1 - s^2 / (3 x^2): 1 - 1 / 12; 1 - 4 / 3 < 0.
    assert spread.shrunken(scores(2, -1, 0, 5)).flatten().tolist() == [pytest.approx(11 / 6), 0, 0, 5]


@given(
    st_numpy.arrays(np.float32, st.tuples(st.integers(2, 9), st.just(4)), elements=st.floats(-(2**60), 2**60, width=32))
)
def test_moments_are_numpys(views: npt.NDArray[np.float32]) -> None:
    exact = views.astype(np.float64)
    spread = spread_of(views.tolist())
    scale = np.abs(exact).max(initial=0)
    np.testing.assert_allclose(spread.deviation[0, 0], exact.std(axis=0, ddof=1), rtol=1e-9, atol=1e-14 * scale)
    np.testing.assert_allclose(spread.mean[0, 0], exact.mean(axis=0), rtol=1e-9, atol=1e-14 * scale)


def test_a_small_spread_of_large_scores_is_not_lost() -> None:
    """REF of a CAGE track may be 1e7 and differ by single units: a sum of squares less another would say anything."""
    views = [[16_777_000.0 + offset] for offset in (0, 1, 2) * 300]
    assert spread_of(views).deviation.item() == pytest.approx(np.std([0, 1, 2] * 300, ddof=1), rel=1e-9)


@given(st.lists(st.floats(-(2**40), 2**40, width=32), min_size=2, max_size=2))
def test_two_views_shrink_to_their_harmonic_mean(views: list[float]) -> None:
    one, two = views
    mean = (one + two) / 2
    shrunken = spread_of([[one], [two]]).shrunken(torch.tensor([[[mean]]], dtype=torch.float64)).item()
    expected = 2 / (1 / one + 1 / two) if one * two > 0 else 0
    assert shrunken == pytest.approx(expected, rel=1e-6, abs=1e-12 * abs(mean))


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=6),
    st.floats(-1e6, 1e6, width=32),
)
def test_shrinking_turns_no_sign_and_enlarges_nothing(views: list[float], reported: float) -> None:
    shrunken = spread_of([[view] for view in views]).shrunken(scores(reported)).item()
    assert abs(shrunken) <= abs(reported)
    assert shrunken * reported >= 0
    assert spread_of([[reported]] * 2).shrunken(scores(reported)).item() == reported


def test_shrinking_comes_nearer_to_sparse_effects() -> None:
    """One effect in ten, views around it with noise of its size: what a mean of five views says, and shrunken."""
    random = np.random.default_rng(4)
    truth = 3 * random.normal(size=4000) * (random.random(4000) < 0.1)
    views = truth + random.normal(size=(5, 4000))
    mean = torch.tensor(views.mean(axis=0))[None, None]
    shrunken = spread_of(views.tolist()).shrunken(mean)[0, 0].numpy()
    raw, better = ((found - truth) ** 2 for found in (views.mean(axis=0), shrunken))
    assert better.mean() < 0.8 * raw.mean()


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    return Genome(make_fasta(tmp_path_factory.mktemp("spread") / "genome.fa", {"chr1": SEQUENCE}))


@pytest.fixture(scope="module")
def model(small_model: Path) -> LoadedModel:
    return load_model(str(small_model))


def variants() -> list[Variant]:
    """A substitution of one base and of three, an insertion and a deletion, each the record of its number."""
    pairs = [(3000, 1, "ACGT"[("ACGT".index(SEQUENCE[2999]) + 1) % 4]), (3010, 3, "TTT"), (3100, 1, "GATTACA")]
    pairs.append((3050, 9, SEQUENCE[3049]))
    return [
        Variant("chr1", position, ".", SEQUENCE[position - 1 : position - 1 + length], other, record)
        for record, (position, length, other) in enumerate(pairs)
    ]


GENES = [
    Gene("ENSA", "A", "chr1", True, 3030, (3030,), 3030),
    Gene("ENSB", "B", "chr1", False, 2950, (2700, 2950), 2950),
]


def settings_for(**more: Any) -> ScoreSettings:
    base = {"scores": tuple(Score), "precision": Precision.FLOAT64, "reverse_complement": True, "shifts": SHIFTS}
    return ScoreSettings(**{**base, **more})


def single_views(model: LoadedModel, settings: ScoreSettings, checked: Sequence[Checked], genome: Genome) -> Floats:
    """Scores [views, rows, columns] of single views, each from runs that know of no other.

    No run reads the reverse strand alone: it is twice the mean of both less the forward one.
    """
    placed = [one for allele in checked for one in allele.placed]
    rows: list[torch.Tensor] = []
    for shift in settings.shifts:
        alone = replace(settings, shifts=(shift,), reverse_complement=False, spread=False)
        forward, both = (
            made.effect(made.prepare(placed, genome))
            for made in (open_scorer(model, one) for one in (alone, replace(alone, reverse_complement=True)))
        )
        reverse = Effect(2 * both.reference - forward.reference, 2 * both.delta - forward.delta)
        readouts = [one.readouts for one in placed]
        rows += (read_out(view, readouts, settings.scores).flatten(1) for view in (forward, reverse))
    return torch.stack(rows).double().numpy()


CASES: dict[str, dict[str, Any]] = {
    "pair engine, stitched": {"centre_bins": 4, "engine": Engine.PAIR, "indels": Indels.STITCH},
    "delta engine, stitched": {"centre_bins": 4, "engine": Engine.DELTA, "indels": Indels.STITCH},
    "genes": {"genes": GeneSettings(tss_bins=1), "shifts": (0, 5)},
    "groups": {"centre_bins": 4, "groups": True},
}


@pytest.mark.parametrize("case", CASES)
def test_columns_are_those_of_single_views(model: LoadedModel, genome: Genome, case: str, tmp_path: Path) -> None:
    asked = dict(CASES[case])
    if asked.get("groups"):
        (tmp_path / "groups.tsv").write_text("track\tgroup\nTRACK0\tone\nTRACK1\tone\nTRACK2\ttwo\n")
        asked["groups"] = str(tmp_path / "groups.tsv")
    settings = settings_for(**asked)
    reference = Reference(genome, GeneIndex(GENES) if settings.genes else None)
    scorer = open_scorer(model, replace(settings, spread=True))
    plain = rows_of(variants(), reference, open_scorer(model, settings))
    values = rows_of(variants(), reference, scorer)
    count = plain.shape[1]
    np.testing.assert_array_equal(values[:, :count], plain)
    checked = list(check_variants(variants(), reference, scorer.geometry, settings))
    views = single_views(model, settings, checked, genome)
    assert views.shape == (2 * len(settings.shifts), *plain.shape)
    scale = np.abs(views).max(axis=0)
    deviation, agreement = values[:, count : 2 * count], values[:, 2 * count :]
    np.testing.assert_allclose(deviation, views.std(axis=0, ddof=1), rtol=1e-5, atol=1e-6 * scale.max())
    width = count // len(settings.scores)
    signed = [number for number in range(count) if settings.scores[number // width].is_signed]
    share = (np.sign(views) == np.sign(plain)).mean(axis=0)[:, signed]
    assert np.unique(share).size > 1
    np.testing.assert_array_equal(agreement, share.astype(np.float32))


def test_shared_windows_and_whole_runs_of_single_views(model: LoadedModel, genome: Genome) -> None:
    """SAD is linear, so a run over the reverse strand alone would say twice the mean of both less the forward one."""
    settings, reference = settings_for(scores=(Score.SAD,), share_windows=300, centre_bins=2), Reference(genome)
    views = []
    for shift in SHIFTS:
        alone = replace(settings, shifts=(shift,))
        both, forward = (
            rows_of(variants(), reference, open_scorer(model, one)).astype(np.float64)
            for one in (alone, replace(alone, reverse_complement=False))
        )
        views += [forward, 2 * both - forward]
    values = rows_of(variants(), reference, open_scorer(model, replace(settings, spread=True)))
    sad, deviation, agreement = np.split(values, 3, axis=1)
    scale = np.abs(views).max()
    np.testing.assert_allclose(sad, np.mean(views, axis=0), rtol=1e-5, atol=1e-6 * scale)
    np.testing.assert_allclose(deviation, np.std(views, axis=0, ddof=1), rtol=1e-5, atol=1e-6 * scale)
    np.testing.assert_array_equal(agreement, (np.sign(views) == np.sign(sad)).mean(axis=0).astype(np.float32))


def rows_of(alleles: Sequence[Variant], reference: Reference, scorer: Any) -> npt.NDArray[np.float32]:
    """The values of all rows, each of which is scored."""
    rows = [row.values for batch in score_variants(alleles, reference, scorer) for row in batch.rows]
    assert all(values is not None for values in rows)
    return np.stack([values for values in rows if values is not None])


def test_shrunken_and_confident_scores(model: LoadedModel, genome: Genome) -> None:
    reference, settings = Reference(genome), settings_for(scores=(Score.SAD, Score.D1), precision=Precision.FLOAT32)
    full, shrunken, confident = (
        rows_of(variants(), reference, open_scorer(model, replace(settings, **asked)))
        for asked in ({"spread": True}, {"shrink": True}, {"confident": 0.9})
    )
    sad, d1, deviation, _, agreement = np.split(full.astype(np.float64), 5, axis=1)
    expected = sad * np.maximum(0, 1 - deviation**2 / (6 * sad**2))
    assert 0 < (expected == 0).mean() < 1
    np.testing.assert_allclose(shrunken[:, :5], expected, rtol=1e-3, atol=1e-6 * np.abs(sad).max())
    np.testing.assert_array_equal(shrunken[:, 5:], d1)
    np.testing.assert_array_equal(is_missing(confident[:, :5]), agreement < 0.9)
    kept = agreement >= 0.9
    assert kept.any()
    assert not kept.all()
    np.testing.assert_array_equal(confident[:, :5][kept], sad[kept])
    np.testing.assert_array_equal(confident[:, 5:], d1)


def test_no_more_than_a_few_views_are_held(model: LoadedModel, genome: Genome) -> None:
    """All are shown; when one is, those before the last are gone."""
    settings = settings_for(scores=(Score.SAD,), precision=Precision.FLOAT32, shifts=(-2, -1, 0, 1, 2))
    scorer = open_scorer(model, settings)
    checked = list(check_variants(variants(), Reference(genome), scorer.geometry, settings))
    work = scorer.prepare([one for allele in checked for one in allele.placed], genome)
    seen: list[weakref.ref[torch.Tensor]] = []
    alive = []

    def watch(view: Effect) -> None:
        seen.append(weakref.ref(view.delta))
        alive.append(sum(one() is not None for one in seen))

    scorer.predictor.effect(work.batches, None, watch)
    assert len(seen) == 10
    assert max(alive) <= 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"spread": True}, "--spread compares views, and there is only one: add --rc"),
        ({"confident": 0.9}, "--confident compares views"),
        ({"shrink": True, "shifts": (5,)}, "--shrink compares views"),
        ({"confident": 0.0, "reverse_complement": True}, "--confident 0: a share"),
        ({"confident": 1.5, "reverse_complement": True}, "--confident 1.5: a share"),
        ({"confident": float("nan"), "reverse_complement": True}, "--confident nan: a share"),
        ({"confident": 0.5, "reverse_complement": True, "scores": (Score.D1,)}, "none here has one"),
        ({"shrink": True, "reverse_complement": True, "scores": (Score.D1, Score.REF)}, "none here has one"),
    ],
)
def test_what_cannot_be_compared_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ScoreSettings(**asked)


class Waits(TorchDispatchMode):
    """Counts operations whose result decides what the CPU does next: on a GPU each waits for all before it."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique", "item")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += any(name in str(function) for name in self.NAMES)
        return function(*args, **(kwargs or {}))


def test_looking_at_views_makes_nobody_wait(genome: Genome) -> None:
    settings = ScoreSettings(scores=tuple(Score), reverse_complement=True, indels=Indels.STITCH)
    counts = []
    for asked in ({}, {"spread": True, "shrink": True, "confident": 0.9}):
        scorer = toy_scorer(CountingEngine(), Geometry(64, 0, 4, 16), replace(settings, **asked), 4)
        work = scorer.prepare([Placed(variant) for variant in variants()], genome)
        with Waits() as waits:
            scorer.submit(work)
        counts.append(waits.count)
    assert counts == [0, 0]
