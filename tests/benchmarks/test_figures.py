"""Every figure in the benchmarks' README is that of a results file, and every results file that of its scores."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.conftest import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
RESULTS = BENCHMARKS / "results"


def results(name: str) -> list[list[str]]:
    lines = [line for line in (RESULTS / name).read_text().splitlines() if not line.startswith("#")]
    return [line.split("\t") for line in lines[1:]]


def tables(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """The paragraph before every Markdown table, and the table's rows with its header first."""
    paragraph, rows, gap = "", [], True
    for line in [*path.read_text().splitlines(), ""]:
        if line.startswith("|"):
            cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            rows += [] if set("".join(cells)) <= set("-:") and "".join(cells) else [cells]
        elif rows:
            yield paragraph, rows
            paragraph, rows, gap = "", [], True
        elif not line:
            gap = True
        else:
            paragraph, gap = line if gap else f"{paragraph} {line}", False


def table_after(words: str, path: Path = BENCHMARKS / "README.md") -> list[list[str]]:
    found = [rows for paragraph, rows in tables(path) if words in paragraph]
    assert len(found) == 1, words
    return found[0]


def assert_shown(shown: str, measured: str) -> None:
    """The figure that is shown is the measured one, rounded to the digits that are shown."""
    digits = len(shown.lower().split("e")[0].replace(".", "").lstrip("0"))
    assert float(shown) == pytest.approx(float(measured), rel=0.51 * 10.0 ** (1 - digits)), (shown, measured)


def test_speed() -> None:
    shown = table_after("`results/engines_cpu.tsv`")[1:]
    measured = {row[0]: row for row in results("engines_cpu.tsv")}
    names = ["pair", "delta", "delta, mixed", "delta x 10", "delta x 10, mixed"]
    assert [row[0].split(",")[0] for row in shown] == ["pair", "delta", "delta", "delta", "delta"]
    for (_, speed, memory), name in zip(shown, names, strict=True):
        assert_shown(speed, measured[name][2])
        assert_shown(memory.removesuffix(" GB"), measured[name][3])


def test_speed_in_a_dense_stretch() -> None:
    shown = table_after("`benchmarks/results/dense_cpu.tsv`", REPOSITORY / "docs" / "performance.md")[1:]
    measured = [row[3] for row in results("dense_cpu.tsv")[1:]]
    for (*_, speed), figure in zip(shown, measured, strict=True):
        assert_shown(speed, figure)


def test_speed_of_basenji2() -> None:
    shown = table_after("`benchmarks/results/basenji2.tsv`", REPOSITORY / "docs" / "models.md")[1:]
    for (_, speed), row in zip(shown, results("basenji2.tsv"), strict=True):
        assert_shown(speed, row[2])


def test_agreement_of_windows() -> None:
    shown = table_after("`benchmarks/results/grid_agreement.tsv`", REPOSITORY / "docs" / "scoring.md")[1:]
    for (_, _, *cells), (_, _, *figures) in zip(shown, results("grid_agreement.tsv"), strict=True):
        for cell, figure in zip(cells, figures, strict=True):
            assert_shown(cell, figure)


def test_operations() -> None:
    shown, measured = table_after("(`results/operations.tsv`")[1:], results("operations.tsv")
    for ours, theirs in zip(shown, measured, strict=True):
        assert_shown(ours[1], theirs[1])
        assert_shown(ours[2], str(float(theirs[1]) / float(measured[0][1])))


def test_operations_on_a_grid() -> None:
    shown = table_after("`benchmarks/results/grid_operations.tsv`", REPOSITORY / "docs" / "performance.md")[1:]
    measured = {f"{int(row[0]):,}": row for row in results("grid_operations.tsv")}
    for name, *cells in shown[:-1]:
        for cell, figure in zip(cells, (measured[name][1], measured[name][2], measured[name][4]), strict=True):
            assert_shown(cell, figure)
    assert_shown(shown[-1][2], measured["64"][3])


@pytest.mark.parametrize(
    ("words", "file", "kind"),
    [
        ("Random weights in the published depth", "accuracy_random.tsv", "substitution"),
        ("The same, insertions and deletions of one base", "accuracy_random.tsv", "indel"),
        (
            "The model `example` at its full window on 12 real variants",
            "accuracy_example.tsv",
            "substitution",
        ),
    ],
)
def test_accuracy(words: str, file: str, kind: str) -> None:
    header, *shown = table_after(words)
    measured = {f"{row[1]} {row[2]}": {} for row in results(file)}
    for row in results(file):
        if row[0] == kind:
            measured[f"{row[1]} {row[2]}"][row[3]] = row[5]
    assert {row[0] for row in shown} == set(measured)
    for row in shown:
        for interval, cell in zip(header[1:], row[1:], strict=True):
            lower, upper = (float(end) for end in interval.split(" to "))
            found = [
                value
                for name, value in measured[row[0]].items()
                if [float(end) for end in name.split(" to ")] == [lower, upper]
            ]
            assert len(found) == 1, (row[0], interval)
            assert_shown(cell, found[0])


@pytest.mark.parametrize(
    ("name", "scores", "figures"),
    [
        ("mpra", "mpra_scores.tsv", "mpra.tsv"),
        ("disruptions", "motif_scores.tsv", "motifs.tsv"),
        ("mpra_deletions", "mpra_deletion_scores.tsv", "mpra_deletions.tsv"),
    ],
)
def test_figures_are_made_from_the_scores(
    name: str, scores: str, figures: str, script: Callable[..., ModuleType]
) -> None:
    table = pd.read_csv(RESULTS / scores, sep="\t", comment="#")
    assert script(name).figures(table) == (RESULTS / figures).read_text()


def test_enhancer_baselines() -> None:
    shown = table_after("K562 pairs of Gschwind", REPOSITORY / "docs" / "enhancer-evaluation.md")[1:]
    header, *lines = (line.split("\t") for line in (RESULTS / "enhancer_baselines.tsv").read_text().splitlines())
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    measured = [row for row in rows if row["RUN"] == "k562, published" and row["PAIRS"] in ("all", "in_reach")]
    names = ("AUPRC_TRAPEZOID", "PRECISION_AT_70_RECALL", "AUROC")
    for cells, row in zip(shown, measured, strict=True):
        assert cells[2] == row["RANKING"]
        if cells[1]:
            assert cells[1] == row["POSITIVES"]
            assert cells[0].split(", ")[1].replace(",", "") == row["COUNT"]
        value, low, _, high = cells[3].replace("(", "").replace(")", "").split()
        for figure, part in ((value, ""), (low, "_LOW"), (high, "_HIGH")):
            assert_shown(figure, row[f"AUPRC{part}"])
        for figure, name in zip(cells[4:], names, strict=True):
            assert_shown(figure, row[name])
