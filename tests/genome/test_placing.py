"""Windows and bins of genes, worked out by hand.

The model reads 64 bp and predicts 6 bins of 8 bp from index 8 on; its centre is index 31.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.placing import (
    GenesAround,
    GeneWindows,
    Geometry,
    OwnWindow,
    Placed,
    Readout,
    transcription_bins,
)
from enformer_vep.genome.variants import Variant

GEOMETRY = Geometry(window=64, first=8, width=8, bins=6)


def gene(tss: int, *starts: int, forward: bool = True, name: str = "G") -> Gene:
    """The first of the starts is the representative one."""
    starts = starts or (tss,)
    return Gene(f"ENS{name}", name, "chr1", forward, tss, tuple(sorted(starts)), starts[0])


def variant(start: int, reference: str = "A") -> Variant:
    return Variant("1", start + 1, ".", reference, "C")


def around(*genes: Gene, tss_bins: int = 3) -> GenesAround:
    return GenesAround(GEOMETRY, GeneIndex(genes), {"1": "chr1"}.get, tss_bins)


def windows(*genes: Gene, shifts: tuple[int, ...] = (0,), tss_bins: int = 3) -> GeneWindows:
    return GeneWindows(GEOMETRY, GeneIndex(genes), {"1": "chr1"}.get, tss_bins, shifts)


def test_a_variant_alone_has_its_own_window_and_one_row():
    assert OwnWindow(GEOMETRY).place(variant(500)) == (Placed(variant(500), 0, (Readout(),)),)


@pytest.mark.parametrize(
    ("starts", "tss_bins", "expected"),
    [
        # Window 100..163: bins [108, 116), [116, 124), ..., [148, 156).
        ((108,), 1, (0,)),
        ((108,), 3, (0, 1)),
        ((123,), 3, (0, 1, 2)),
        ((124,), 3, (1, 2, 3)),
        ((155,), 3, (4, 5)),
        ((155,), 5, (3, 4, 5)),
        ((107,), 3, ()),
        ((156,), 3, ()),
        ((107, 130), 1, (2,)),
        ((120, 121), 3, (0, 1, 2)),
        ((110, 126), 3, (0, 1, 2, 3)),
        ((110, 150), 1, (0, 5)),
        # Of an even number one more lies behind the start's own bin.
        ((131,), 2, (2, 3)),
        ((131,), 4, (1, 2, 3, 4)),
        ((108,), 4, (0, 1, 2)),
        ((155,), 2, (5,)),
        ((107,), 2, ()),
        ((108, 150), 2, (0, 1, 5)),
    ],
)
def test_bins_of_transcription_starts(starts, tss_bins, expected):
    assert transcription_bins(starts, 100, GEOMETRY, tss_bins) == expected


def test_genes_around_a_variant_with_distance_along_their_strand():
    # Variant at 131: window 100..163, bins 108..155.
    forward, backward = gene(120, name="F"), gene(140, forward=False, name="R")
    (placed,) = around(backward, forward).place(variant(131))
    assert placed.shift == 0
    assert placed.readouts == (
        Readout((0, 1, 2), ("ENSF", "F", 11, 1)),
        Readout((3, 4, 5), ("ENSR", "R", 9, 1)),
    )


def test_the_distance_is_that_of_the_genes_own_start_the_bins_are_those_of_all_starts():
    (placed,) = around(gene(20, 20, 110, 150), tss_bins=1).place(variant(131))
    assert placed.readouts == (Readout((0, 5), ("ENSG", "G", 111, 2)),)


@pytest.mark.parametrize(("tss", "inside"), [(107, False), (108, True), (155, True), (156, False)])
def test_a_gene_is_in_reach_when_it_starts_in_a_bin(tss: int, inside: bool):
    assert bool(around(gene(tss)).place(variant(131))) is inside


def test_a_gene_on_another_contig_is_out_of_reach():
    assert around(gene(120)).place(Variant("2", 132, ".", "A", "C")) == ()


def test_a_window_around_the_tss_serves_every_variant_within():
    # TSS at 131 at index 31: window 100..163; the TSS lies in bin (31 - 8) // 8 = 2.
    for start in (100, 131, 163):
        (placed,) = windows(gene(131)).place(variant(start))
        assert placed.window_start(64) == 100
        assert placed.readouts == (Readout((1, 2, 3), ("ENSG", "G", start - 131, 1)),)
    assert windows(gene(131)).place(variant(99)) == ()
    assert windows(gene(131)).place(variant(164)) == ()


def test_all_of_ref_has_to_lie_in_the_window_under_every_shift():
    assert windows(gene(131)).place(variant(161, "AAA"))
    assert not windows(gene(131)).place(variant(162, "AAA"))
    # Windows 97..160 and 105..168: only 105..160 is in both.
    for start, inside in ((104, False), (105, True), (160, True), (161, False)):
        assert bool(windows(gene(131), shifts=(-3, 5)).place(variant(start))) is inside


def test_each_gene_has_its_own_window():
    first, second = windows(gene(131, name="A"), gene(140, name="B")).place(variant(150))
    assert (first.window_start(64), second.window_start(64)) == (100, 109)
    assert [one.readouts[0].context[2] for one in (first, second)] == [19, 10]


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from(["A", "ACG"]), st.booleans())
def test_reach_is_the_same_from_both_sides(tss: int, start: int, reference: str, forward: bool):
    placed = windows(gene(tss, forward=forward)).place(variant(start, reference))
    inside = tss - 31 <= start and start + len(reference) <= tss + 33
    assert bool(placed) is inside
    if inside:
        distance = start - tss if forward else tss - start
        assert placed[0].readouts[0].context == ("ENSG", "G", distance, 1)


def test_a_window_stands_on_the_representative_start_and_counts_the_starts_that_are_read():
    """The distance stays that from the gene's own 5' end, where no transcript that counts need begin."""
    # Window 100..163 on the start at 131, which lies in bin 2; 150 lies in bin 5, 20 and 300 in none.
    for others, bins, used in (((150,), (2, 5), 2), ((129,), (2,), 2), ((20,), (2,), 1), ((20, 300), (2,), 1)):
        (placed,) = windows(gene(90, 131, *others), tss_bins=1).place(variant(120))
        assert placed.window_start(64) == 100
        assert placed.readouts == (Readout(bins, ("ENSG", "G", 30, used)),)
    assert windows(gene(131, 20)).place(variant(120)) == ()


@pytest.mark.parametrize("forward", [True, False])
def test_an_even_number_of_bins_on_a_start_is_the_middle_of_the_window(forward: bool):
    """As published studies take them, on either strand: six bins, of which 2 and 3 are the middle."""
    for count, bins in ((2, (2, 3)), (4, (1, 2, 3, 4)), (6, (0, 1, 2, 3, 4, 5))):
        (placed,) = windows(gene(131, forward=forward), tss_bins=count).place(variant(120))
        assert placed.readouts[0].bins == bins


@given(st.integers(0, 47), st.integers(1, 8))
def test_bins_of_a_start_are_those_around_it(offset: int, count: int):
    geometry = Geometry(window=64, first=8, width=8, bins=6)
    around_it = geometry.bins_around(8 + offset, count)
    expected = range(6) if around_it is None else around_it
    assert transcription_bins((100 + 8 + offset,), 100, geometry, count) == tuple(b for b in expected if 0 <= b < 6)
