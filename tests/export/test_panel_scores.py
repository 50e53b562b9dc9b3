"""Every export against a search of the table, row by row, by the rule that README states."""

import gzip
import itertools
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enformer_vep.errors import InputError
from enformer_vep.export.class_scale import Classes
from enformer_vep.export.exporter import ExportRequest, export

HEADER = "#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\tSAD_b\n"
# Contig, position, REF, ALT: an insertion and a deletion at one place, multi-allelic places, MNVs, strand-ambiguous
# SNVs, delins, the same alleles elsewhere, other names of contigs.
VARIANTS = [
    ("chr1", 100, "A", "AG"),
    ("chr1", 100, "AG", "A"),
    ("chr1", 100, "A", "AGG"),
    ("chr1", 100, "A", "T"),
    ("chr1", 100, "A", "G"),
    ("chr1", 101, "AG", "A"),
    ("chr1", 200, "C", "G"),
    ("chr1", 200, "C", "A"),
    ("chr1", 300, "AC", "GT"),
    ("chr1", 300, "AC", "TG"),
    ("chr1", 300, "AC", "G"),
    ("chr1", 300, "ACT", "GG"),
    ("chrX", 100, "a", "ag"),
    ("chrX", 300, "g", "C"),
    ("chrM", 50, "T", "C"),
]
NAMES = {"chr1": "1", "chrX": "23", "chrM": "26"}
PANEL = [
    (NAMES[contig], position, *(word.upper() for word in pair))
    for contig, position, first, second in VARIANTS
    for pair in ((second, first), (first, second))
]
SCORES = np.random.default_rng(5).normal(size=(len(VARIANTS), 2)).astype(np.float32)
NOT_SCORED = 4


def write_table(path: Path, order: list[int]) -> Path:
    lines = []
    for number in order:
        contig, position, reference, alternate = VARIANTS[number]
        cells = "\tNA\tNA" if number == NOT_SCORED else "".join(f"\t{value:.9g}" for value in SCORES[number])
        status = "ref_mismatch" if number == NOT_SCORED else "ok"
        lines.append(f"{contig}\t{position}\trs\t{reference}\t{alternate}\t{status}{cells}\n")
    path.write_text(HEADER + "".join(lines))
    return path


def write_bim(path: Path, order: list[int]) -> Path:
    rows = [(number, *PANEL[number]) for number in order]
    path.write_text("".join(f"{c}\tn{number}\t0\t{at}\t{a1}\t{a2}\n" for number, c, at, a1, a2 in rows))
    return path


def signed_effect(panel_number: int) -> np.ndarray:
    """Of A1 [columns], NaN where the table does not have it: the table is searched from its beginning."""
    contig, at, a1, a2 = PANEL[panel_number]
    for number, (name, position, reference, alternate) in enumerate(VARIANTS):
        reference, alternate = reference.upper(), alternate.upper()
        if (NAMES[name], position) != (contig, at) or number == NOT_SCORED:
            continue
        if (reference, alternate) == (a2, a1):
            return SCORES[number]
        if len(reference) == len(alternate) and (reference, alternate) == (a1, a2):
            return -SCORES[number]
    return np.full(2, np.nan, np.float32)


ORDERS = ["as written", "reversed", "shuffled"]


def ordered(size: int, how: str) -> list[int]:
    numbers = list(range(size))
    if how == "shuffled":
        return np.random.default_rng(8).permutation(size).tolist()
    return numbers[::-1] if how == "reversed" else numbers


@pytest.mark.parametrize(("table_order", "panel_order"), list(itertools.product(ORDERS, ORDERS)))
def test_every_format(tmp_path, table_order, panel_order):
    table = write_table(tmp_path / "t.tsv", ordered(len(VARIANTS), table_order))
    order = ordered(len(PANEL), panel_order)
    bim = write_bim(tmp_path / "x.bim", order)
    expected = np.array([signed_effect(number) for number in order])
    known = ~np.isnan(expected[:, 0])
    assert 0 < known.sum() < len(order)

    def read(tool: str) -> pd.DataFrame:
        names = export(ExportRequest(str(table), str(tmp_path / "e"), tool, bims=(bim,), classes=Classes.TOGETHER))
        reader = pd.read_parquet if tool == "polyfun" else lambda name: pd.read_csv(name, sep="\t")
        frame = pd.concat(reader(name) for name in names).set_index("SNP")
        assert len(frame) == len(order)
        return frame.loc[[f"n{number}" for number in order], ["SAD_a", "SAD_b"]]

    np.testing.assert_allclose(read("sldp"), np.nan_to_num(expected), rtol=1e-6)
    for tool in ("ldsc", "polyfun"):
        np.testing.assert_allclose(read(tool), np.nan_to_num(np.abs(expected)), rtol=1e-6)

    logs = pd.Series(np.log2(np.abs(expected[:, 0].astype(float))))
    weights = np.exp(((logs - logs.mean()) / logs.std(ddof=0)).clip(-np.log(10), np.log(10)))
    weights = weights.fillna(weights.mean())
    z = tmp_path / "x.z"
    rows = [(f"n{number}", *PANEL[number]) for number in order]
    pd.DataFrame(rows, columns=["SNP", "CHR", "BP", "A1", "A2"]).to_csv(z, sep=" ", index=False)
    for tool, column in (("susie", "prior_weight"), ("finemap", "prob"), ("polyfun-priors", "SNPVAR")):
        out = tmp_path / f"{tool}.txt"
        export(ExportRequest(str(table), str(out), tool, ("SAD_a",), statistics=z, classes=Classes.TOGETHER))
        frame = pd.read_csv(out, sep=r"\s+")
        assert frame["SNP"].tolist() == [f"n{number}" for number in order]
        np.testing.assert_allclose(frame[column], weights / weights.sum(), rtol=1e-6)


