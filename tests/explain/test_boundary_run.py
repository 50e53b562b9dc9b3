"""A whole comparison on a network that attends as planted sites tell it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.errors import InputError, OutputError, UsageError
from enformer_vep.explain.binding_motifs import read_consensus
from enformer_vep.explain.boundary_comparison import Between, compare, of_mean
from enformer_vep.explain.boundary_plan import Kind, make_plan, reading_of
from enformer_vep.explain.boundary_run import (
    AttentionSource,
    BoundaryRun,
    Readings,
    load_readings,
    save_readings,
)
from enformer_vep.explain.boundary_tables import CAUTION, comparisons_text, describe, notes_of, values_text
from enformer_vep.explain.domains import Boundary, BoundaryStatus
from enformer_vep.explain.insulation import INSULATION, STRIPE
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.settings.explain_boundaries import BoundarySettings, Likeness
from tests.builders import make_fasta, random_sequence
from tests.explain.planted_network import SITE, WIDTH, WINDOW, PlantedNetwork

CONTIGS = {"chr1": 120_000, "chr2": 60_000}
SETTINGS = BoundarySettings(merge=500, apart=1_500, arm=768, keys=128, every=256, turns=2_000, span=1_000)


def planted_positions(length: int, seed: int) -> list[int]:
    """Irregular distances of some windows; the site is the first thing right of each."""
    random = np.random.default_rng(seed)
    found, position = [], 5_000
    while position < length - 5_000:
        found.append(position)
        position += int(random.integers(5_000, 9_000))
    return found


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Genome:
    random = np.random.default_rng(21)
    contigs = {}
    for name, length in CONTIGS.items():
        text = random_sequence(random, length)
        for position in planted_positions(length, 3):
            text = text[:position] + SITE + text[position + len(SITE) :]
        contigs[name] = text
    contigs["chr3"] = random_sequence(random, 1_000)
    return Genome(make_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", contigs))


@pytest.fixture(scope="module")
def boundaries() -> list[Boundary]:
    return [Boundary(name, one) for name, length in CONTIGS.items() for one in planted_positions(length, 3)]


def plan_of(genome, boundaries, settings=SETTINGS, **more):
    return make_plan(boundaries, genome, settings, WINDOW, WIDTH, **more)


def run_of(genome, plan, settings=SETTINGS, motif=None) -> BoundaryRun:
    return BoundaryRun(plan, genome, AttentionSource(PlantedNetwork(), settings), settings, motif)


def nothing(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def finished(genome, boundaries):
    """Plan, readings and comparisons, with motifs disrupted."""
    motif = read_consensus("CCACTAGGGGGCAG")
    plan = plan_of(genome, boundaries, motif=motif)
    readings = run_of(genome, plan, motif=motif).run(Readings(), nothing, nothing)
    return plan, readings, compare(plan, readings, SETTINGS)


def test_planted_boundaries_are_found_in_the_head_that_has_them(finished):
    _, readings, results = finished
    assert readings.names[-1] == ("mean", "mean")
    by_map = {
        (one.layer, one.head): one for one in results if one.between is Between.PLACES and one.measure == INSULATION
    }
    planted = by_map["1", "0"]
    assert len(planted.first) == len(planted.second) > 15
    assert planted.rank_biserial > 0.95
    assert planted.q < 1e-4
    assert planted.labels > 15
    assert planted.shift_rank_biserial > 0.8
    assert planted.shift_q < 0.02
    assert by_map["mean", "mean"].p < 1e-4
    for head in (("0", "0"), ("0", "1"), ("1", "1")):
        assert by_map[head].p > 0.05
    assert np.isnan(by_map["1", "mean"].q)


def test_disrupting_the_site_takes_the_insulation_away_and_control_edits_do_not(finished):
    _, readings, results = finished
    assert all(status == "ok" for status, _, _ in readings.outcomes)
    changed = next(
        one
        for one in results
        if (one.between, one.measure, one.layer, one.head) == (Between.EDITS, INSULATION, "1", "0")
    )
    assert np.median(changed.first) < -0.5
    np.testing.assert_allclose(changed.second, 0, atol=1e-6)
    assert changed.rank_biserial == -1
    assert changed.p < 1e-3
    assert changed.points == 0


def test_tables_have_every_boundary_and_the_caution(finished):
    plan, readings, results = finished
    notes = notes_of(plan, SETTINGS.describe(), "0" * 64, WINDOW)
    text = values_text(plan, readings, notes).splitlines()
    assert text[0] == f"##caution={CAUTION}"
    header, *rows = [line.split("\t") for line in text if not line.startswith("##")]
    assert {len(row) for row in rows} == {len(header)}
    assert len(rows) == len(plan.places)
    first = dict(zip(header, rows[0], strict=True))
    assert (first["POS"], first["KIND"], first["STATUS"]) == ("5001", "boundary", "ok")
    assert float(first["INSULATION"]) == pytest.approx(readings.places[0][-1, 1], rel=1e-5)
    assert float(first["STRIPE_L1_H0"]) == pytest.approx(readings.places[0][3, 0], rel=1e-5)
    change = readings.edits[0][0, -1, 1] - readings.places[0][-1, 1]
    assert float(first["INSULATION_CHANGE"]) == pytest.approx(change, rel=1e-4)
    assert first["MOTIF_STATUS"] == "ok"
    second = dict(zip(header, rows[1], strict=True))
    assert (second["KIND"], second["BOUNDARY"], second["MOTIF_STATUS"]) == ("matched", "5001", "NA")
    assert {"GC", "MOTIF"} < set(header)
    header, *rows = [
        line.split("\t") for line in comparisons_text(results, notes).splitlines() if not line.startswith("##")
    ]
    assert len(rows) == 2 * 2 * 7
    assert rows[6][:4] == ["boundary_matched", STRIPE, "mean", "mean"]
    words = (
        r"rank-biserial \+1.00, P [\d.e-]+; Q < 0.05 in 1 of 4 heads; labels turned: \+[01].\d\d, P .*, Q < 0.05 in 1$"
    )
    assert re.search(words, describe(results))


def test_infinite_values_are_compared_and_have_no_change(finished):
    """A sharp head may give a whole square no attention at all."""
    plan, readings, results = finished
    places = [one.copy() for one in readings.places]
    edits = [one.copy() for one in readings.edits]
    places[0][:, 1], edits[0][0, :, 1] = np.inf, np.inf
    places[2][:, 1] = np.nan
    sharp = replace(readings, places=places, edits=edits)
    one, changed = (of_mean(compare(plan, sharp, SETTINGS), between, INSULATION) for between in Between)
    whole, all_changes = (of_mean(results, between, INSULATION) for between in Between)
    assert np.isinf(one.first[0])
    assert (len(one.first), len(one.second)) == (len(whole.first) - 1, len(whole.second))
    assert np.isfinite(one.p)
    assert len(changed.first) == len(all_changes.first) - 2
    first = values_text(plan, sharp, {}).splitlines()
    cells = dict(zip(first[0].split("\t"), first[1].split("\t"), strict=True))
    assert (cells["INSULATION"], cells["INSULATION_CHANGE"]) == ("inf", "NA")


def test_both_strands_and_shifts_give_the_same_maps_flipped_back(genome):
    """The site reads on one strand only, so the reverse strand of this toy has no boundary: maps are averaged."""
    plain = AttentionSource(PlantedNetwork(), SETTINGS)
    both = AttentionSource(PlantedNetwork(), BoundarySettings(reverse_complement=True, shifts=(0, 3)))
    start = 5_000 - WINDOW // 2
    from enformer_vep.genome.encoding import encode, reverse_complement

    codes = encode(genome.fetch("chr1", start - 3, start + WINDOW + 3))
    windows = [codes[3 : 3 + WINDOW], codes[6 : 6 + WINDOW]]
    forward = [list(plain.layers(one)) for one in windows]
    reverse = [[maps[:, ::-1, ::-1] for maps in plain.layers(reverse_complement(one))] for one in windows]
    for found, *views in zip(both.layers(codes), *forward, *reverse, strict=True):
        np.testing.assert_allclose(found, np.mean(views, axis=0), rtol=1e-6)
    assert not np.allclose(forward[0][1], reverse[0][1])


def test_a_shift_of_half_a_token_is_refused():
    with pytest.raises(UsageError, match="less than 64 bp"):
        AttentionSource(PlantedNetwork(), BoundarySettings(shifts=(0, 64)))


class Interrupted(BaseException):
    pass


def test_an_interrupted_run_goes_on_to_the_same_result(finished, genome, tmp_path):
    plan, whole, _ = finished
    motif = read_consensus("CCACTAGGGGGCAG")
    path, identity = tmp_path / "checkpoint.npz", {"seed": 44}
    steps = 0

    def stop() -> None:
        nonlocal steps
        steps += 1
        if steps in (7, len(whole.places) + 2):
            raise Interrupted

    for _ in range(2):
        readings = load_readings(path, identity)
        with pytest.raises(Interrupted):
            run_of(genome, plan, motif=motif).run(readings, stop, lambda found: save_readings(path, identity, found))
    resumed = run_of(genome, plan, motif=motif).run(load_readings(path, identity), nothing, nothing)
    assert resumed.done == whole.done
    assert resumed.outcomes == whole.outcomes
    np.testing.assert_array_equal(resumed.places, whole.places)
    np.testing.assert_array_equal(resumed.tiles, whole.tiles)
    np.testing.assert_array_equal(np.stack(resumed.edits), np.stack(whole.edits))
    for kind in Kind:
        np.testing.assert_array_equal(resumed.sums[kind], whole.sums[kind])
        np.testing.assert_array_equal(resumed.relative_sums[kind], whole.relative_sums[kind])
    with pytest.raises(OutputError, match="belongs to another run \\(seed was 44\\)"):
        load_readings(path, {"seed": 45})
    path.write_bytes(b"PK damaged")
    with pytest.raises(OutputError, match="damaged"):
        load_readings(path, identity)


def test_windows_elsewhere_are_matched_and_say_so(genome, boundaries):
    plan = plan_of(genome, boundaries)
    pairs = zip(plan.places[::2], plan.places[1::2], strict=True)
    for one, other in pairs:
        assert (one.kind, other.kind) == (Kind.BOUNDARY, Kind.MATCHED)
        assert one.boundary == other.boundary
        assert abs(one.quantities[Likeness.GC] - other.quantities[Likeness.GC]) <= 0.02
        distances = [abs(other.position - each.position) for each in boundaries if each.contig == one.boundary.contig]
        assert min(distances) >= SETTINGS.apart
    assert plan_of(genome, boundaries).places == plan.places
    assert plan_of(genome, boundaries, BoundarySettings(**{**_fields(SETTINGS), "seed": 1})).places != plan.places


def _fields(settings: BoundarySettings) -> dict:
    return {name: getattr(settings, name) for name in BoundarySettings.__slots__}


def test_boundaries_without_a_window_have_their_reason(genome, tmp_path):
    text = random_sequence(np.random.default_rng(1), 30_000)
    gapped = Genome(make_fasta(tmp_path / "gapped.fa", {"chr1": text[:20_000] + "N" + text[20_001:]}))
    some = [Boundary("1", one) for one in (100, 10_000, 19_000)] + [Boundary("chrUn", 5)]
    plan = make_plan(some, gapped, BoundarySettings(**{**_fields(SETTINGS), "apart": 20_000}), WINDOW, WIDTH)
    found = {(one.boundary.position, one.boundary.status) for one in plan.places}
    assert found == {
        (100, BoundaryStatus.NEAR_CONTIG_END),
        (10_000, BoundaryStatus.NO_MATCH),
        (19_000, BoundaryStatus.GAP),
        (5, BoundaryStatus.UNKNOWN_CONTIG),
    }
    # Without a match it still is a label along the contig.
    assert sum(int(one.labels.sum()) for one in plan.points) == 1
    readings = run_of(gapped, plan).run(Readings(), nothing, nothing)
    assert compare(plan, readings, SETTINGS) == []
    assert "no window was compared" in describe([])
    assert values_text(plan, readings, {}).count("\n") == 5


def test_starts_of_genes_are_counted_for_matching(genome, boundaries):
    genes = GeneIndex([Gene("G", "G", "chr1", True, one, (one,), one) for one in range(0, 120_000, 700)])
    settings = BoundarySettings(**{**_fields(SETTINGS), "match": (Likeness.TSS,), "tiles": False})
    plan = plan_of(genome, [one for one in boundaries if one.contig == "chr1"], settings, genes=genes)
    read = [one for one in plan.places if one.is_read]
    assert read
    for one in read:
        expected = sum(one.position - 2048 <= start < one.position + 2048 for start in range(0, 120_000, 700))
        assert one.quantities[Likeness.TSS] == expected
    assert plan.points == ()


@pytest.mark.parametrize(("kind", "words"), [(Likeness.MOTIF, "--motif or --meme"), (Likeness.TSS, "--genes")])
def test_what_is_matched_has_to_be_given(genome, boundaries, kind, words):
    with pytest.raises(UsageError, match=words):
        plan_of(genome, boundaries, BoundarySettings(match=(kind,)))


def test_a_genome_without_any_of_the_contigs(genome):
    with pytest.raises(InputError, match=r"no boundary lies on a contig .*'chrUn'"):
        plan_of(genome, [Boundary("chrUn", 5)])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"arm": 1200}, "at most 1024 bp"),
        ({"arm": 768, "margin": 512}, "at most 1024 bp"),
        ({"arm": 128}, "two tokens"),
    ],
)
def test_what_is_read_has_to_fit_the_window(more, words):
    with pytest.raises(UsageError, match=words):
        reading_of(BoundarySettings(**more), WINDOW, WIDTH)
    assert reading_of(BoundarySettings(arm=1100, tiles=False), WINDOW, WIDTH).arm == 8


def test_results_without_tiles_have_no_turned_labels(genome, boundaries):
    settings = BoundarySettings(**{**_fields(SETTINGS), "tiles": False})
    plan = plan_of(genome, boundaries[:6], settings)
    readings = run_of(genome, plan, settings).run(Readings(), nothing, nothing)
    result = of_mean(compare(plan, readings, settings), Between.PLACES, INSULATION)
    assert result is not None
    assert np.isnan(result.shift_p)
    assert "turned" not in describe([result])
    assert readings.tiles == []


def test_figures_show_planted_boundaries(finished, tmp_path: Path):
    pytest.importorskip("matplotlib")
    from enformer_vep.explain.boundary_job import figure_of, mean_maps, save_maps
    from enformer_vep.figures.drawing import save_figure

    plan, readings, results = finished
    maps = mean_maps(plan, readings)
    difference = maps["relative_boundary"] - maps["relative_matched"]
    tokens = WINDOW // WIDTH
    assert difference[: tokens // 2, tokens // 2 :].mean() < 0 < difference[: tokens // 2, : tokens // 2].mean()
    save_figure(figure_of(plan, readings, results, "planted"), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    save_maps(tmp_path / "maps.npz", plan, readings)
    with np.load(tmp_path / "maps.npz") as file:
        assert set(file.files) == {*maps, "bin_width"}
        np.testing.assert_allclose(file["attention_boundary"].sum(axis=1), 1, rtol=1e-5)
