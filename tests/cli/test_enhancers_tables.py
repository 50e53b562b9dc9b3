"""`enhancers abc` and `enhancers evaluate`, as a shell sees them: on real pairs of chr22, without a model."""

import numpy as np
import pytest

from enformer_vep.explain.abc_table import ABC_COLUMNS
from enformer_vep.explain.evaluation_tables import ACCOUNTING_COLUMNS, DIFFERENCE_COLUMNS, EVALUATION_COLUMNS
from tests.builders import write_text


@pytest.fixture
def measured(data_directory):
    return data_directory / "crispri_chr22.tsv"


def rows(table):
    header, *lines = table
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_a_real_gene(command, data_directory, tmp_path):
    with np.load(data_directory / "golden_abc.npz") as golden:
        columns = [golden[name].tolist() for name in ("start", "length", "promoter", "activity")]
        tss, expected = int(golden["tss"]), golden["reference_score"]
        wanted = golden["reference_start"].tolist()
    lines = [
        f"chr22\t{start}\t{start + length}\t{'promoter' if promoter else 'genic'}\t{activity!r}\n"
        for start, length, promoter, activity in zip(*columns, strict=True)
    ]
    elements = write_text(tmp_path / "elements.tsv", "chrom\tstart\tend\tclass\tactivity\n" + "".join(lines))
    genes = write_text(tmp_path / "genes.tsv", f"chrom\tgene\ttss\n22\tADA2\t{tss}\n")
    outcome = command("enhancers", "abc", elements, "--genes", genes)
    assert outcome.code == 0, outcome.err
    assert tuple(outcome.table[0]) == ABC_COLUMNS
    found = {int(row["START"]): float(row["ABC"]) for row in rows(outcome.table)}
    assert len(found) == len(lines)
    np.testing.assert_allclose([found[start] for start in wanted], expected, rtol=0, atol=6e-7)
    assert f"{len(lines)} elements, 1 genes; pairs: {len(lines)} ok" in outcome.err
    high = command("enhancers", "abc", elements, "--genes", genes, "--min-score", 0.02)
    assert len(rows(high.table)) == sum(score >= 0.02 for score in found.values()) < 20
    assert "below --min-score left out" in high.err


def test_counts_reference_and_contact(command, tmp_path):
    elements = write_text(tmp_path / "e.bed", "chr1\t1000\t1500\nchr1\t30000\t30500\nchr1\t60000\t60500\n")
    genes = write_text(tmp_path / "g.bed", "chr1\t1200\t9000\tGENE\t0\t+\n")
    counts = write_text(tmp_path / "c.bed", "chr1\t1000\t1500\t9\nchr1\t30000\t30500\t4\nchr1\t60000\t60500\t4\n")
    quantiles = write_text(
        tmp_path / "q.tsv",
        "enh_class\trank\tDHS.RPM\tH3K27ac.RPM\n"
        + "".join(f"{kind}\t{rank}\t{9 - rank}\t4\n" for kind in ("promoter", "nonpromoter") for rank in (0, 5)),
    )
    words = ("enhancers", "abc", elements, "--genes", genes, "--accessibility", counts)
    plain = rows(command(*words).table)
    assert [row["CLASS"] for row in plain] == ["promoter", "nonpromoter", "nonpromoter"]
    assert float(plain[1]["ABC"]) > float(plain[2]["ABC"])
    normal = rows(command(*words, "--h3k27ac", counts, "--quantiles", quantiles).table)
    # The strongest promoter has rank 0; two elements that tie share 0.5.
    assert [float(row["ACTIVITY"]) for row in normal] == pytest.approx([6, np.sqrt(8.5 * 4), np.sqrt(8.5 * 4)])
    hic = write_text(
        tmp_path / "h.bedpe", "chr1\t0\t5000\tchr1\t60000\t65000\t.\t0.5\nchr1\t0\t5000\tchr1\t0\t5000\t.\t1\n"
    )
    near, far = (float(row["ABC"]) for row in rows(command(*words, "--contact", hic).table)[1:])
    assert far > 10 * near


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--quantiles", "q.tsv"], 2, "--h3k27ac and --quantiles belong to --accessibility"),
        ([], 1, "no column activity and no signal is given; add --accessibility"),
        (["--accessibility", "absent.bw"], 1, "does not exist"),
        (["-o", "no/where.tsv"], 1, "make the folder first"),
        (["-o", "e.bed"], 2, "e.bed is an input of this run"),
    ],
)
def test_abc_that_cannot_be(command, tmp_path, monkeypatch, words, code, message):
    pytest.importorskip("pybigtools")
    monkeypatch.chdir(tmp_path)
    elements = write_text(tmp_path / "e.bed", "chr1\t1000\t1500\n")
    genes = write_text(tmp_path / "g.bed", "chr1\t1200\t9000\tGENE\t0\t+\n")
    outcome = command("enhancers", "abc", elements, "--genes", genes, *words)
    assert outcome.code == code
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_baselines_alone(command, measured):
    outcome = command("enhancers", "evaluate", "--measured", measured, "--samples", 100)
    assert outcome.code == 0, outcome.err
    assert tuple(outcome.table[0]) == EVALUATION_COLUMNS
    found = rows(outcome.table)
    assert {row["RANKING"] for row in found} == {"INVERSE_DISTANCE", "H3K27AC_BY_DISTANCE", "ACTIVITY_BY_DISTANCE"}
    assert len(found) == 3 * 7 * 3
    whole = found[0]
    assert (whole["PAIRS"], whole["DISTANCE"], whole["COUNT"], whole["POSITIVES"]) == ("all", "all", "91", "5")
    assert float(whole["AUPRC_LOW"]) <= float(whole["AUPRC"]) <= float(whole["AUPRC_HIGH"])
    assert "91 measured pairs, 5 regulated; within 98,304 bp of the TSS 14, 4 regulated" in outcome.err
    assert any(row["STATUS"] == "no_positives" and row["AUPRC"] == "NA" for row in found)
    again = command("enhancers", "evaluate", "--measured", measured, "--samples", 100)
    assert again.out == outcome.out


