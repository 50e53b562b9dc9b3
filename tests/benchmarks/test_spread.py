"""How often views agree: figures from made-up views, and the script on a small model."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from enformer_vep.api import open_scorer, score
from enformer_vep.settings import ScoreSettings
from tests.benchmarks.test_figures import RESULTS, assert_shown, tables
from tests.builders import make_fasta, make_vcf, random_sequence
from tests.conftest import REPOSITORY

LENGTH, COUNT = 6000, 3


def test_the_script_writes_single_views(script: Callable[..., ModuleType], tmp_path: Path, small_model: Path) -> None:
    """Their means are what runs over these views report; an interrupted file is gone on with."""
    sequence = random_sequence(np.random.default_rng(8), LENGTH)
    for name in ("genome", "variants"):
        (tmp_path / name).mkdir()
    genome = make_fasta(tmp_path / "genome" / "hg38.subset.fa.gz", {"chr22": sequence})
    places = range(2000, 4000, 100)
    records = [
        ("chr22", place, ".", sequence[place - 1], "C" if sequence[place - 1] == "A" else "A") for place in places
    ]
    vcf = make_vcf(tmp_path / "variants" / "1000G.chr22.sites.vcf.gz", records, {"chr22": LENGTH})
    words = ("--data", tmp_path, "--model", small_model, "--variants", COUNT, "--results", tmp_path)
    module = script("spread", *words)
    module.main()
    path = tmp_path / "spread_scores.tsv"
    whole = path.read_bytes()
    table = pd.read_csv(path, sep="\t", comment="#")
    assert (len(table), table["position"].nunique()) == (5 * COUNT, COUNT)
    for views, settings in (
        (["forward", "reverse"], ScoreSettings(reverse_complement=True)),
        (["shift_1", "shift_48"], ScoreSettings(shifts=(1, 48))),
    ):
        frame = score(str(vcf), genome, open_scorer(str(small_model), settings)).set_index("POS")
        expected = frame.filter(regex="^SAD_").loc[table["position"].unique()].to_numpy().ravel()
        np.testing.assert_allclose(table[views].mean(axis=1), expected, rtol=1e-3, atol=1e-6)
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:7]))
    module.main()
    assert path.read_bytes() == whole


def test_figures_by_hand(script: Callable[..., ModuleType]) -> None:
    """Ten values; of the first three the strands differ in sign, and the moved windows side with the mean."""
    module = script("spread")
    size = np.arange(10.0)
    table = pd.DataFrame(dict.fromkeys(module.VARIANT, "x"), index=range(10))
    table = table.assign(position=range(10), track="t", prediction=10.0, forward=size + 1, reverse=size + 1)
    table = table.assign(shift_1=size + 1, shift_48=size + 1)
    table.loc[:2, "reverse"] = -0.5
    rows = [line.split("\t") for line in module.figures(table).splitlines()]
    agree = {row[1]: row for row in rows if row[0] == "agree" and not row[2]}
    assert agree["strands"][4:6] == ["10", "0.700"]
    assert agree["shifts 0,1"][4:] == ["10", "1.000", "0.00"]
    smallest = next(row for row in rows if row[:2] == ["agree", "strands"])
    assert smallest[4:6] == ["2", "0.000"]
    held_out = {row[1]: row[4:6] for row in rows if row[0] == "held out"}
    assert held_out == {"strands agree": ["7", "1.000"], "strands differ": ["3", "1.000"]}
    error = {row[1]: row[4:6] for row in rows if row[0] == "error"}
    means = np.array([0.25, 0.75, 1.25])
    assert float(error["strands"][1]) == pytest.approx(np.sum(((means - [1, 2, 3]) / 10) ** 2) / 10, rel=1e-2)
    assert float(error["strands, shrunken"][1]) == pytest.approx(0.14 / 10, rel=1e-2)
    assert error["variants nearer"] == ["10", "0.000"]


def test_figures_are_made_from_the_scores(script: Callable[..., ModuleType]) -> None:
    table = pd.read_csv(RESULTS / "spread_scores.tsv", sep="\t", comment="#")
    assert script("spread").figures(table) == (RESULTS / "spread.tsv").read_text()


def test_the_page_shows_the_figures() -> None:
    lines = [line.split("\t") for line in (RESULTS / "spread.tsv").read_text().splitlines()[1:]]
    (shown,) = (rows for words, rows in tables(REPOSITORY / "docs" / "scoring.md") if "results/spread.tsv" in words)
    names = ("strands", "shifts 0,1", "shifts 0,48", "all four")
    for number, row in enumerate(shown[1:]):
        for cell, name in zip(row[1:], names, strict=True):
            measured = [line for line in lines if line[:2] == ["agree", name]][number]
            assert_shown(cell.removesuffix(" %"), str(100 * float(measured[5])))
