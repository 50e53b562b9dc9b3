"""How far a run is, kept beside its unfinished file: one JSON line per checkpoint.

The first line says which run this is. Each further line says how many bytes of the file belong to which rows,
with the sha256 of all bytes so far, so that any damage is found and the run goes on from before it.
"""

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

from enformer_vep.errors import OutputError
from enformer_vep.files.atomic import explained, write_complete
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.genome.variants import Status
from enformer_vep.resume.computed import Computed

logger = logging.getLogger(__name__)

_FORMAT = 1
_CHUNK = 1 << 20
# Checkpoints within a piece carry what the writer holds back; beyond this size those of finished pieces go.
_COMPACTED_BYTES = 4 << 20

Identity = Mapping[str, object]
"""What fixes a run's bytes, as flat JSON values."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A moment from which the run can go on.

    Attributes:
        piece: Ordinal of the piece that comes next, or that is half done.
        batches: Batches of that piece that are in the file.
        size: Bytes of the file.
        sha256: Of these bytes.
        counts: Rows by status.
        state: What the writer needs to go on.
        finished: The file is complete but for its name.
        not_calibrated: Scored alleles without quantiles, by class.
    """

    piece: int
    batches: int
    size: int
    sha256: str
    counts: Counter[Status] = field(default_factory=Counter)
    state: Mapping[str, object] = field(default_factory=dict)
    finished: bool = False
    not_calibrated: Counter[VariantClass] = field(default_factory=Counter)

    @property
    def holds_back(self) -> bool:
        """Whether the state has bytes or rows that are not in the file yet."""
        return bool(self.state.get("pending") or self.state.get("held"))

    def to_json(self) -> bytes:
        """One line of the journal."""
        values = {name: getattr(self, name) for name in self.__slots__} | {"rows": self.counts.total()}
        return json.dumps(values, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_json(cls, line: bytes) -> "Checkpoint":
        """Reads a line; raises ValueError, KeyError or TypeError when it is none."""
        values = json.loads(line)
        piece, batches, size = (int(values[name]) for name in ("piece", "batches", "size"))
        counts, state = read_counts(values["counts"]), dict(values["state"])
        lacking = read_classes(values.get("not_calibrated", {}))
        return cls(piece, batches, size, str(values["sha256"]), counts, state, bool(values["finished"]), lacking)


def read_counts(values: Mapping[str, object]) -> Counter[Status]:
    """Rows by status, as they stand in a journal or manifest; raises ValueError when they are none."""
    return Counter({Status(name): int(cast(int, count)) for name, count in values.items()})


def read_classes(values: Mapping[str, object]) -> Counter[VariantClass]:
    """Alleles by class, likewise."""
    return Counter({VariantClass(name): int(cast(int, count)) for name, count in values.items()})


@dataclass(frozen=True, slots=True)
class JournalContent:
    """A journal as it was found.

    Attributes:
        identity: Which run it belongs to.
        computed: How the run computed.
        checkpoints: Oldest first.
    """

    identity: Identity
    computed: Computed
    checkpoints: tuple[Checkpoint, ...]


class Journal:
    """Appends checkpoints to a file whose content, whatever it held before, is `content` from the start."""

    def __init__(self, path: Path, content: JournalContent) -> None:
        self._path, self._content = path, content
        self._rewrite()

    def append(self, checkpoint: Checkpoint) -> None:
        """Adds a checkpoint, raising OutputError; its bytes must have been handed to the operating system."""
        line = checkpoint.to_json()
        with explained(self._path):
            self._handle.write(line)
        self._size += len(line)
        if not checkpoint.holds_back:
            self._ends_of_pieces.append(checkpoint)
            if self._size > self._limit:
                self._compact()

    def sync(self) -> None:
        """Puts it on disk; raises as `append` does."""
        with explained(self._path):
            os.fsync(self._handle.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._handle.close()

    def _compact(self) -> None:
        self._handle.close()
        self._content = replace(self._content, checkpoints=tuple(self._ends_of_pieces))
        self._rewrite()

    def _rewrite(self) -> None:
        content = self._content
        head = {"journal": _FORMAT, "run": content.identity, "computed": content.computed}
        lines = [json.dumps(head).encode() + b"\n", *(point.to_json() for point in content.checkpoints)]
        write_complete(self._path, b"".join(lines))
        self._ends_of_pieces = [point for point in content.checkpoints if not point.holds_back]
        self._size = sum(map(len, lines))
        self._limit = 2 * self._size + _COMPACTED_BYTES
        with explained(self._path):
            self._handle = self._path.open("ab", buffering=0)


def read_journal(path: Path) -> JournalContent | None:
    """Reads what a run left behind: None without a journal, or when not even its first line can be read.

    It ends before the first line that cannot be read: a kill may have cut the last one short.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return None
    try:
        head = json.loads(lines[0])
        if head["journal"] != _FORMAT:
            return None
        return JournalContent(dict(head["run"]), dict(head["computed"]), _checkpoints(lines[1:]))
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _checkpoints(lines: list[bytes]) -> tuple[Checkpoint, ...]:
    found = []
    for line in lines:
        try:
            found.append(Checkpoint.from_json(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            break
    return tuple(found)


def verify(part: BinaryIO, checkpoints: tuple[Checkpoint, ...]) -> tuple[int, "hashlib._Hash"]:
    """Finds how many checkpoints the unfinished file, at its beginning and read once, bears out.

    Returns:
        The number of checkpoints, from the first, whose bytes are there unchanged, and the running hash as it
        was at the last of them.
    """
    running = hashlib.sha256()
    position = 0
    for good, checkpoint in enumerate(checkpoints):
        longer = running.copy()
        if not _take(part, checkpoint.size - position, longer) or longer.hexdigest() != checkpoint.sha256:
            return good, running
        running, position = longer, checkpoint.size
    return len(checkpoints), running


def _take(part: BinaryIO, size: int, running: "hashlib._Hash") -> bool:
    while size > 0:
        chunk = part.read(min(size, _CHUNK))
        if not chunk:
            return False
        running.update(chunk)
        size -= len(chunk)
    return size == 0


def refuse_other_run(found: Identity, wanted: Identity, part: Path, journal: Path) -> None:
    """Raises OutputError, saying what differs, unless an unfinished file belongs to this very run."""
    differing = differences(found, wanted)
    if differing:
        raise OutputError(
            f"{part} belongs to another run ({'; '.join(differing)}); repeat that run's command, choose "
            f"another -o, or give --overwrite to start anew ({journal.name} goes as well)"
        )


def differences(found: Identity, wanted: Identity) -> list[str]:
    """What differs between two runs, in words: "bins was all, is 4"."""
    return [
        f"{name} was {_short(found.get(name))}, is {_short(wanted.get(name))}"
        for name in {**found, **wanted}
        if found.get(name) != wanted.get(name)
    ]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
