"""The table that `score` writes with its defaults, against two float64 passes, on the example data."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import enformer_vep as ev
from enformer_vep.cli.main import run as entry_point
from enformer_vep.models.checkpoints import load_model
from enformer_vep.settings import Engine

EXAMPLE_DATA = Path(__file__).parents[2] / "example_data"
FILES = ("variants.vcf.gz", "awkward.vcf")


@pytest.fixture(
    params=["small", pytest.param("example", marks=pytest.mark.slow)],
)
def model(request: pytest.FixtureRequest, small_model: Path) -> str:
    """Random weights on 2,048 bp of the real sequence; or the shipped model on all of its window."""
    return str(small_model) if request.param == "small" else "example"


@pytest.fixture
def written(model: str, capfd: pytest.CaptureFixture[str]) -> Callable[..., pd.DataFrame]:
    """Runs the command on a file of the example data and reads its table."""

    def run(file: str, *options: str) -> pd.DataFrame:
        capfd.readouterr()
        fasta = EXAMPLE_DATA / "chr22.fa.gz"
        words = ("score", EXAMPLE_DATA / file, "-f", fasta, "-m", model, "-s", "SAD,REF,D1", "-q", *options)
        with pytest.raises(SystemExit):
            entry_point([str(word) for word in words])
        return pd.read_csv(io.StringIO(capfd.readouterr().out), sep="\t")

    return run


def truth(model: str, file: str, table: pd.DataFrame) -> list[np.ndarray]:
    """SAD, REF and D1 of the pair engine in float64, of the rows that are scored."""
    loaded = load_model(model)
    scorer = ev.open_scorer(
        replace(loaded, network=loaded.network.double()),
        ev.ScoreSettings(scores=(ev.Score.SAD, ev.Score.REF, ev.Score.D1), engine=Engine.PAIR),
    )
    expected = ev.score(EXAMPLE_DATA / file, EXAMPLE_DATA / "chr22.fa.gz", scorer)
    assert expected.STATUS.tolist() == table.STATUS.tolist()
    return [values(expected, prefix) for prefix in ("SAD_", "REF_", "D1_")]


def values(table: pd.DataFrame, prefix: str) -> np.ndarray:
    chosen = table.loc[table.STATUS == "ok", [name for name in table.columns if name.startswith(prefix)]]
    return chosen.to_numpy(np.float64)


def is_indel(table: pd.DataFrame) -> np.ndarray:
    scored = table[table.STATUS == "ok"]
    return (scored.REF.str.len() != scored.ALT.str.len()).to_numpy()


@pytest.mark.parametrize("file", FILES)
def test_the_default_table_is_that_of_float64(written: Callable[..., pd.DataFrame], model: str, file: str) -> None:
    """Every row above 1e-6 of its prediction to 1e-4; an indel's to float32's rounding of the prediction.

    And nearly every single value: one whose bins go up and down by as much (a SAD far below D1) keeps 1e-4 of D1.
    """
    table = written(file, "--engine", "delta", "--precision", "float32")
    expected, prediction, absolute = truth(model, file, table)
    difference, indel = values(table, "SAD_") - expected, is_indel(table)
    error, norm = np.abs(difference), np.linalg.norm
    assert (np.abs(values(table, "REF_") - prediction) <= 1e-5 * prediction).all()
    rows = ~indel & (norm(expected, axis=1) > 1e-6 * norm(prediction, axis=1))
    assert rows.sum() > 0.5 * len(rows)
    assert (norm(difference, axis=1) <= 1e-4 * norm(expected, axis=1))[rows].all()
    assert (error <= 1e-4 * absolute)[~indel].all()
    large = ~indel[:, None] & (np.abs(expected) > 1e-6 * prediction)
    assert (error <= 1e-4 * np.abs(expected))[large].mean() >= 0.99
    assert (error <= 1e-4 * np.abs(expected) + 5e-7 * prediction)[indel].all()
    assert indel.any() == (file == "awkward.vcf")


def test_two_float32_passes_are_less_true(written: Callable[..., pd.DataFrame], model: str) -> None:
    """The tolerance above tells the engines apart, and the pair engine has the one that it states."""
    file = FILES[0]
    table = written(file, "--engine", "pair", "--precision", "float32")
    expected, prediction, _ = truth(model, file, table)
    error = np.abs(values(table, "SAD_") - expected)
    assert (error <= 2e-6 * prediction).all()
    assert (error > 1e-4 * np.abs(expected)).any()
