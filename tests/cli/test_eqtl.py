import gzip
import json

import numpy as np
import pytest

pytest.importorskip("sklearn")

from enformer_vep.eqtl.report import ACCOUNTING_COLUMNS, FOLD_COLUMNS, METRIC_COLUMNS
from tests.eqtl import toy

QUICK = ("--trees", 5)
TRACKS = ("--direction-tracks", ",".join(f"T{index}" for index in range(8)))
FOLDS = ("--folds", 4, "--repeats", 2)


@pytest.fixture
def cohort(tmp_path):
    return toy.cohort(tmp_path, tissues=2)


@pytest.fixture
def evaluate(command, cohort):
    scores, labels = cohort
    return lambda *words: command("eqtl", "evaluate", scores, "--labels", labels, *QUICK, *FOLDS, *TRACKS, *words)


@pytest.fixture
def fitted(command, cohort, tmp_path):
    scores, labels = cohort
    path = tmp_path / "m.safetensors"
    outcome = command("eqtl", "fit", scores, "-l", labels, *QUICK, "-o", path)
    assert outcome.code == 0, outcome.err
    return path


def test_evaluate_writes_a_row_per_tissue(evaluate):
    outcome = evaluate()
    assert outcome.code == 0, outcome.err
    header, *rows = outcome.table
    assert tuple(header) == METRIC_COLUMNS
    assert [row[:4] for row in rows] == [["tissue_0", "ok", "40", "120"], ["tissue_1", "ok", "40", "120"]]
    assert all(float(dict(zip(header, row, strict=True))["AUROC"]) > 0.95 for row in rows)
    assert "label rows: 80 positive, 240 negative" in outcome.err
    assert "mean AUROC over 2 of 2 tissues" in outcome.err


def test_the_same_bytes_whatever_the_jobs(evaluate):
    assert evaluate().out == evaluate("--jobs", 2).out != evaluate("--seed", 1).out


def test_tables_beside_it(evaluate, tmp_path):
    folds, accounting = tmp_path / "folds.tsv", tmp_path / "rows.tsv"
    outcome = evaluate("--fold-table", folds, "--accounting", accounting, "-o", tmp_path / "m.tsv", "-q")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    lines = [line.split("\t") for line in folds.read_text().splitlines()]
    assert tuple(lines[0]) == FOLD_COLUMNS
    assert len(lines) == 1 + 2 * 4 * 2
    metrics = dict(zip(*(line.split("\t") for line in (tmp_path / "m.tsv").read_text().splitlines()[:2]), strict=True))
    aurocs = [float(line[5]) for line in lines[1:9]]
    assert float(metrics["AUROC"]) == pytest.approx(np.mean(aurocs), rel=1e-5)
    assert float(metrics["AUROC_SD"]) == pytest.approx(np.std(aurocs, ddof=1), rel=1e-4)
    lines = [line.split("\t") for line in accounting.read_text().splitlines()]
    assert tuple(lines[0]) == ACCOUNTING_COLUMNS
    assert len(lines) == 1 + 320
    assert lines[1][1:] == ["1", "1:1000:A:G", "tissue_0", "positive"]


def test_folds_that_part_what_is_linked_warn(evaluate):
    """A cohort's loci are 2 Mb apart, four variants in each."""
    outcome = evaluate()
    assert "warning" not in outcome.err
    assert outcome.err.endswith("folds keep 40 groups of examples together; direction by tracks track:8\n")
    header, row, _ = outcome.table
    counts = dict(zip(header, row, strict=True))
    assert (counts["GROUPS"], counts["POSITIVE_GROUPS"]) == ("40", "40")
    outcome = evaluate("--keep-together", "none")
    assert "warning: --keep-together none: folds may part 80 of 80 groups" in outcome.err
    assert dict(zip(*outcome.table[:2], strict=True))["GROUPS"] == "NA"


