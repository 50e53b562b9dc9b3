"""The invariant: every ALT allele that goes in comes out once, in order, whatever the batch size."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import enformer_vep as ev
from enformer_vep.effects.effect import Effect, EffectBatch, EffectEngine
from enformer_vep.effects.guards import MemoryGuard
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.placing import Placed
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.models.checkpoints import load_model
from enformer_vep.scoring.batches import ScoredBatch, score_variants, write_rows
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.layout import make_layout
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import Precision, Score, ScoreSettings
from enformer_vep.tables.row import RunSummary, ScoredVariant
from enformer_vep.tracks.table import TrackTable
from tests.builders import make_fasta, random_sequence, targets_text
from tests.toys import CountingEngine, toy_scorer

WINDOW = 16


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    sequence = random_sequence(np.random.default_rng(5), 400)
    return Genome(make_fasta(tmp_path / "genome.fa", {"chr1": sequence[:300], "chr2": sequence[300:]}))


def scorer(batch_size: int = 3, engine: EffectEngine | None = None, **settings: object) -> Scorer:
    made = ScoreSettings(**settings)  # type: ignore[arg-type]
    return toy_scorer(engine or CountingEngine(), Geometry(WINDOW, 0, 4, 4), made, batch_size)


def base(genome: Genome, position: int, contig: str = "chr1") -> str:
    return genome.fetch(contig, position - 1, position).decode()


def other(letter: str) -> str:
    return "ACGT"[("ACGT".index(letter) + 1) % 4]


def snv(genome: Genome, position: int, contig: str = "chr1") -> Variant:
    reference = base(genome, position, contig)
    return Variant(contig, position, f"{contig}:{position}", reference, other(reference))


def mixed(genome: Genome) -> list[Variant]:
    """Scorable alleles with every kind of trouble between them."""
    good = [snv(genome, position) for position in range(20, 280, 13)]
    wrong = other(base(genome, 60))
    bad = [
        Variant("chr1", 60, ".", wrong, base(genome, 60)),
        Variant("chr9", 60, ".", "A", "C"),
        Variant("chr1", 60, ".", base(genome, 60), "<DEL>"),
        Variant("chr1", 9999, ".", "A", "C"),
    ]
    return [variant for index, one in enumerate(good) for variant in (one, bad[index % 4])]


def rows_of(genome: Genome, variants: Sequence[Variant], made: Scorer) -> list[ScoredVariant]:
    return [row for batch in score_variants(variants, Reference(genome), made) for row in batch.rows]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 1000])
def test_rows_out_are_alleles_in(genome: Genome, batch_size: int) -> None:
    variants = mixed(genome)
    rows = rows_of(genome, variants, scorer(batch_size))
    assert [row.variant for row in rows] == variants
    assert [row.values is not None for row in rows] == [row.status is Status.OK for row in rows]
    assert {row.status for row in rows} > {Status.OK, Status.REF_MISMATCH, Status.UNKNOWN_CONTIG}


def test_values_belong_to_their_variant(genome: Genome) -> None:
    for row in rows_of(genome, mixed(genome), scorer(4)):
        if row.values is not None:
            gained = [(row.variant.alternate == letter) - (row.variant.reference == letter) for letter in "AT"]
            assert row.values.tolist() == gained


def test_nothing_in_nothing_out(genome: Genome) -> None:
    assert rows_of(genome, [], scorer()) == []


def numbered(variants: Sequence[Variant]) -> list[Variant]:
    return [replace(variant, record=record) for record, variant in enumerate(variants)]


def test_batches_end_where_pieces_end(genome: Genome) -> None:
    variants = numbered(mixed(genome))
    whole, alone = CountingEngine(), CountingEngine()
    batches = list(score_variants(variants, Reference(genome), scorer(3, whole), 7))
    assert [row.variant for batch in batches for row in batch.rows] == variants
    pieces: list[list[int]] = [[]]
    for batch in batches:
        pieces[-1] += [row.variant.record // 7 for row in batch.rows]
        if batch.ends_piece:
            pieces.append([])
    assert pieces.pop() == []
    assert [set(piece) for piece in pieces] == [{number} for number in range(-(-len(variants) // 7))]
    for first in range(0, len(variants), 7):
        list(score_variants(variants[first : first + 7], Reference(genome), scorer(3, alone), 7))
    assert whole.sizes == alone.sizes
    assert max(whole.sizes) == 3


def test_a_piece_goes_on_after_any_batch(genome: Genome) -> None:
    """Even after its last one, when only its end is missing; the pieces after it begin at their first."""
    variants = numbered(mixed(genome))
    batches = list(score_variants(variants, Reference(genome), scorer(3), 20))
    first = next(number for number, batch in enumerate(batches, start=1) if batch.ends_piece)
    assert first < len(batches)
    for done in range(first + 1):
        rest = list(score_variants(variants, Reference(genome), scorer(3), 20, done))
        if done == first:
            assert (list(rest[0].rows), rest[0].ends_piece) == ([], True)
            rest = rest[1:]
        assert [[row.variant for row in batch.rows] for batch in rest] == [
            [row.variant for row in batch.rows] for batch in batches[done:]
        ]


class Overflowing(CountingEngine):
    """Gives a number that is none for the last alternate."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def predict(self, batch: EffectBatch) -> Effect:
        effect = super().predict(batch)
        effect.delta[-1, 0, 0] = self.value
        return effect


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_overflow_is_repeated_and_logged(genome: Genome, value: float, caplog: pytest.LogCaptureFixture) -> None:
    variants, plain = mixed(genome), scorer(3)
    fails = replace(scorer(3, Overflowing(value)), fallback=lambda: plain.predictor)
    with caplog.at_level(logging.WARNING):
        repeated = rows_of(genome, variants, fails)
    assert "repeated in float32" in caplog.text
    for one, two in zip(repeated, rows_of(genome, variants, plain), strict=True):
        np.testing.assert_array_equal(one.values, two.values)
    placed = [Placed(variants[0])]
    assert torch.isfinite(fails.effect(fails.prepare(placed, genome)).delta).all()