@pytest.mark.parametrize("reverse", [False, True])
def test_an_insertion_and_a_deletion_at_one_place(tmp_path, reverse):
    rows = ["chr1\t8000\tins\tA\tAG\tok\t0.002\t1\n", "chr1\t8000\tdel\tAG\tA\tok\t0.0016\t2\n"]
    (tmp_path / "t.tsv").write_text(HEADER + "".join(rows[::-1] if reverse else rows))
    (tmp_path / "x.bim").write_text("1 ins 0 8000 AG A\n1 del 0 8000 A AG\n")
    (name,) = export(
        ExportRequest(str(tmp_path / "t.tsv"), str(tmp_path / "e"), "sldp", ("SAD_a",), bims=(tmp_path / "x.bim",))
    )
    lines = gzip.decompress(Path(name).read_bytes()).decode().splitlines()
    assert [line.split("\t")[0::6] for line in lines[1:]] == [["ins", "0.002"], ["del", "0.0016"]]


def test_an_indel_that_is_there_the_other_way_round_is_not_matched_and_said(tmp_path, caplog):
    (tmp_path / "t.tsv").write_text(HEADER + "chr1\t8000\t.\tAG\tA\tok\t1\t2\nchr1\t9000\t.\tA\tC\tok\t3\t4\n")
    (tmp_path / "x.bim").write_text("1 ins 0 8000 AG A\n1 snv 0 9000 A C\n")
    request = ExportRequest(str(tmp_path / "t.tsv"), str(tmp_path / "e"), "sldp", bims=(tmp_path / "x.bim",))
    with caplog.at_level(logging.INFO):
        (name,) = export(request)
    lines = gzip.decompress(Path(name).read_bytes()).decode().splitlines()
    assert [line.split("\t")[6:] for line in lines[1:]] == [["0", "0"], ["-3", "-4"]]
    assert "1 insertions or deletions of" in caplog.text
    assert "such as ins (1:8000, A1 AG, A2 A)" in caplog.text
    assert "1 of 2 variants" in caplog.text
    (tmp_path / "x.bim").write_text("1 ins 0 8000 AG A\n")
    with pytest.raises(InputError, match="no variant of"):
        export(request)


def test_what_is_not_finite_is_not_a_small_effect(tmp_path, caplog):
    """NaN and inf in a row that is ok: 0 in annotations, said; an average prior, not the smallest."""
    (tmp_path / "t.tsv").write_text(
        HEADER + "chr1\t1\t.\tA\tC\tok\t4\tnan\nchr1\t2\t.\tA\tC\tok\tinf\tnan\nchr1\t3\t.\tA\tC\tok\t1\t-2\n"
    )
    (tmp_path / "x.bim").write_text("".join(f"1 n{at} 0 {at} C A\n" for at in (1, 2, 3)))
    table, bims = str(tmp_path / "t.tsv"), (tmp_path / "x.bim",)
    (name,) = export(ExportRequest(table, str(tmp_path / "e"), "sldp", bims=bims))
    frame = pd.read_csv(name, sep="\t")
    np.testing.assert_array_equal(frame[["SAD_a", "SAD_b"]], [[4, 0], [0, 0], [1, -2]])
    assert "1 variants without a score get 0" in caplog.text
    assert "1 values that are no numbers" in caplog.text
    export(ExportRequest(table, str(tmp_path / "p.tsv"), "susie", ("SAD_a",), bims=bims))
    # log2 of 4 and 1: z = 1, -1; the second has their mean weight.
    weights = np.array([np.e, (np.e + 1 / np.e) / 2, 1 / np.e])
    found = pd.read_csv(tmp_path / "p.tsv", sep="\t")["prior_weight"]
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-6)


def test_genes_whose_values_are_partly_missing(tmp_path):
    header = HEADER.replace("STATUS\t", "STATUS\tGENE_ID\tGENE_NAME\tTSS_DISTANCE\t")
    rows = ["g1\tG\t5\tnan\t-2\n", "g2\tG\t5\t3\tnan\n", "g3\tG\t5\t-1\t1\n"]
    (tmp_path / "t.tsv").write_text(header + "".join(f"chr1\t1\t.\tA\tC\tok\t{row}" for row in rows))
    (tmp_path / "x.bim").write_text("1 n 0 1 C A\n")
    request = ExportRequest(str(tmp_path / "t.tsv"), str(tmp_path / "e"), "sldp", bims=(tmp_path / "x.bim",))
    frame = pd.read_csv(export(request)[0], sep="\t")
    np.testing.assert_array_equal(frame[["SAD_a", "SAD_b"]], [[3, -2]])