def test_fewer_groups_than_folds_are_refused(evaluate, tmp_path):
    outcome = evaluate("--stretch", 2_000_000, "-o", tmp_path / "m.tsv")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == (
        "enformer-vep: error: tissue_0: 1 group of examples (linked by a variant, a gene, a credible set or a stretch "
        "of 2,000,000 bp) for 4 folds; label more loci, or give fewer --folds, or a shorter --stretch"
    )
    assert not (tmp_path / "m.tsv").exists()


def test_quotes_in_ids_swallow_no_row(command, cohort, fitted, tmp_path):
    """An ID that begins with a quote, in two rows: every row is predicted, with its ID."""
    text = (
        gzip.decompress(cohort[0].read_bytes()).decode().replace("\trs10\t", '\t"v_a\t').replace("\trs20\t", '\t"v_b\t')
    )
    scores = tmp_path / "quoted.tsv"
    scores.write_text(text)
    outcome = command("eqtl", "predict", fitted, scores)
    assert outcome.code == 0, outcome.err
    assert [row[:6] for row in outcome.table] == [line.split("\t")[:6] for line in text.splitlines()]
    labelled = command("eqtl", "evaluate", scores, "--labels", cohort[1], *QUICK, *FOLDS)
    assert labelled.out == command("eqtl", "evaluate", *cohort[:1], "--labels", cohort[1], *QUICK, *FOLDS).out


