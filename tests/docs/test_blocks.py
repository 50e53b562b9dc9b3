"""Every fenced block of the documentation that can run does what it says, in the order of its page."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.docs import sandbox
from tests.docs.markdown import Block, blocks

LANGUAGES = {"bash", "python", "toml", "text"}
EXECUTED = {"bash": ["bash", "-euo", "pipefail"], "python": ["python", "-W", "error"]}
PAGES = sorted(
    path.relative_to(REPOSITORY)
    for pattern in ("*.md", "*/*.md", "tests/data/*.md")
    for path in REPOSITORY.glob(pattern)
)


def commands(page: Path) -> list[Block]:
    return [block for block in blocks(REPOSITORY / page) if block.executed and block.language in EXECUTED]


QUICK = [page for page in PAGES if any(not block.slow for block in commands(page))]
SLOW = [page for page in PAGES if any(block.slow for block in commands(page))]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with sandbox.served_commands(tmp_path_factory.mktemp("programs")) as environment:
        yield environment


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    sandbox.make_files(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    sandbox.copy_files(made, folder)
    return folder


def run_blocks(page: Path, chosen: list[Block], folder: Path, environment: dict[str, str]) -> list[str]:
    """Runs blocks one after the other; returns which of them lack what they need."""
    lacking = []
    for block in chosen:
        if absent := block.absent():
            lacking.append(f"{page}:{block.line} needs {', '.join(absent)}")
        else:
            run_block(page, block, folder, environment)
    return lacking


def skip_visibly(lacking: list[str]) -> None:
    if lacking:
        pytest.skip(f"all blocks ran, but for {'; '.join(lacking)}")


def run_block(page: Path, block: Block, folder: Path, environment: dict[str, str]) -> None:
    script = folder.parent / f"{block.line}.{block.language}"
    script.write_text(block.text, encoding="utf-8")
    ended = subprocess.run(
        [*EXECUTED[block.language], str(script)],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, f"{page}:{block.line}: exit {ended.returncode}\n{block.text}\n{ended.stderr}"


@pytest.mark.parametrize("page", QUICK, ids=str)
def test_quick_blocks(page: Path, folder: Path, environment: dict[str, str]) -> None:
    skip_visibly(run_blocks(page, [block for block in commands(page) if not block.slow], folder, environment))


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW, ids=str)
def test_all_blocks_of_pages_with_slow_ones(page: Path, folder: Path, environment: dict[str, str]) -> None:
    lacking = run_blocks(page, commands(page), folder, environment)
    if page == Path("README.md"):
        the_row_read_aloud_comes_out(folder / "scores.tsv")
    skip_visibly(lacking)


def the_row_read_aloud_comes_out(table: Path) -> None:
    """Of the quick start."""
    [shown] = [block for block in blocks(REPOSITORY / "README.md") if block.text.startswith("#CHROM")]
    names, values = (line.split() for line in shown.text.splitlines())
    header, *rows = (line.split("\t") for line in table.read_text().splitlines())
    found = [[row[header.index(name)] for name in names] for row in rows if row[2] == values[2]]
    assert [row[:-1] for row in found] == [values[:-1]]
    np.testing.assert_allclose(float(found[0][-1]), float(values[-1]), rtol=1e-4)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_fences_are_closed_and_name_their_language(page: Path) -> None:
    for block in blocks(REPOSITORY / page):
        assert block.language in LANGUAGES, f"{page}:{block.line}: one of {sorted(LANGUAGES)} after the fence"
        if block.language == "toml":
            tomllib.loads(block.text)


def test_the_two_blocks_that_a_fresh_machine_runs_are_there() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for heading in ("Quick start", "Tests"):
        [section] = re.findall(rf"^## {heading}\n(.*?)^## ", text, flags=re.MULTILINE | re.DOTALL)
        assert section.count("```bash\n") == 1, f"one bash block under ## {heading}"
