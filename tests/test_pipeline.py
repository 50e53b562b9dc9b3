"""The invariant: every ALT allele that goes in comes out once, in order, whatever the batch size."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.columns import make_layout
from enformer_vep.effects.devices import MemoryGuard
from enformer_vep.errors import InputError, UsageError
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.pieces import Piece, ScoredPiece, cut_pieces, score_pieces, write_rows
from enformer_vep.pipeline import Scorer
from enformer_vep.results import Layout, RunSummary, ScoredVariant, ValueBlock
from enformer_vep.rows import Reference, score_piece
from enformer_vep.settings import Score, ScoreSettings
from enformer_vep.tracks.table import TrackTable
from tests.builders import make_fasta, random_sequence, targets_text
from tests.toys import CountingEngine

WINDOW = 16


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    sequence = random_sequence(np.random.default_rng(5), 400)
    return Genome(make_fasta(tmp_path / "genome.fa", {"chr1": sequence[:300], "chr2": sequence[300:]}))


def scorer(batch_size: int = 3, engine: CountingEngine | None = None, **settings: object) -> Scorer:
    return Scorer(
        layout=Layout((ValueBlock("SAD", ("A", "T")),)),
        tracks=(0, 1),
        geometry=Geometry(WINDOW, 0, 4, 4),
        views=(slice(None),) * len(settings.get("shifts", (0,))),  # type: ignore[arg-type]
        batch_size=batch_size,
        device=torch.device("cpu"),
        engine=engine or CountingEngine(),
        settings=ScoreSettings(**settings),  # type: ignore[arg-type]
    )


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
    return [row for batch in score_piece(variants, Reference(genome), made) for row in batch]


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
            gained = [
                (row.variant.alternate == letter) - (row.variant.reference == letter) for letter in "AT"
            ]
            assert row.values.tolist() == gained


def test_nothing_in_nothing_out(genome: Genome) -> None:
    assert rows_of(genome, [], scorer()) == []


def test_batches_end_where_pieces_end(genome: Genome) -> None:
    variants = [replace(variant, record=record) for record, variant in enumerate(mixed(genome))]
    pieces = [list(piece.variants) for piece in cut_pieces(variants, 7)]
    assert [variant for piece in pieces for variant in piece] == variants
    assert [piece[0].record for piece in pieces] == list(range(0, len(variants), 7))
    whole, alone = CountingEngine(), CountingEngine()
    for piece in score_pieces(cut_pieces(variants, 7), Reference(genome), scorer(3, whole)):
        list(piece.batches)
    for number, piece in enumerate(pieces):
        for one in score_pieces([Piece(number, piece)], Reference(genome), scorer(3, alone)):
            list(one.batches)
    assert whole.sizes == alone.sizes
    assert max(whole.sizes) == 3


def test_a_piece_goes_on_after_any_batch(genome: Genome) -> None:
    variants = mixed(genome)
    batches = list(score_piece(variants, Reference(genome), scorer(3)))
    for done in range(len(batches) + 1):
        rest = list(score_piece(variants, Reference(genome), scorer(3), done))
        assert [[row.variant for row in rows] for rows in rest] == [
            [row.variant for row in rows] for rows in batches[done:]
        ]


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
    write_rows([ScoredPiece(0, [rows[:1], rows[1:3]])], Nothing(), summary, lambda row: None)
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
    pieces = score_pieces([Piece(0, variants)], Reference(genome), scorer(2))
    write_rows(pieces, table, summary, seen.append)
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