def test_figure(evaluate, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    assert evaluate("--figure", tmp_path / "f.png").code == 0
    pixels = image.imread(tmp_path / "f.png")
    assert pixels.shape[1] > 1500
    assert np.ptp(pixels) == 1


def test_a_tissue_with_too_few_positives_is_a_row(evaluate):
    header, *rows = evaluate("--folds", 41).table
    assert [row[1] for row in rows] == ["too_few_positives"] * 2
    assert [dict(zip(header, row, strict=True))["AUROC"] for row in rows] == ["NA", "NA"]


def test_nothing_to_draw(evaluate):
    pytest.importorskip("matplotlib")
    outcome = evaluate("--folds", 41, "--figure", "f.png")
    assert outcome.code == 1
    assert "nothing to draw" in outcome.err


def test_lists_instead_of_labels(command, cohort, tmp_path):
    from tests.builders import make_vcf

    records = [("1", toy.position(index), ".", "A", "G") for index in range(160)]
    causal = make_vcf(tmp_path / "p.vcf", records[::4])
    others = make_vcf(tmp_path / "n.vcf", [record for index, record in enumerate(records) if index % 4])
    words = ("--positives", causal, "--negatives", others, "--tissue", "blood", *QUICK, *FOLDS)
    outcome = command("eqtl", "evaluate", cohort[0], *words)
    assert outcome.code == 0, outcome.err
    row = dict(zip(*outcome.table, strict=True))
    assert (row["TISSUE"], row["POSITIVES"], row["NEGATIVES"]) == ("blood", "40", "120")
    assert (row["DISTANCE_AUROC"], row["DIRECTION_STATUS"]) == ("NA", "no_effects")
    assert float(row["AUROC"]) > 0.95


@pytest.mark.parametrize("words", [(), ("--positives", "p.vcf"), ("-l", "l.tsv", "--negatives", "n.vcf")])
def test_one_form_or_the_other(command, cohort, words):
    outcome = command("eqtl", "evaluate", cohort[0], *words)
    assert outcome.code == 2
    assert "give SCORES, and --labels or both --positives and --negatives" in outcome.err


def test_predict_keeps_every_row_in_order(command, fitted, tmp_path):
    random = np.random.default_rng(4)
    tracks = [f"T{index}" for index in range(8)]
    large = [f"{value:.9g}" for value in np.abs(random.normal(size=8)) * 1e-2]
    rows = [
        ("chr1", 7, "big", "A", "C", "ok", *large),
        ("chr1", 8, "gone", "A", "<DEL>", "symbolic_allele", *["NA"] * 8),
        ("chr1", 9, "none", "A", "C", "ok", *["0"] * 8),
        ("chr1", 9, "nan", "A", "NA", "ok", *["nan"] * 8),
    ]
    outcome = command("eqtl", "predict", fitted, toy.scores(tmp_path / "new.tsv", rows, tracks))
    assert outcome.code == 0, outcome.err
    header, *table = outcome.table
    assert header == [*toy.IDENTITY, "P_tissue_0", "P_tissue_1"]
    assert [row[:5] for row in table] == [list(map(str, row[:5])) for row in rows]
    assert [row[5] for row in table] == ["ok", "symbolic_allele", "ok", "not_finite"]
    assert float(table[0][6]) > 0.7 > 0.3 > float(table[2][6])
    assert table[1][6:] == table[3][6:] == ["NA", "NA"]


def test_tracks_are_found_by_name(command, fitted, cohort, tmp_path):
    """Turned round, and with one that the classifiers do not know."""
    import pandas as pd

    scores = pd.read_csv(cohort[0], sep="\t", dtype=str, keep_default_na=False)
    turned = scores.assign(SAD_NEW="1")[[*toy.IDENTITY, "SAD_NEW", *reversed(scores.columns[6:])]]
    turned.to_csv(tmp_path / "turned.tsv", sep="\t", index=False)
    expected = command("eqtl", "predict", fitted, cohort[0]).out
    assert command("eqtl", "predict", fitted, tmp_path / "turned.tsv").out == expected
    turned.drop(columns=["SAD_T5", "SAD_T2"]).to_csv(tmp_path / "fewer.tsv", sep="\t", index=False)
    outcome = command("eqtl", "predict", fitted, tmp_path / "fewer.tsv")
    assert outcome.code == 1
    assert "lacks 2 feature columns: SAD_T2, SAD_T5" in outcome.err


def test_predict_in_chunks_is_the_same(command, fitted, cohort, tmp_path, monkeypatch):
    whole = command("eqtl", "predict", fitted, cohort[0]).out
    monkeypatch.setattr("enformer_vep.eqtl.score_tables._CHUNK_VALUES", 8 * 7)
    assert command("eqtl", "predict", fitted, cohort[0]).out == whole
    assert command("eqtl", "predict", fitted, cohort[0], "-o", tmp_path / "p.tsv.gz").code == 0
    assert gzip.decompress((tmp_path / "p.tsv.gz").read_bytes()).decode() == whole


def test_nothing_but_rows_without_scores(command, fitted, tmp_path):
    row = ("chr1", 8, ".", "A", "<DEL>", "symbolic_allele", *["NA"] * 8)
    scores = toy.scores(tmp_path / "none.tsv", [row, row], [f"T{index}" for index in range(8)])
    outcome = command("eqtl", "predict", fitted, scores)
    assert outcome.code == 0, outcome.err
    assert [line[5:] for line in outcome.table[1:]] == [["symbolic_allele", "NA", "NA"]] * 2


def test_a_header_alone_gives_a_header(command, fitted, tmp_path):
    empty = toy.scores(tmp_path / "empty.tsv", [], [f"T{index}" for index in range(8)])
    outcome = command("eqtl", "predict", fitted, empty)
    assert outcome.code == 0, outcome.err
    assert len(outcome.table) == 1


def test_scores_by_gene_are_another_kind(command, fitted, tmp_path):
    extra = ("GENE_ID", "GENE_NAME", "TSS_DISTANCE")
    scores = toy.scores(tmp_path / "genes.tsv", [], [f"T{index}" for index in range(8)], extra)
    outcome = command("eqtl", "predict", fitted, scores)
    assert outcome.code == 1
    assert "fitted on scores without genes, these are with" in outcome.err


def test_fit_again_gives_the_same_bytes_and_notes_the_model(command, cohort, fitted, tmp_path):
    from enformer_vep.eqtl.model_file import read_models

    scores, labels = cohort
    again = tmp_path / "again.safetensors"
    command("eqtl", "fit", scores, "-l", labels, *QUICK, "-o", again, "--jobs", 2)
    assert again.read_bytes() == fitted.read_bytes()
    summary = tmp_path / "summary.json"
    summary.write_text(json.dumps({"model": {"name": "example", "sha256": "ab"}, "seconds": 3}))
    assert command("eqtl", "fit", scores, "-l", labels, *QUICK, "-o", again, "--provenance", summary).code == 0
    notes = read_models(again).notes
    assert notes["scoring"] == {"model": {"name": "example", "sha256": "ab"}}
    assert notes["counts"]["tissue_1"] == {"positives": 40, "negatives": 120}
    summary.write_text("[]")
    outcome = command("eqtl", "fit", scores, "-l", labels, "-o", again, "--provenance", summary)
    assert (outcome.code, "names no model" in outcome.err) == (1, True)


def test_fit_without_enough_says_so(command, tmp_path):
    scores, labels = toy.cohort(tmp_path, variants=24)
    outcome = command("eqtl", "fit", scores, "-l", labels, "-o", tmp_path / "m.safetensors")
    assert outcome.code == 1
    assert "no tissue has 8 positives and 8 negatives" in outcome.err
    assert not (tmp_path / "m.safetensors").exists()


def test_missing_scikit_learn_is_one_line(evaluate, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    outcome = evaluate()
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].endswith("pip install 'enformer-vep[eqtl]'")


def test_options_come_from_the_environment_and_verbosity_goes_anywhere(evaluate, command, cohort, monkeypatch):
    monkeypatch.setenv("ENFORMER_VEP_EQTL_EVALUATE_FOLDS", "41")
    scores, labels = cohort
    outcome = command("eqtl", "evaluate", scores, "-l", labels, *QUICK, "--quiet")
    assert {row[1] for row in outcome.table[1:]} == {"too_few_positives"}
    assert outcome.err == ""
    assert "is chrom" in command("eqtl", "evaluate", scores, "-l", labels, *QUICK, "-v").err


def test_completion_knows_the_subcommands():
    from click.shell_completion import ShellComplete

    from enformer_vep.cli.main import main

    complete = ShellComplete(main, {}, "enformer-vep", "_X")
    assert [item.value for item in complete.get_completions(["eqtl"], "")] == [
        "evaluate", "fit", "negatives", "predict",
    ]  # fmt: skip
    assert {"--quiet", "--figure"} <= {item.value for item in complete.get_completions(["eqtl", "evaluate"], "--")}


def test_help_loads_nothing_heavy():
    import subprocess
    import sys

    program = (
        "import sys\nfrom enformer_vep.cli.main import main\n"
        "main(['eqtl', 'evaluate', '--help'], standalone_mode=False)\n"
        "print(sorted({'torch', 'sklearn', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "--keep-together" in done.stdout


@pytest.fixture
def panel(tmp_path):
    from tests.eqtl.panels import random_panel

    made = random_panel(variants=1500, positives=60)
    return made.table(tmp_path), made.vcf(tmp_path), made.gtf(tmp_path)


def test_negatives_are_labels_that_evaluate_reads(command, panel, tmp_path):
    labels, variants, annotation = panel
    words = ("-l", labels, "--variants", variants, "--annotation", annotation, "--reach", 60_000, "--tissue", "x")
    matched, sites, balance, rows = (tmp_path / name for name in ("m.tsv", "s.vcf.gz", "b.tsv", "a.tsv"))
    outcome = command(
        "eqtl", "negatives", *words, "-o", matched, "--sites", sites, "--balance", balance, "--accounting", rows
    )
    assert outcome.code == 0, outcome.err
    assert "positives: " in outcome.err
    assert "standardised mean differences, at most: log10_distance" in outcome.err
    assert len(balance.read_text().splitlines()) == 1 + 2 * 2 * 2
    assert command("eqtl", "negatives", *words).out == matched.read_text()
    random = np.random.default_rng(1)
    records = [line.split("\t") for line in gzip.decompress(sites.read_bytes()).decode().splitlines() if line[0] != "#"]
    scores = toy.scores(
        tmp_path / "scores.tsv", [(*record[:5], "ok", *random.normal(size=2)) for record in records]
    )  # fmt: skip
    outcome = command(
        "eqtl", "evaluate", scores, "-l", matched, *QUICK, "--folds", 3, "--repeats", 1, "--stretch", 1000, "-q"
    )
    assert outcome.code == 0, outcome.err
    header, *table = outcome.table
    results = [dict(zip(header, row, strict=True)) for row in table]
    assert {row["TISSUE"] for row in results} == {"lung", "liver"}
    assert all(row["STATUS"] == "ok" and row["POSITIVES"] == row["NEGATIVES"] for row in results)
    assert all(0.4 < float(row["BOTH_AUROC"]) < 0.6 for row in results)


def test_negatives_without_frequencies_name_the_remedy(command, panel, tmp_path):
    labels, variants, annotation = panel
    words = ("-l", labels, "--variants", variants, "--annotation", annotation, "-o", tmp_path / "m.tsv")
    outcome = command("eqtl", "negatives", *words, "--frequency-field", "MAF")
    assert outcome.code == 1
    assert "declares no INFO field MAF; compute it from genotypes with `bcftools +fill-tags IN" in outcome.err
    assert not (tmp_path / "m.tsv").exists()
    outcome = command("eqtl", "negatives", "--variants", variants, "--annotation", annotation)
    assert (outcome.code, "--labels is missing" in outcome.err) == (2, True)


def test_a_pipe_cannot_be_read_twice(command, panel, tmp_path):
    import os

    labels, _, annotation = panel
    os.mkfifo(tmp_path / "pipe")
    words = ("-l", labels, "--annotation", annotation, "-o", tmp_path / "m.tsv")
    for source in (tmp_path / "pipe", "-"):
        outcome = command("eqtl", "negatives", *words, "--variants", source)
        assert (outcome.code, "is a pipe, but is read twice" in outcome.err) == (2, True)


def test_direction_by_the_track_table(command, cohort, tmp_path):
    from tests.builders import targets_text

    scores, labels = cohort
    targets, tracks = tmp_path / "targets.txt", tmp_path / "tracks.tsv"
    descriptions = ["CAGE:a", "CHIP:H3K27me3:a", *["CHIP:CTCF:a"] * 6]
    targets.write_text(targets_text(descriptions, identifiers=[f"T{index}" for index in range(8)]))
    words = ("eqtl", "evaluate", scores, "-l", labels, *QUICK, *FOLDS, "--targets", targets)
    outcome = command(*words, "--direction-table", tracks)
    assert outcome.code == 0, outcome.err
    assert dict(zip(*outcome.table[:2], strict=True))["DIRECTION_TRACKS"] == "CAGE:1 -CHIP:H3K27me3:1"
    assert outcome.err.endswith("; direction by tracks CAGE:1 -CHIP:H3K27me3:1\n")
    assert [line.split("\t") for line in tracks.read_text().splitlines()[:3]] == [
        ["TISSUE", "TRACK", "DESCRIPTION", "SIGN"],
        ["tissue_0", "T0", "CAGE:a", "1"],
        ["tissue_0", "T1", "CHIP:H3K27me3:a", "-1"],
    ]
    outcome = command(*words, "--repressive", "left-out")
    assert dict(zip(*outcome.table[:2], strict=True))["DIRECTION_TRACKS"] == "CAGE:1"
    outcome = command(*words, "--direction-tracks", "T1", "--direction-groups", "gtex-v8")
    assert (outcome.code, "not both" in outcome.err) == (2, True)