def test_scores_beside_baselines(command, measured, tmp_path):
    pytest.importorskip("matplotlib")
    header, *lines = (line.split("\t") for line in measured.read_text().splitlines())
    cells = [dict(zip(header, line, strict=True)) for line in lines]
    # The answer itself, for what a model might reach.
    scores = write_text(
        tmp_path / "scores.tsv",
        "#CHROM\tSTART\tEND\tSTATUS\tGENE_ID\tTSS\tKNOCKOUT\n"
        + "".join(
            f"22\t{row['start']}\t{row['end']}\t{status}\t{row['gene_id']}.7\t{row['tss']}\t{value}\n"
            for row in cells
            for near in [abs((int(row["start"]) + int(row["end"])) / 2 - int(row["tss"])) <= 98_304]
            for status, value in [("ok", -int(row["regulated"])) if near else ("out_of_reach", "NA")]
        ),
    )
    files = [tmp_path / name for name in ("differences.tsv", "accounting.tsv", "figure.png")]
    outcome = command(
        "enhancers", "evaluate", scores, "--measured", measured, "--score", "KNOCKOUT:negated", "--samples", 100,
        "--distance-bins", "0-20", "--differences", files[0], "--accounting", files[1], "--figure", files[2],
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = {(row["PAIRS"], row["DISTANCE"], row["RANKING"]): row for row in rows(outcome.table)}
    own = found["scored", "all", "KNOCKOUT"]
    assert (own["AUROC"], own["PRECISION_AT_70_RECALL"], own["SCORED_POSITIVES"]) == ("1", "1", "4")
    assert found["all", "all", "KNOCKOUT"]["COUNT"] == "91"
    assert "14 of 91 pairs have scores, 4 of them regulated (others: 77 not_scored:out_of_reach)" in outcome.err
    differences = rows([line.split("\t") for line in files[0].read_text().splitlines()])
    assert tuple(differences[0]) == DIFFERENCE_COLUMNS
    pair = next(row for row in differences if (row["PAIRS"], row["RANKING"]) == ("scored", "KNOCKOUT"))
    expected = 1 - float(found["scored", "all", pair["OVER"]]["AUROC"])
    assert float(pair["AUROC"]) == pytest.approx(expected, abs=1e-5)
    accounting = [line.split("\t") for line in files[1].read_text().splitlines()]
    assert tuple(accounting[0]) == ACCOUNTING_COLUMNS
    assert len(accounting) == 92
    assert files[2].stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--where", "cell_type=HeLa"], 1, "no measured pair is left (91 for --where)"),
        (["--column", "label=causal"], 1, "has no column causal"),
        (["--column", "colour=causal"], 2, "no such role"),
        (["--distance-bins", "3-0"], 2, "write ranges of kb"),
        (["--figure", "figure.gif"], 2, "figures are written as png, svg, pdf"),
        (["--score", "ABC"], 1, "no score table has a column ABC"),
    ],
)
def test_evaluations_that_cannot_be(command, measured, words, code, message):
    outcome = command("enhancers", "evaluate", "--measured", measured, *words)
    assert outcome.code == code
    assert message in outcome.err


def test_nothing_to_draw(command, measured, tmp_path):
    pytest.importorskip("matplotlib")
    outcome = command(
        "enhancers", "evaluate", "--measured", measured, "--where", "regulated=0", "--figure", tmp_path / "f.png"
    )
    assert outcome.code == 1
    assert "nothing to draw" in outcome.err
    assert not (tmp_path / "f.png").exists()


def test_measured_pairs_are_not_replaced(command, tmp_path):
    table = write_text(tmp_path / "m.tsv", "chrom\tstart\tend\tgene\ttss\tregulated\n")
    outcome = command("enhancers", "evaluate", "--measured", table, "--differences", table)
    assert outcome.code == 2
    assert "is an input of this run" in outcome.err
