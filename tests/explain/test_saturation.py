"""Saturated stretches: against DeepMind's model in an independent implementation, and against two whole passes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import enformer_vep as ev
from enformer_vep.errors import InputError, UsageError
from enformer_vep.explain.saturation import Saturation, gather, saturate, saturate_around
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.regions import Region
from enformer_vep.genome.stretches import Stretch, Stretches
from enformer_vep.models.checkpoints import load_model
from enformer_vep.models.enformer import attention
from enformer_vep.models.enformer.delta.engine import AdjointEngine
from enformer_vep.scoring.batches import score_variants
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Engine, Precision, Refinement, Score, ScoreSettings
from tests.builders import make_fasta, random_sequence
from tests.comparison import WINDOW, relative_error
from tests.toys import CountingEngine, toy_scorer

CPU = ev.ComputeSettings(device="cpu")
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
# Targets of golden_saturation.npz: head and tracks; the bins are 7 to 9, but for `human_all`.
TARGETS = {
    "human_3_7_center": ("human", "3,7"),
    "human_4_center": ("human", "4"),
    "human_all": ("human", None),
    "mouse_2_center": ("mouse", "2"),
}
FIRST, WIDTH = 512, 128
"""Window index of bin 0 of the golden model, and bases of a bin."""


@pytest.fixture(scope="module")
def golden(data_directory: Path) -> dict[str, np.ndarray]:
    return dict(np.load(data_directory / "golden_saturation.npz"))


@pytest.fixture(scope="module")
def golden_genome(data_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> ev.Genome:
    """The golden inputs as contigs, exactly as long as the window."""
    inputs = np.load(data_directory / "golden_tiny.npz")["in/x"][:2]
    codes = np.where(inputs.any(axis=2), inputs.argmax(axis=2), 4)
    contigs = {f"input{number}": LETTERS[row].tobytes().decode() for number, row in enumerate(codes)}
    return ev.Genome(make_fasta(tmp_path_factory.mktemp("golden") / "inputs.fa", contigs))


def golden_saturation(genome: ev.Genome, scorer: Scorer, contig: str, region: Sequence[int], target: str) -> Saturation:
    """In the window that is the whole contig, read over the target's bins."""
    readout = None if target == "human_all" else Region(contig, FIRST + 7 * WIDTH, FIRST + 10 * WIDTH)
    stretch = Stretch(contig, int(region[0]), int(region[1]), WINDOW // 2 - 1)
    stretches = Stretches((stretch,), readout=readout)
    stretches.check(scorer.geometry, genome, scorer.shifts)
    batches = score_variants(stretches.variants(genome), Reference(genome, stretches=stretches), scorer)
    return gather((row for batch in batches for row in batch.rows), scorer.layout).stretches[0]


@pytest.mark.parametrize(
    ("engine", "target", "regions"),
    [
        (Engine.DELTA, "human_3_7_center", ("flank",)),
        *(pytest.param(Engine.DELTA, target, ("center", "flank"), marks=pytest.mark.slow) for target in TARGETS),
        pytest.param(Engine.PAIR, "mouse_2_center", ("flank",), marks=pytest.mark.slow),
    ],
)
def test_golden(
    engine: Engine,
    target: str,
    regions: Sequence[str],
    golden: dict[str, np.ndarray],
    golden_genome: ev.Genome,
    data_directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In float64 with TensorFlow's positional table; rows are float32, which is all that is left to differ."""
    table = torch.from_numpy(np.load(data_directory / "golden_tiny.npz")["fp64/pos_features"])
    monkeypatch.setattr(attention, "positional_features", lambda tokens, count: table)
    organism, tracks = TARGETS[target]
    settings = ScoreSettings(
        (Score.MEAN,), tracks=tracks, organism=organism, engine=engine, precision=Precision.FLOAT64
    )
    model = load_model(data_directory / "tiny", (organism,), WINDOW)
    scorer = ev.open_scorer(model, settings, CPU)
    for region in regions:
        for number in (0, 1):
            found = golden_saturation(golden_genome, scorer, f"input{number}", golden[f"region/{region}"], target)
            expected = golden[f"{target}/{number}/{region}"]
            effects = found.effects.mean(axis=2, dtype=np.float64)
            assert relative_error(effects, expected) < 2e-7, (region, number)
            np.testing.assert_array_equal(found.effects[expected == 0], 0)


def test_golden_to_first_order(golden: dict[str, np.ndarray], golden_genome: ev.Genome, data_directory: Path) -> None:
    """The engine adjoint screens; the largest tenth is exact."""
    settings = ScoreSettings(
        (Score.MEAN,), tracks="4", engine=Engine.ADJOINT, refinement=Refinement(share=0.1, sample=0)
    )
    scorer = ev.open_scorer(load_model(data_directory / "tiny", None, WINDOW), settings, CPU)
    found = golden_saturation(golden_genome, scorer, "input0", golden["region/center"], "human_4_center")
    effects, expected = found.effects[:, :, 0], golden["human_4_center/0/center"]
    assert np.corrcoef(effects.ravel(), expected.ravel())[0, 1] > 0.85
    # Pieces of 128 records hold all of the region: of 192 substitutions 20 are exact.
    exact = np.isclose(effects, expected, rtol=2e-3, atol=1e-9)[expected != 0]
    assert exact.sum() >= 20
    assert not exact.all()


@pytest.fixture(scope="module")
def sequence() -> str:
    text = random_sequence(np.random.default_rng(5), 6000)
    return f"{text[:2990]}N{text[2991:]}".lower()


@pytest.fixture(scope="module")
def genome(sequence: str, tmp_path_factory: pytest.TempPathFactory) -> ev.Genome:
    return ev.Genome(make_fasta(tmp_path_factory.mktemp("saturation") / "genome.fa", {"chr1": sequence}))


@pytest.fixture(scope="module")
def scorer(small_model: Path) -> Scorer:
    settings = ScoreSettings((Score.SAD, Score.REF), tracks="0,3", centre_bins=2, reverse_complement=True)
    return ev.open_scorer(str(small_model), settings, CPU)


def two_passes(scorer: Scorer, window: str, changed: str) -> np.ndarray:
    """Difference of the sums over the two bins in the middle."""
    before, after = ev.predict([window, changed], scorer).sum(axis=1)
    return after - before


def window_around(text: str, centre: int, length: int = 2048) -> str:
    start = centre - (length // 2 - 1)
    return text[start : start + length]


def test_effects_are_differences_of_two_passes(sequence: str, genome: ev.Genome, scorer: Scorer) -> None:
    """N and lower case among the bases; predictions are no effects and left out."""
    found = saturate("chr1:2986-2995", genome, scorer, deletions=2)
    assert (found.contig, found.start, found.sequence) == ("chr1", 2985, sequence[2985:2995].upper())
    assert found.columns == ("SAD_TRACK0", "SAD_TRACK3")
    assert found.effects.shape == (10, 4, 2)
    window, first = window_around(sequence, 2990 - 1), 2985 - (2989 - 1023)
    for index in (0, 4, 5, 9):
        place = first + index
        for number, base in enumerate("ACGT"):
            changed = f"{window[:place]}{base}{window[place + 1 :]}"
            expected = two_passes(scorer, window, changed)
            np.testing.assert_allclose(found.effects[index, number], expected, rtol=2e-3, atol=2e-6)
    assert found.sequence[5] == "N"
    assert np.isfinite(found.effects).all()
    assert (found.effects[5] != 0).all()
    assert (found.deleted, found.deletions.shape) == (2, (9, 2))


def test_deletions_have_the_effect_that_the_alleles_have(sequence: str, genome: ev.Genome, scorer: Scorer) -> None:
    """In another window of the same middle the same alleles score the same."""
    found = saturate("chr1:3001-3021", genome, scorer, deletions=3)
    start = 3010
    variant = ev.Variant("chr1", start, ".", sequence[start - 1 : start + 3].upper(), sequence[start - 1].upper())
    stretches = Stretches((Stretch("chr1", 3000, 3021, 3010, variant),))
    batches = score_variants(stretches.variants(genome), Reference(genome, stretches=stretches), scorer)
    row = next(row for batch in batches for row in batch.rows)
    assert row.values is not None
    np.testing.assert_allclose(found.deletions[start - 3000], row.values[:2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("change", [("", "T"), ("", "ACG"), ("NN", "")])
def test_around_a_variant_without_and_with_it(
    change: tuple[str, str], sequence: str, genome: ev.Genome, scorer: Scorer
) -> None:
    """The background of an ALT allele is a sequence of its own, in a window that begins at the same base."""
    position = 3100
    own = sequence[position - 1].upper()
    removed, added = change
    reference = sequence[position - 1 : position + len(removed)].upper()
    alternate = own + added if removed or len(added) > 1 else "ACGT"["ACGT".index(own) - 1]
    variant = ev.Variant("chr1", position, "rs1", reference, alternate)
    found = saturate_around(variant, genome, scorer, flank=3)
    assert (found.variant, found.reference.start, found.alternate.start) == (variant, position - 4, position - 4)
    assert found.reference.sequence == sequence[position - 4 : position + len(reference) + 2].upper()
    assert found.alternate.sequence == (
        sequence[position - 4 : position - 1].upper()
        + alternate
        + sequence[position - 1 + len(reference) :][:3].upper()
    )
    changed = (sequence[: position - 1] + alternate + sequence[position - 1 + len(reference) :]).upper()
    for text, saturation in ((sequence.upper(), found.reference), (changed, found.alternate)):
        window = window_around(text, position - 1)
        for index in (0, 3, len(saturation.sequence) - 1):
            place = 1023 - 3 + index
            for number, base in enumerate("ACGT"):
                expected = two_passes(scorer, window, f"{window[:place]}{base}{window[place + 1 :]}")
                np.testing.assert_allclose(saturation.effects[index, number], expected, rtol=2e-3, atol=2e-6)
    if len(reference) == len(alternate):
        window = window_around(sequence, position - 1)
        np.testing.assert_allclose(
            found.effect, two_passes(scorer, window, window_around(changed, position - 1)), rtol=2e-3, atol=2e-6
        )
        # What the substitution does is what the matrix of the genome says of it.
        np.testing.assert_array_equal(found.effect, found.reference.effects[3, "ACGT".index(alternate)])


def test_a_variant_that_cannot_be_scored_is_refused(genome: ev.Genome, scorer: Scorer) -> None:
    with pytest.raises(InputError, match="symbolic_allele"):
        saturate_around(ev.Variant("chr1", 100, ".", "A", "<DEL>"), genome, scorer)


def toy(genome: ev.Genome, region: str, **more: object) -> Saturation:
    """Counts A and T in windows of 64 bases."""
    settings = ScoreSettings((Score.SAD,))
    made = toy_scorer(CountingEngine(), Geometry(64, 0, 4, 16), settings, 2)
    return saturate(region, genome, made, **more)  # type: ignore[arg-type]


def test_views_of_the_matrix(sequence: str, genome: ev.Genome) -> None:
    """Where the effects are known: track 0 counts A."""
    found = toy(genome, "chr1:2981-3000")
    letters = sequence[2980:3000].upper()
    for index, letter in enumerate(letters):
        counts = np.array([1.0, 0, 0, 0]) - float(letter == "A")
        np.testing.assert_array_equal(found.effects[index, :, 0], counts)
        others = np.delete(counts, "ACGT".index(letter)) if letter != "N" else counts
        assert found.lowest[index, 0] == others.min()
        assert found.highest[index, 0] == others.max()
        np.testing.assert_allclose(found.centred[index, :, 0], counts - counts.mean(), atol=1e-7)
        if letter == "N":
            assert np.isnan(found.contributions[index]).all()
        else:
            assert found.contributions[index, 0] == pytest.approx({"A": 0.75}.get(letter, -0.25))


def test_effects_far_away_are_read_there(sequence: str, genome: ev.Genome) -> None:
    """Outside the bins that are read nothing changes; inside it does."""
    inside = toy(genome, "chr1:3001-3008", readout="chr1:3001-3008")
    outside = toy(genome, "chr1:3001-3008", readout="chr1:3015-3016")
    assert (inside.effects != 0).any()
    assert (outside.effects == 0).all()
    with pytest.raises(UsageError, match="not predicted"):
        toy(genome, "chr1:3001-3008", readout="chr1:4001-4008")


def test_what_is_too_long_or_off_the_genome_is_refused(genome: ev.Genome, scorer: Scorer) -> None:
    with pytest.raises(UsageError, match="at most 32"):
        toy(genome, "chr1:3001-3040")
    with pytest.raises(InputError, match="past the end"):
        saturate("chr1:5990-6001", genome, scorer)
    with pytest.raises(UsageError, match="exclude each other"):
        saturate("chr1:3001-3010", genome, scorer, readout="chr1:3001-3010")


def test_predictions_alone_are_no_saturation(genome: ev.Genome, small_model: Path) -> None:
    scorer = ev.open_scorer(str(small_model), ScoreSettings((Score.REF,), tracks="0"), CPU)
    with pytest.raises(UsageError, match="predictions"):
        saturate("chr1:3001-3001", genome, scorer)


def test_windows_are_shared(genome: ev.Genome) -> None:
    """Batches have as many windows as asked for, of up to 64 alleles each; not one for each base."""
    engine = CountingEngine()
    scorer = toy_scorer(engine, Geometry(64, 0, 4, 16), ScoreSettings((Score.SAD,)), 1)
    saturate("chr1:3001-3030", genome, scorer)
    assert engine.sizes == [64, 26]


@pytest.mark.parametrize("more", [{"share_windows": 1000}, {"window_grid": True}])
def test_settings_that_place_windows_are_refused(
    genome: ev.Genome, small_model: Path, more: dict[str, int | bool]
) -> None:
    """They would have their way: windows elsewhere, and a readout that nobody reads."""
    scorer = ev.open_scorer(str(small_model), ScoreSettings((Score.SAD,), tracks="0", **more), CPU)
    with pytest.raises(UsageError, match="--share-windows"):
        saturate("chr1:3001-3001", genome, scorer, readout="chr1:3001-3100")


def test_one_gradient_serves_a_piece(genome: ev.Genome, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ScoreSettings((Score.SAD,), tracks="0", engine=Engine.ADJOINT, refinement=Refinement(share=0, sample=0))
    scorer, gradients, counted = ev.open_scorer(str(small_model), settings, CPU), AdjointEngine._gradients, list[int]()

    def count(*given: Any) -> Any:
        counted.append(1)
        return gradients(*given)

    monkeypatch.setattr(AdjointEngine, "_gradients", count)
    saturate("chr1:3001-3030", genome, scorer)
    assert len(counted) == 1