def test_strict_names_the_place(genome: Genome) -> None:
    wrong = Variant("chr1", 60, ".", other(base(genome, 60)), base(genome, 60))
    with pytest.raises(InputError, match="chr1:60"):
        rows_of(genome, [wrong], scorer(strict=True))


def test_batches_and_memory_do_not_change_rows(genome: Genome) -> None:
    variants = mixed(genome)
    plain = rows_of(genome, variants, scorer(1))
    starved = rows_of(genome, variants, scorer(8, MemoryGuard(CountingEngine(capacity=3))))  # type: ignore[arg-type]
    for one, two in zip(plain, starved, strict=True):
        np.testing.assert_array_equal(one.values, two.values)


def test_shifts_move_the_window_not_the_variant(genome: Genome) -> None:
    variants = [snv(genome, 150)]
    shifted = rows_of(genome, variants, scorer(shifts=(-3, 0, 5)))
    np.testing.assert_allclose(shifted[0].values, rows_of(genome, variants, scorer())[0].values, rtol=1e-6)


@pytest.mark.parametrize("within", [1, 4, 13])
def test_shared_windows_hold_every_allele_in_place(genome: Genome, within: int) -> None:
    """Counts of letters do not depend on where in the window the variant lies."""
    variants = mixed(genome)
    plain = rows_of(genome, variants, scorer())
    shared = rows_of(genome, variants, scorer(share_windows=within))
    assert [row.variant for row in shared] == variants
    for one, two in zip(plain, shared, strict=True):
        np.testing.assert_array_equal(one.values, two.values)
        if two.context:
            usual = two.variant.position - (WINDOW // 2 - 1)
            assert abs(two.context[0] - usual) <= (within + 1) // 2  # type: ignore[operator]
    assert [bool(row.context) for row in shared] == [row.status is Status.OK for row in shared]


def test_alleles_of_one_record_share_the_reference_window(genome: Genome) -> None:
    reference = base(genome, 100)
    alleles = [Variant("chr1", 100, ".", reference, letter) for letter in "ACGT" if letter != reference]
    engine = CountingEngine()
    seen: list[int] = []
    predict = engine.predict
    engine.predict = lambda batch: seen.append(len(batch.reference)) or predict(batch)  # type: ignore[method-assign,func-returns-value]
    rows_of(genome, alleles, scorer(3, engine))
    assert seen == [1]


def test_an_allele_with_several_rows_counts_once() -> None:
    class Nothing:
        def write(self, row: ScoredVariant) -> None: ...
        def end_batch(self) -> None: ...
        def end_piece(self) -> None: ...

    one, two = Variant("1", 1, ".", "A", "C"), Variant("1", 1, ".", "A", "C")
    rows = [ScoredVariant(variant, Status.OK, np.zeros(1, np.float32)) for variant in (one, one, two, one)]
    summary = RunSummary()
    write_rows([ScoredBatch(rows[:1]), ScoredBatch(rows[1:3], True)], Nothing(), summary, lambda row: None)
    assert summary.alleles == 2


def test_rows_are_counted_and_batches_and_pieces_reported(genome: Genome) -> None:
    class Recorder:
        events: list[str] = []  # noqa: RUF012

        def write(self, row: ScoredVariant) -> None:
            self.events.append("row")

        def end_batch(self) -> None:
            self.events.append("batch")

        def end_piece(self) -> None:
            self.events.append("piece")

    variants = [snv(genome, 50), snv(genome, 60), Variant("chr9", 1, ".", "A", "C"), snv(genome, 70)]
    table, seen, summary = Recorder(), list[ScoredVariant](), RunSummary(seconds=2.0)
    batches = score_variants(variants, Reference(genome), scorer(2))
    write_rows(batches, table, summary, seen.append)
    assert table.events == ["row", "row", "row", "batch", "row", "batch", "piece"]
    assert len(seen) == summary.alleles == 4
    assert summary.to_dict()["by_status"] == {"ok": 3, "unknown_contig": 1}
    assert summary.rate == 2.0


def test_column_names_have_scores_outermost() -> None:
    table = TrackTable.from_text(targets_text(["CAGE:a", "CAGE:a", "DNASE:b"]))
    settings = ScoreSettings((Score.SAD, Score.D1))
    assert make_layout(settings, [2, 0], table).columns == (
        "SAD_TRACK2",
        "SAD_TRACK0",
        "D1_TRACK2",
        "D1_TRACK0",
    )
    assert make_layout(ScoreSettings(), [5110], None).columns == ("SAD_5110",)
    assert make_layout(ScoreSettings(share_windows=2), [0], None).columns == ("WINDOW_START", "SAD_0")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scores": ()}, "--scores is empty"),
        ({"shifts": (0, 0)}, "stands twice"),
        ({"scores": (Score.SAD, Score.SAD)}, "stands twice"),
    ],
)
def test_settings_that_no_run_can_have(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ScoreSettings(**settings)  # type: ignore[arg-type]


def test_windows_that_overflow_are_repeated_too(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(CountingEngine):
        def predict_windows(self, codes: torch.Tensor) -> torch.Tensor:
            return super().predict_windows(codes) * float("inf")

    plain, codes = scorer(3), torch.zeros(2, WINDOW, dtype=torch.uint8)
    fails = replace(scorer(3, Failing()), fallback=lambda: plain.predictor)
    assert torch.equal(fails.predict(codes), plain.predict(codes))
    assert "repeated in float32" in caplog.text


def test_the_fallback_has_the_same_network(small_model: Path) -> None:
    """A batch that overflows must not bring another copy of the weights onto the device."""
    settings = ScoreSettings(precision=Precision.FLOAT16)
    made = ev.open_scorer(str(small_model), settings, ev.ComputeSettings(device="cpu"))
    assert made.fallback is not None
    networks = {id(one.engine._engine._network) for one in (made.predictor, made.fallback())}  # type: ignore[attr-defined]
    assert len(networks) == 1
    trained = load_model(str(small_model))
    trained.network.train()
    made = ev.open_scorer(trained, settings, ev.ComputeSettings(device="cpu"))
    assert made.fallback is not None
    networks = {id(one.engine._engine._network) for one in (made.predictor, made.fallback())}  # type: ignore[attr-defined]
    assert len(networks) == 1, "a copy in evaluation mode, made once"
