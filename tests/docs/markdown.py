"""What the tests read in a Markdown file: fenced blocks with their marker, headings as anchors, links.

A marker is an HTML comment in the line before a fence. It holds one or more of these, separated by semicolons:

    not run: REASON             the block is not executed
    not run: lines 1-3, REASON  only its other lines are
    slow: REASON                executed by `python -m pytest -m slow` only
    needs: NAME, NAME           executed where these programs or Python packages are installed
"""

import importlib.util
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

FENCE = re.compile(r"^( *)```(.*)$")
MARKER = re.compile(r"^<!-- (.+) -->$")
SKIPPED_LINES = re.compile(r"lines (\d+)-(\d+), .+")
HEADING = re.compile(r"^#{1,6} (.+)$")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)*)\)")
CODE = re.compile(r"`[^`]*`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        line: 1-based number of the line that opens it.
        language: What stands after the fence.
        text: Lines inside, those that are not run left out.
        executed: False where the marker says so.
        slow: Whether the marker says so.
        needs: Programs or Python packages.
    """

    line: int
    language: str
    text: str
    executed: bool = True
    slow: bool = False
    needs: tuple[str, ...] = ()

    def absent(self) -> list[str]:
        """What the block needs and is not installed."""
        return [name for name in self.needs if not (shutil.which(name) or importlib.util.find_spec(name))]


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a file, with their markers applied.

    Raises:
        ValueError: When a fence is not closed or a marker is not understood.
    """
    found: list[Block] = []
    opened: tuple[int, str, str] | None = None
    inside: list[str] = []
    before = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, inside = (number, fence[2].strip(), before), []
        elif opened and fence:
            block = Block(opened[0], opened[1], "".join(f"{text}\n" for text in inside))
            found.append(_marked(block, opened[2], path))
            opened = None
        elif opened:
            inside.append(line)
        before = line
    if opened:
        raise ValueError(f"{path}:{opened[0]}: this fence is never closed")
    return found


def _marked(block: Block, line: str, path: Path) -> Block:
    marker = MARKER.match(line)
    if not marker:
        return block
    for part in marker[1].split("; "):
        name, _, value = part.partition(": ")
        if name == "not run" and (lines := SKIPPED_LINES.fullmatch(value)):
            kept = block.text.splitlines(keepends=True)
            del kept[int(lines[1]) - 1 : int(lines[2])]
            block = replace(block, text="".join(kept))
        elif name == "not run" and value:
            block = replace(block, executed=False)
        elif name == "slow" and value:
            block = replace(block, slow=True)
        elif name == "needs" and value:
            block = replace(block, needs=tuple(value.split(", ")))
        else:
            raise ValueError(f"{path}:{block.line - 1}: {part!r} is no marker; see tests/docs/markdown.py")
    return block


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines outside fences, with their 1-based numbers."""
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(path: Path) -> set[str]:
    """The fragments that a file's headings can be linked by, as GitHub makes them."""
    found: set[str] = set()
    for _, line in prose(path):
        heading = HEADING.match(line)
        if heading:
            slug = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            repeats = sum(1 for other in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other))
            found.add(f"{slug}-{repeats}" if repeats else slug)
    return found


def links(path: Path) -> Iterator[tuple[int, str]]:
    """Targets of the inline links, with their line numbers."""
    for number, line in prose(path):
        for target in LINK.findall(CODE.sub("", line)):
            yield number, target
