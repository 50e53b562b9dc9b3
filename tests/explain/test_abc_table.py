"""Elements, genes and the table of activity by contact."""

import numpy as np
import pytest

from enformer_vep.errors import InputError
from enformer_vep.explain.abc_table import ABC_COLUMNS, NO_ELEMENT, AbcCounts, AbcModel, abc_lines
from enformer_vep.explain.activity_by_contact import expected_contact
from enformer_vep.explain.candidate_elements import TargetGene, promoters_of, read_candidates, read_target_genes
from enformer_vep.explain.element_signals import NO_SIGNAL, ElementActivity
from enformer_vep.genome.variants import Status
from enformer_vep.settings.explain_abc import AbcSettings
from tests.builders import write_text

TABLE = (
    "chrom\tstart\tend\tname\tactivity\n"
    "chr1\t900\t1100\tp\t4\nchr1\t21000\t21501\ta\t2\nchr1\t8000000\t8000100\tfar\t1\nchr2\t0\t100\tb\tNA\n"
    "chrX\t5\t9\tc\t1\nchr1\t900\t1100\tagain\t9\n"
)
GENES = (
    TargetGene("1", "ENSG1.4", "ONE", 1000),
    TargetGene("chr2", ".", "TWO", 60),
    TargetGene("chr3", ".", "LONE", 5),
)


@pytest.fixture
def model(tmp_path):
    elements = read_candidates(write_text(tmp_path / "elements.tsv", TABLE))
    known = np.isfinite(elements.activity)
    activity = ElementActivity(elements.activity, np.where(known, Status.OK, NO_SIGNAL).astype(object))
    return AbcModel(elements, promoters_of(elements, GENES, 500), activity, AbcSettings())


def rows(model, least=0.0):
    counts = AbcCounts()
    header, *lines = (line.rstrip("\n").split("\t") for line in abc_lines(model, GENES, least, counts))
    assert tuple(header) == ABC_COLUMNS
    return [dict(zip(header, line, strict=True)) for line in lines], counts


def test_every_element_and_every_gene_has_a_row(model):
    found, counts = rows(model)
    assert [(row["NAME"], row["GENE_NAME"], row["STATUS"]) for row in found] == [
        ("p", "ONE", "ok"), ("a", "ONE", "ok"), ("b", "TWO", NO_SIGNAL), ("NA", "LONE", NO_ELEMENT),
        ("far", "NA", "no_gene_in_reach"), ("c", "NA", "no_gene_in_reach"),
    ]  # fmt: skip
    assert counts.by_status == {"ok": 2, NO_SIGNAL: 1, NO_ELEMENT: 1, "no_gene_in_reach": 2}
    assert {row["ABC"] for row in found[2:]} == {"NA"}


def test_scores_are_shares_of_what_competes(model):
    (promoter, distal, *_), _ = rows(model)
    contact = expected_contact(np.array([0, 20_250.5]), AbcSettings().contact)
    numerators = contact * np.array([4, 2])
    assert (promoter["CLASS"], promoter["SELF_PROMOTER"], promoter["ABC"]) == ("promoter", "1", "1")
    assert (distal["CLASS"], distal["MIDPOINT_DISTANCE"], distal["TSS"]) == ("nonpromoter", "20250.5", "1000")
    assert float(distal["NUMERATOR"]) == pytest.approx(numerators[1], rel=1e-8)
    assert float(distal["ABC"]) == pytest.approx(numerators[1] / numerators.sum(), rel=1e-8)


def test_low_scores_are_counted_and_left_out(model):
    found, counts = rows(model, least=0.5)
    assert [row["NAME"] for row in found if row["STATUS"] == "ok"] == ["p"]
    assert counts.below == 1
    assert counts.by_status["ok"] == 2


def test_bed_and_its_remarks(tmp_path):
    path = write_text(
        tmp_path / "e.bed", "track name=x\n#a remark\nchr1\t5\t10\tone\t0\t+\textra\nchr2\t7\t9\ttwo\t0\t-\ty\n"
    )
    found = read_candidates(path)
    assert (found.start.tolist(), found.name.tolist(), found.promoter) == ([5, 7], ["one", "two"], None)
    spaces = read_candidates(write_text(tmp_path / "s.bed", "chr1 5 10\nchr2 7 9\n"))
    assert (spaces.end.tolist(), spaces.name.tolist()) == ([10, 9], [".", "."])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t5\t5\n", "row 1: the start 5 is not before"),
        ("chrom\tstart\tend\nchr1\tx\t5\n", "row 1: start x is not a position"),
        ("chrom\tstart\nchr1\t5\n", "need a column end"),
        ("", "empty"),
    ],
)
def test_what_are_no_elements(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_candidates(write_text(tmp_path / "e.bed", text))


def test_a_class_column_says_what_are_promoters(tmp_path):
    path = write_text(tmp_path / "e.tsv", "chrom\tstart\tend\tclass\n1\t0\t9\tgenic\n1\t5\t9\tpromoter\n")
    assert read_candidates(path).promoter.tolist() == [False, True]


def test_promoters_are_strictly_within_the_slop(tmp_path):
    elements = read_candidates(
        write_text(tmp_path / "e.bed", "1\t0\t500\n1\t0\t501\nchr1\t1500\t1600\n1\t1499\t1600\n2\t900\t1100\n")
    )
    assert promoters_of(elements, GENES[:1], 500).tolist() == [False, True, False, True, False]


def test_genes_of_an_annotation_start_where_the_model_has_it(tmp_path):
    """On the - strand the half-open end, one past the last base."""
    line = 'chr1\tX\tgene\t{}\t{}\t.\t{}\t.\tgene_id "{}"; gene_name "{}"; gene_type "t";\n'
    text = line.format(101, 200, "+", "G1.2", "ONE") + line.format(301, 400, "-", "G2", "TWO")
    found = read_target_genes(write_text(tmp_path / "genes.gtf.gz", text))
    assert found == (TargetGene("chr1", "G1.2", "ONE", 100), TargetGene("chr1", "G2", "TWO", 400))


def test_genes_of_tables_and_bed(tmp_path):
    bed = write_text(
        tmp_path / "genes.bed", "chr1\t100\t200\tONE\t0\t+\nchr1\t300\t400\tTWO\t0\t-\nchr1\t300\t400\tTWO\t0\t-\n"
    )
    assert [(gene.name, gene.identifier, gene.tss) for gene in read_target_genes(bed)] == [
        ("ONE", ".", 100),
        ("TWO", ".", 400),
    ]
    table = write_text(tmp_path / "genes.tsv", "chrom\tgene_id\ttss\nchr1\tG1\t7\n")
    assert read_target_genes(table) == (TargetGene("chr1", "G1", "G1", 7),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrom\ttss\nchr1\t5\n", "names no genes"),
        ("chrom\tgene\tstart\tend\nchr1\tA\t5\t9\n", "need a column strand"),
        ("chrom\tgene\tstart\tend\tstrand\nchr1\tA\t5\t9\t.\n", "row 1: the strand"),
        ("chrom\tgene\ttss\nchr1\tA\t\n", r"row 1: tss \(empty\)"),
    ],
)
def test_what_are_no_genes(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_target_genes(write_text(tmp_path / "genes.tsv", text))
