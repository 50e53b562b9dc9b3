"""The form of the documentation: lengths, links, table of contents, files that are named."""

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.markdown import anchors, links
from tests.docs.test_blocks import PAGES

WIDTH = 120
FOLDERS = "benchmarks|docs|enformer_vep|example_data|tests|tools|workflow"
NAMED_FILE = re.compile(rf"(?<![\w/])(?:{FOLDERS})/[\w./-]*\w")
MADE_BY_USERS = ("example_data/runs", "example_data/training")
README_LINES = 200


NARROW = [page for page in PAGES if page.parts[0] not in {"CHANGELOG.md", "benchmarks"}]


@pytest.mark.parametrize("page", NARROW, ids=str)
def test_lines_are_no_longer_than_the_limit(page: Path) -> None:
    lines = (REPOSITORY / page).read_text(encoding="utf-8").splitlines()
    # A row of a table cannot be broken.
    longer = [number for number, line in enumerate(lines, start=1) if len(line) > WIDTH and not line.startswith("|")]
    assert not longer, f"{page}: lines longer than {WIDTH}: {longer}"


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for number, target in links(REPOSITORY / page):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, fragment = target.partition("#")
        path = (REPOSITORY / page).parent / name if name else REPOSITORY / page
        where = f"{page}:{number}: {target}"
        assert path.exists(), f"{where}: no such file"
        assert path.resolve().is_relative_to(REPOSITORY), f"{where}: outside the repository"
        if fragment:
            assert fragment in anchors(path), f"{where}: no such heading"


def test_the_table_of_contents_names_every_page() -> None:
    folder = REPOSITORY / "docs"
    listed = {target.partition("#")[0] for _, target in links(folder / "README.md")}
    assert {path.name for path in folder.glob("*.md")} - {"README.md"} <= listed


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_are_named_exist(page: Path) -> None:
    """Scripts and results beside a figure above all."""
    names = set(NAMED_FILE.findall((REPOSITORY / page).read_text(encoding="utf-8")))
    absent = [name for name in names if not (name.startswith(MADE_BY_USERS) or (REPOSITORY / name).exists())]
    assert not absent, f"{page}: no such files: {sorted(absent)}"
