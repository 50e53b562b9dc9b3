"""Reading elements and pairs, and deciding which of them can be scored."""

import logging

import pytest

from enformer_vep.errors import InputError
from enformer_vep.explain.element_files import read_wanted_pairs
from enformer_vep.explain.elements import Element, Reach, WantedPair, plan_pairs
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.genes import Gene, GeneIndex
from enformer_vep.genome.variants import Status
from enformer_vep.genome.windows import window_start
from tests.builders import make_fasta, write_text

REACH = Reach(window=200, shifts=(0,), within=150)


def gene(identifier, start, contig="chr1", forward=True, name=None):
    return Gene(identifier, name or f"name of {identifier}", contig, forward, start, (start,), start)


@pytest.fixture
def genome(tmp_path):
    contigs = {"chr1": "ACGT" * 100 + "N" * 10 + "ACGT" * 100, "chr2": "ACGT" * 25}
    return Genome(make_fasta(tmp_path / "genome.fa", contigs))


def statuses(groups):
    return [
        (group.gene and group.gene.identifier, pair.element.start, pair.status.value)
        for group in groups
        for pair in group.pairs
    ]


def test_bed_with_and_without_names(tmp_path):
    path = write_text(tmp_path / "x.bed", "# a comment\ntrack name=x\nchr1\t5\t9\tone two\t0\nchr1 7 20\n\n")
    assert read_wanted_pairs(path) == (
        WantedPair(Element("chr1", 5, 9, "one_two")),
        WantedPair(Element("chr1", 7, 20)),
    )


def test_a_table_of_pairs_by_its_header(tmp_path):
    text = "dataset\tchrom\tstart\tend\tgene\tgene_id\tname\n"
    text += "x\tchr1\t5\t9\tA\tENSG1\te\nx\tchr1\t5\t9\tB\tNA\tf\n"
    assert read_wanted_pairs(write_text(tmp_path / "pairs.tsv.gz", text)) == (
        WantedPair(Element("chr1", 5, 9, "e"), "ENSG1", "A"),
        WantedPair(Element("chr1", 5, 9, "f"), "", "B"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n", "has no element; give BED"),
        ("\n", "has no element; give BED"),
        ("chr1\t9\t5\n", "line 1: 'chr1\\\\t9\\\\t5' is not an element"),
        ("chr1\t5\t5\n", "line 1"),
        ("chr1\t5\n", "line 1"),
        ("chr1\t1\t4\nchr1\tx\t5\n", "line 2"),
        ("chrom\tstart\tend\tgene\nchr1\t5\t9\tNA\n", "line 2: .* names no gene"),
        ("chrom\tstart\tend\tgene\nchr1\t5\tnine\tA\n", "line 2: .* is not an element"),
        ("chrom\tstart\tend\tgene\n", "has no element"),
        ("chrom\tstart\tend\tscore\nchr1\t5\t9\t1\n", "a header with the columns chrom, start, end and gene"),
    ],
)
def test_bad_input_is_one_line_that_names_the_remedy(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_wanted_pairs(write_text(tmp_path / "x.bed", text))
    assert "\n" not in str(error.value)


def test_every_element_has_a_row(genome):
    """Near two genes, near none, at the edge of a window, and each reason of its own."""
    genes = GeneIndex([gene("B", 250), gene("A", 100), gene("C", 50, "chr2")])
    elements = [
        Element("chr1", 150, 160), Element("chr1", 700, 710), Element("chr1", 300, 320), Element("chr1", 395, 405),
        Element("chr9", 1, 5), Element("chr2", 90, 101), Element("chr1", 100, 201), Element("2", 10, 20),
    ]  # fmt: skip
    groups = plan_pairs([WantedPair(one) for one in elements], genome, genes, REACH)
    assert [group.gene and group.gene.identifier for group in groups] == ["B", "A", "C", None]
    assert statuses(groups) == [
        ("B", 150, "out_of_reach"),
        ("B", 300, "ok"),
        ("A", 150, "ok"),
        ("C", 10, "ok"),
        (None, 700, "no_gene_in_reach"),
        (None, 395, "gap"),
        (None, 1, "unknown_contig"),
        (None, 90, "outside_contig"),
        (None, 100, "too_long"),
    ]


@pytest.mark.parametrize("shifts", [(0,), (-3, 0, 5), (7,)])
def test_reach_is_what_every_window_holds(shifts):
    reach, one = Reach(200, shifts, 1000), gene("A", 1000)
    for position in range(880, 1120):
        element = Element("chr1", position, position + 11)
        windows = [window_start(1000, 200, shift) for shift in shifts]
        inside = all(start <= element.start and element.end <= start + 200 for start in windows)
        assert reach.holds(one, element) == inside


def test_pairs_that_are_asked_for_are_never_dropped(genome, caplog):
    genes = GeneIndex([gene("ENSG1.4", 100, name="ONE"), gene("ENSG2", 250), gene("ENSG3", 50, "chr2", name="ONE")])
    near, far, gap = Element("chr1", 110, 130), Element("chr1", 600, 620), Element("chr1", 395, 405)
    wanted = [
        WantedPair(near, "ENSG1"), WantedPair(near, "ENSG1.4"), WantedPair(near, "unknown", "ONE"),
        WantedPair(far, "ENSG2"), WantedPair(near, "ENSG3"), WantedPair(near, "NOWHERE"),
        WantedPair(gap, "ENSG2"), WantedPair(Element("chr2", 40, 50), "ONE"),
    ]  # fmt: skip
    with caplog.at_level(logging.INFO, "enformer_vep"):
        groups = plan_pairs(wanted, genome, genes, REACH)
    assert "2 pairs repeat earlier ones" in caplog.text
    assert statuses(groups) == [
        ("ENSG1.4", 110, "ok"), ("ENSG2", 600, "out_of_reach"),
        ("ENSG2", 395, "gap"), ("ENSG3", 110, "out_of_reach"), ("ENSG3", 40, "ok"), (None, 110, "gene_without_tss"),
    ]  # fmt: skip
    assert groups[-1].pairs[0].wanted.names == ("NOWHERE",)


@pytest.mark.parametrize(("forward", "distance"), [(True, 20), (False, -20)])
def test_distance_is_positive_downstream(genome, forward, distance):
    genes = GeneIndex([gene("A", 100, forward=forward)])
    groups = plan_pairs([WantedPair(Element("1", 115, 125))], genome, genes, REACH)
    assert groups[0].pairs[0].distance == distance
    assert groups[0].pairs[0].status is Status.OK
