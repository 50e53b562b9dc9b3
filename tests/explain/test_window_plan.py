"""Which windows are mapped, in which order, and which of their bins are asked."""

from pathlib import Path

import numpy as np
import pytest

from enformer_vep.errors import UsageError
from enformer_vep.explain.window_plan import (
    MapWindow,
    Planner,
    Query,
    centres_of_genes,
    centres_of_regions,
    centres_of_variants,
    choose_genes,
)
from enformer_vep.genome.bins import Geometry
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.regions import Region, parse_region
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.settings import GeneSettings
from enformer_vep.settings.explain_attention import AttentionSettings
from tests.builders import make_fasta, random_sequence

GEOMETRY = Geometry(1024, 0, 128, 8)
ONE = Gene("ENSG1.2", "ONE", "chr1", True, 3000, (3000, 3200), 3000)
TWO = Gene("ENSG2.1", "TWO", "chr1", False, 2600, (2600,), 2600)
FAR = Gene("ENSG3.1", "FAR", "chr2", True, 500, (500,), 500)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    random = np.random.default_rng(2)
    contigs = {"chr2": random_sequence(random, 1500), "chr1": random_sequence(random, 6000)}
    path: Path = make_fasta(tmp_path_factory.mktemp("genome") / "genome.fa", contigs)
    return Genome(path)


def plan(genome: Genome, centres: list[MapWindow], genes: list[Gene] | None = None, **settings) -> list[MapWindow]:
    index = None if genes is None else GeneIndex(genes)
    chosen = AttentionSettings(**settings, genes=None if genes is None else GeneSettings(tss_bins=3))
    return Planner(genome, index, GEOMETRY, chosen).plan(centres)


def test_order_of_the_genome_then_what_has_no_map(genome: Genome) -> None:
    regions = [parse_region(word) for word in ("1:3000-3003", "chr9:5", "chr1:100", "chr2:700", "chr2:1501", "chr1:99")]
    windows = plan(genome, list(centres_of_regions(regions, genome)))
    assert [(one.name, one.contig, one.position, one.status.value) for one in windows] == [
        ("chr2:700", "chr2", 699, "ok"),
        ("chr1:99", "chr1", 98, "ok"),
        ("chr1:100", "chr1", 99, "ok"),
        ("1:3000-3003", "chr1", 3001, "ok"),
        ("chr9:5", "chr9", 4, "unknown_contig"),
        ("chr2:1501", "chr2", 1500, "outside_contig"),
    ]
    # The position is the last base before the middle, of the fourth bin of eight.
    assert windows[0].start == 699 - 511
    assert windows[0].queries == (Query("center", (3,)),)


def test_a_region_without_end_has_no_middle(genome: Genome) -> None:
    for region in (Region("chr1"), parse_region("chr1:5-")):
        with pytest.raises(UsageError, match="has no middle: write chr22:1000"):
            list(centres_of_regions([region], genome))


def test_one_window_for_each_record(genome: Genome) -> None:
    base = genome.fetch("chr1", 999, 1001).decode()
    other = "A" if base[0] != "A" else "C"
    variants = [
        Variant("1", 1000, "rs1", base[0], "T", 0, 1),
        Variant("1", 1000, "rs1", base[0], "TT", 0, 2),
        Variant("1", 1000, ".", base, "<DEL>", 1),
        Variant("1", 1000, "rs1", other, base[0], 2),
        Variant("1", 0, "rs1", "N", "A", 3),
        Variant("Z", 7, ".", "A", "C", 4),
    ]
    windows = plan(genome, list(centres_of_variants(variants, genome)))
    assert sorted((one.name, one.status.value) for one in windows) == [
        ("1:1000", "ok"),
        ("Z:7", "unknown_contig"),
        ("rs1", "ok"),
        ("rs1.2", "ref_mismatch"),
        ("rs1.3", "outside_contig"),
    ]


