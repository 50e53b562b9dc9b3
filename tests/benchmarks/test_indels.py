"""The benchmark of indels that do nothing runs, on a model so small that its numbers mean nothing."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from tests.benchmarks.test_figures import RESULTS, tables
from tests.builders import make_fasta, random_sequence
from tests.conftest import REPOSITORY


def test_a_row_for_every_place_change_and_rule(
    script: Callable[..., ModuleType], tmp_path: Path, small_model: Path
) -> None:
    fasta = make_fasta(tmp_path / "genome.fa", {"1": random_sequence(np.random.default_rng(1), 6000)})
    words = ("--fasta", fasta, "--contig", "1", "--model", small_model, "--lengths", 1, 5, "--results", tmp_path)
    for places in (1, 2):  # the second time goes on
        script("indels", *words, "--places", places).main()
    scores = pd.read_csv(tmp_path / "indel_scores.tsv", sep="\t")
    assert scores.place.nunique() == 2
    assert not scores.duplicated(["place", "change", "bases", "rule"]).any()
    assert (scores[["SAD", "LOGD2"]] > 0).all(axis=None)
    rules = {"left", "stitch", "local 100", "local 100 downstream"}
    assert set(scores.rule[scores.bases == 5]) == rules | {"N 100", "copy 100"}
    assert set(scores.rule[scores.bases == 1]) == rules | {"N 100", "copy 100", "local 50", "local 200", "local 400"}
    short = scores[(scores.change == "deletion") & (scores.bases == 1)].set_index(["place", "rule"]).SAD.unstack()
    # One base backwards is the same base.
    np.testing.assert_allclose(short["copy 100"], short["local 100"], rtol=1e-3)
    assert (short["N 100"] != short["local 100"]).all()
    table = pd.read_csv(tmp_path / "indels.tsv", sep="\t")
    one = scores[(scores.change == "deletion") & (scores.bases == 5) & (scores.rule == "local 100")]
    (row,) = table[(table.change == "deletion") & (table.bases == 5) & (table.rule == "local 100")].itertuples()
    np.testing.assert_allclose(row.SAD, one.SAD.median(), rtol=1e-2)
    assert row.places == 2


def test_the_figures_in_the_documentation_are_those_of_the_scores(script: Callable[..., ModuleType]) -> None:
    text = script("indels").figures(pd.read_csv(RESULTS / "indel_scores.tsv", sep="\t"))
    assert text == (RESULTS / "indels.tsv").read_text()
    results = pd.read_csv(RESULTS / "indels.tsv", sep="\t").set_index(["model", "change", "bases", "rule"])
    (rows,) = [rows for words, rows in tables(REPOSITORY / "docs" / "scoring.md") if "at a random place" in words]
    assert len(rows) == 1 + 10
    for name, *cells in rows[1:]:
        change, bases = name.split(", ")
        columns = [(model, rule) for model in ("example", "random") for rule in ("left", "stitch", "local 100")]
        for (model, rule), cell in zip(columns, cells, strict=True):
            found = results.loc[(model, change, int(bases), rule)]
            np.testing.assert_allclose([float(one) for one in cell.split(", ")], [found.SAD, found.LOGD2], rtol=0.03)
