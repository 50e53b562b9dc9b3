"""The reader of Markdown sees what it should."""

from pathlib import Path

import pytest

from tests.docs.markdown import anchors, blocks, links


@pytest.fixture
def page(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "page.md"
        path.write_text(text)
        return path

    return write


def test_a_fence_without_a_marker_is_executed(page) -> None:
    [block] = blocks(page("text\n\n```bash\necho\n```\n"))
    assert (block.line, block.language, block.text) == (3, "bash", "echo\n")
    assert block.executed
    assert not block.slow


def test_markers(page) -> None:
    text = (
        "<!-- not run: a network -->\n```bash\na\n```\n"
        "<!-- slow: large; needs: no-such-program, math -->\n```bash\nb\n```\n"
        "<!-- not run: lines 1-2, a network -->\n```bash\nc\nd\ne\n```\n"
    )
    first, second, third = blocks(page(text))
    assert not first.executed
    assert (second.slow, second.needs, second.absent()) == (
        True,
        ("no-such-program", "math"),
        ["no-such-program"],
    )
    assert (third.executed, third.text) == (True, "e\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- not run -->\n```bash\n```\n", "page.md:1: 'not run' is no marker"),
        ("<!-- later: x -->\n```bash\n```\n", "'later: x' is no marker"),
        ("\n```bash\n", "page.md:2: this fence is never closed"),
    ],
)
def test_what_is_not_understood_is_an_error(page, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        blocks(page(text))


def test_anchors_are_those_of_github(page) -> None:
    text = "# One, two: `three`\n## Same\n## Same\n```bash\n# not a heading\n```\n"
    assert anchors(page(text)) == {"one-two-three", "same", "same-1"}


def test_links_outside_code(page) -> None:
    text = "See [a](b.md#c) and `[no](x)`.\n```text\n[no](y)\n```\n[d](https://e.org/f_(g))\n"
    assert list(links(page(text))) == [(1, "b.md#c"), (5, "https://e.org/f_(g)")]