def test_genes_have_windows_on_their_main_starts(genome: Genome) -> None:
    index = GeneIndex([ONE, TWO, FAR])
    windows = plan(genome, list(centres_of_genes(index, ("TWO", "ENSG1", "NOT", "ENSG1.2"))), [ONE, TWO, FAR])
    assert [(one.name, one.status, one.position) for one in windows] == [
        ("TWO", Status.OK, 2600),
        ("ONE", Status.OK, 3000),
        ("NOT", Status.NO_TSS, 0),
    ]
    # Its own starts alone: 3,000 is in bin 3, 3,200 in bin 5; each with its neighbours.
    assert windows[1].queries == (Query("ONE", (2, 3, 4, 5, 6)),)


def test_genes_that_start_in_a_window(genome: Genome) -> None:
    centres = list(centres_of_regions([parse_region("chr1:2900")], genome))
    start = 2899 - 511
    (window,) = plan(genome, centres, [ONE, TWO, FAR])
    own = (2600 - start) // 128
    assert [query.name for query in window.queries] == ["center", "TWO", "ONE"]
    assert window.queries[1].bins == tuple(range(max(own - 1, 0), own + 2))
    (only,) = plan(genome, centres, [ONE, TWO, FAR], queries=("tss",))
    assert [query.name for query in only.queries] == ["TWO", "ONE"]
    (none,) = plan(genome, centres, [FAR], queries=("tss",))
    assert none.status is Status.NO_GENE


def test_positions_as_queries(genome: Genome) -> None:
    centres = list(centres_of_regions([parse_region("chr1:2900"), parse_region("chr1:5000")], genome))
    windows = plan(genome, centres, queries=("1:3000", "chr2:2900"), center_bins=2)
    own = (2999 - (2899 - 511)) // 128
    assert [(one.status, one.queries) for one in windows] == [
        (Status.OK, (Query("1:3000", (own, own + 1)),)),
        (Status.OUT_OF_REACH, ()),
    ]


def test_windows_on_a_grid(genome: Genome) -> None:
    centres = list(centres_of_regions([parse_region(f"chr1:{position}") for position in (300, 2900, 2999)], genome))
    windows = plan(genome, centres, window_grid=True)
    assert all(one.start % 128 == 0 for one in windows)
    assert all(abs(one.start - (one.position - 511)) <= 64 for one in windows)
    assert all((one.position - one.start) // 128 == one.queries[0].bins[0] for one in windows)


def test_bins_are_cut_to_their_contig(genome: Genome) -> None:
    window = MapWindow("one", "chr2", 0, start=-300)
    assert list(window.edges(GEOMETRY, 300)) == [(2, 0, 84), (3, 84, 212), (4, 212, 300)]
    inner = list(MapWindow("two", "chr2", 0, start=100).edges(Geometry(1024, 256, 128, 2), 1500))
    assert inner == [(0, 356, 484), (1, 484, 612)]


def test_genes_by_name_or_identifier() -> None:
    index = GeneIndex([ONE, TWO, FAR])
    assert choose_genes(index, ()) == ((ONE, TWO, FAR), ())
    assert choose_genes(index, ("ENSG3", "ONE", "X", "X")) == ((ONE, FAR), ("X",))


@pytest.mark.parametrize(("settings", "words"), [
    ({"layers": ()}, "--layers is empty"),
    ({"heads": (1, 1)}, "twice in --heads 1,1"),
    ({"queries": ("tss",)}, "--query tss needs an annotation"),
    ({"only_genes": ("A",)}, "--gene chooses from an annotation"),
    ({"center_bins": 0}, "--center-bins 0"),
])  # fmt: skip
def test_settings_that_contradict_each_other(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        AttentionSettings(**settings)


def test_settings_are_described() -> None:
    """Every field that changes numbers changes the description."""
    plain = AttentionSettings(genes=GeneSettings())
    changed = [
        {"layers": (1,)}, {"heads": (0,)}, {"reverse_complement": True}, {"shifts": (1,)}, {"window_grid": True},
        {"queries": ("center",)}, {"center_bins": 3}, {"genes": GeneSettings(tss_bins=1)}, {"only_genes": ("A",)},
    ]  # fmt: skip
    assert {next(iter(one)) for one in changed} == set(AttentionSettings.__dataclass_fields__)
    described = [AttentionSettings(**{"genes": GeneSettings(), **one}).describe() for one in changed]
    assert all(one != plain.describe() for one in described)
