"""The script of power curves runs, and what it simulates is what it says."""

import re
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from tests.conftest import REPOSITORY


def test_the_table(script: Callable[..., ModuleType], capsys: pytest.CaptureFixture[str]) -> None:
    script("boundary_power", "--simulations", 4).main()
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    assert len(lines) == 1 + 3 * 5 + 4 * 6
    assert all(0 <= float(cell) <= 1 for line in lines[1:] for cell in line[3:] if cell)
    [largest] = [line for line in lines if line[:3] == ["windows", "100", "0.2"]]
    assert float(largest[3]) == 1


def test_profiles_and_clusters(script: Callable[..., ModuleType]) -> None:
    module = script("boundary_power")
    random = np.random.default_rng(1)
    profiles = module.profiles(16, 400, random)
    assert profiles.std() == pytest.approx(1, abs=0.05)
    assert np.mean(profiles * np.roll(profiles, 16, axis=1)) == pytest.approx(np.exp(-1), abs=0.05)
    labels = module.clusters(random)
    assert labels.sum() == 60
    assert labels.max() == 1


def test_the_page_shows_what_was_measured() -> None:
    lines = (REPOSITORY / "benchmarks" / "results" / "boundary_power.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line.startswith("contig\t")]
    page = (REPOSITORY / "docs" / "boundaries.md").read_text()
    in_words = " ".join(page.split())
    measured = [(row[1], *(f"{100 * float(cell):.1f} %" for cell in row[3:5])) for row in rows if row[2] == "0.0"]
    assert re.findall(r"\| (\d+) points \| (.+?) \| (.+?) \|", page) == measured
    found = [f"{100 * float(row[4]):.1f} %" for row in rows if row[2] == "0.6"]
    assert f"{found[0]}, {found[1]}, {found[2]} and {found[3]}" in in_words
