"""`--window-grid` through the pipeline: the rows of full passes over the same windows, whatever came before."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import enformer_vep as ev
from enformer_vep.errors import UsageError
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.grid import WindowGrid
from enformer_vep.genome.variants import Variant
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Centre, Engine, GeneSettings, Indels, Precision, Score, ScoreSettings
from enformer_vep.tables.row import ScoredVariant
from tests.builders import make_fasta, random_sequence

WINDOW, WIDTH = 2048, 128
CONTIGS = {"chr1": 6000, "short": 700}
GENES = GeneIndex([Gene(f"ENS{tss}", "G", "chr1", tss % 2 == 0, tss, (tss,), tss) for tss in (300, 1500, 2901, 5950)])


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    generator = np.random.default_rng(3)
    contigs = {name: random_sequence(generator, length) for name, length in CONTIGS.items()}
    contigs["chr1"] = contigs["chr1"][:2500] + "N" * 200 + contigs["chr1"][2700:]
    return Genome(make_fasta(tmp_path_factory.mktemp("grid") / "genome.fa", contigs))


@pytest.fixture(scope="module")
def model(small_model: Path) -> LoadedModel:
    return ev.load_model(small_model)


@pytest.fixture(scope="module")
def variants(genome: Genome) -> list[Variant]:
    """Sorted: SNVs, MNVs and indels, at both ends of contigs, beside N, and many in one window."""
    places = [1, 2, 60, 300, 301, 302, 1700, 1701, 2499, 2501, 2705, 4000, 4040, 5800, 5999, 6000]
    alleles = [*(("chr1", place) for place in places), ("short", 1), ("short", 350), ("short", 700)]
    return [allele(genome, contig, place, number) for number, (contig, place) in enumerate(alleles)]


def allele(genome: Genome, contig: str, position: int, number: int) -> Variant:
    kind = number % 8 if position + 5 <= CONTIGS[contig] else 0
    reference = genome.fetch(contig, position - 1, position - 1 + {3: 3, 4: 2, 7: 5}.get(kind, 1)).decode()
    alternate = {4: "GATT", 7: reference[0]}.get(kind, reference.translate(str.maketrans("ACGTN", "CGTAA")))
    return Variant(contig, position, f"v{number}", reference, alternate, number)


def scorer_of(model: LoadedModel, batch_size: int | None = None, **settings: object) -> Scorer:
    compute = ev.ComputeSettings(device="cpu", batch_size=batch_size)
    return ev.open_scorer(model, ScoreSettings(window_grid=True, **settings), compute)  # type: ignore[arg-type]


def rows_of(variants: Iterable[Variant], genome: Genome, scorer: Scorer, skipped: int = 0) -> list[ScoredVariant]:
    reference = Reference(genome, GENES if scorer.settings.genes else None)
    batches = score_variants(variants, reference, scorer, skipped_batches=skipped)
    return [row for batch in batches for row in batch.rows]


def values_of(rows: Sequence[ScoredVariant]) -> npt.NDArray[np.float32]:
    return np.array([row.values for row in rows if row.values is not None])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reverse_complement": True, "shifts": (-128, 3), "centre_bins": 2},
        {"phases": (0, 32, 64, 96)},
        {"share_windows": 400, "indels": Indels.STITCH, "phases": (7,)},
        {"genes": GeneSettings(), "scores": (Score.SADR,)},
        {"genes": GeneSettings(centre=Centre.TSS), "reverse_complement": True, "phases": (0, 64)},
    ],
    ids=["plain", "views", "phases", "shared", "genes", "tss"],
)
def test_rows_are_those_of_full_passes(
    model: LoadedModel, genome: Genome, variants: list[Variant], settings: dict[str, object]
) -> None:
    some = variants[:: 2 if settings else 1]
    fast, plain = (
        rows_of(some, genome, scorer_of(model, engine=engine, precision=Precision.FLOAT64, **settings))
        for engine in (Engine.DELTA, Engine.PAIR)
    )
    assert [(row.variant, row.status, row.context) for row in fast] == [
        (row.variant, row.status, row.context) for row in plain
    ]
    assert len(values_of(fast)) >= 7
    scale = np.abs(values_of(plain)).max()
    np.testing.assert_allclose(values_of(fast), values_of(plain), rtol=1e-5, atol=1e-7 * scale)


def test_windows_of_rows(model: LoadedModel, genome: Genome, variants: list[Variant]) -> None:
    grid = WindowGrid(WINDOW, WIDTH)
    scorer = scorer_of(model)
    assert [column.name for column in scorer.layout.context] == ["WINDOW_START"]
    for row in rows_of(variants, genome, scorer):
        assert row.context == (grid.around(row.variant.start) + 1,)
    moved = [row.context[0] for row in rows_of(variants, genome, scorer_of(model, phases=(5,)))]
    assert {(int(start or 0) - 1) % WIDTH for start in moved} == {5}


def test_bytes_depend_on_the_variant_alone(model: LoadedModel, genome: Genome, variants: list[Variant]) -> None:
    """Alone, in any order, in any batch: nothing shows what the buffer held."""
    settings = {"reverse_complement": True, "phases": (0, 64)}
    variants = variants[::2]
    together = values_of(rows_of(variants, genome, scorer_of(model, **settings)))
    alone = [values_of(rows_of([one], genome, scorer_of(model, **settings))) for one in variants[::3]]
    np.testing.assert_array_equal(np.concatenate(alone), together[::3])
    order = random.Random(2).sample(range(len(variants)), len(variants))
    mixed = values_of(rows_of([variants[number] for number in order], genome, scorer_of(model, 3, **settings)))
    np.testing.assert_array_equal(mixed, together[order])


def test_a_run_that_goes_on(model: LoadedModel, genome: Genome, variants: list[Variant]) -> None:
    settings = {"share_windows": 400}
    whole = values_of(rows_of(variants, genome, scorer_of(model, **settings)))
    for skipped in (3, 6):
        rest = values_of(rows_of(variants, genome, scorer_of(model, **settings), skipped))
        assert 0 < len(rest) < len(whole)
        np.testing.assert_array_equal(rest, whole[-len(rest) :])


def test_alleles_of_one_window_are_predicted_together(
    model: LoadedModel, genome: Genome, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    scorer = scorer_of(model)
    predict = scorer.predictor.engine.predict
    monkeypatch.setattr(
        scorer.predictor.engine,
        "predict",
        lambda batch: sizes.append((len(batch.reference), len(batch))) or predict(batch),
    )
    rows_of([allele(genome, "chr1", place, 0) for place in (1100, 1105, 1150, 1300)], genome, scorer)
    assert sizes == [(1, 3), (1, 1)]


def test_effects_of_one_variant(model: LoadedModel, genome: Genome, variants: list[Variant]) -> None:
    scorer = scorer_of(model, reverse_complement=True)
    _, delta = ev.predict_effect(variants[6], genome, scorer)
    (row,) = rows_of([variants[6]], genome, scorer)
    np.testing.assert_allclose(delta.astype(np.float64).sum(0), row.values, rtol=1e-5, atol=1e-7)


def test_what_is_refused(model: LoadedModel) -> None:
    with pytest.raises(UsageError, match="--phases are offsets of a grid of windows: give --window-grid, too"):
        ScoreSettings(phases=(0, 64))
    with pytest.raises(UsageError, match="evenly spaced"):
        scorer_of(model, phases=(0, 1))
    with pytest.raises(UsageError, match=r"--bins center:8: .*--window-grid"):
        scorer_of(model, centre_bins=8)
    with pytest.raises(UsageError, match="--shifts 1023 moves the variant out of the window"):
        scorer_of(model, shifts=(1023,))
