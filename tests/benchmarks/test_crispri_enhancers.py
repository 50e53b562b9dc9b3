"""The benchmark of CRISPRi pairs runs, and its figures are those of its scores."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.test_figures import RESULTS, table_after
from tests.builders import bgzip, make_fasta, random_sequence
from tests.conftest import REPOSITORY

pytest.importorskip("sklearn")


def test_figures_are_those_of_the_scores(script: Callable[..., ModuleType]) -> None:
    table = pd.read_csv(RESULTS / "crispri_enhancer_scores.tsv", sep="\t")
    assert script("crispri_enhancers").figures(table) == (RESULTS / "crispri_enhancers.tsv").read_text()


def test_figures_in_the_documentation_are_these() -> None:
    measured = pd.read_csv(RESULTS / "crispri_enhancers.tsv", sep="\t", dtype=str).set_index("score")
    shown = table_after("benchmarks/results/crispri_enhancers.tsv", REPOSITORY / "docs/enhancers.md")[1:]
    assert len(shown) > 5
    for score, *figures in shown:
        assert figures == measured.loc[score, ["auprc", "auroc"]].tolist()


def test_it_runs(
    script: Callable[..., ModuleType], tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("crispri", "genome", "results"):
        (tmp_path / folder).mkdir()
    sequence = random_sequence(np.random.default_rng(2), 8000)
    make_fasta(tmp_path / "genome/hg38.subset.fa.gz", {"chr1": sequence})
    header = "cell_type chrom start end gene gene_id strand tss regulated effect_size name"
    rows = [
        f"K562 chr1 {start} {start + 150} A ENSA + 4000 {number % 2} -0.2 e{number}"
        for number, start in enumerate((3500, 4300, 4700, 6500))
    ]
    rows += [rows[0], "WTC11 chr1 3700 3800 A ENSA + 4000 1 -0.2 x"]
    text = "".join("\t".join(line.split()) + "\n" for line in [header, *rows])
    bgzip(tmp_path / "crispri/crispri.hg38.tsv.gz", text.encode())
    module = script(
        "crispri_enhancers",
        "--data",
        tmp_path,
        "--model",
        small_model,
        "--contigs",
        "chr1",
        "--results",
        tmp_path / "results",
    )
    monkeypatch.setattr(module, "REACH", 900)
    module.main()
    table = pd.read_csv(tmp_path / "results/crispri_enhancers.tsv", sep="\t", index_col="score")
    assert table.loc["INVERSE_DISTANCE", ["pairs", "regulated"]].tolist() == [3, 1]
    assert {"KNOCKOUT_DELETION_CAGE", "GRADIENT_INPUT_DNASE", "ATTENTION"} <= set(table.index)
