"""Tables of rows that are not variants: interrupted, continued, sharded, joined."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from enformer_vep.errors import OutputError
from enformer_vep.files.signals import StopRequest
from enformer_vep.genome.variants import Status
from enformer_vep.jobs.merge import merge
from enformer_vep.jobs.shards import Shard
from enformer_vep.jobs.unit_tables import UnitTable
from enformer_vep.settings import OutputSettings
from enformer_vep.tables.line_writer import LineWriter

COUNT = 37


@dataclass(frozen=True)
class Unit:
    number: int

    @property
    def status(self) -> Status:
        return Status.NO_GENE if self.number % 5 == 0 else Status.OK


class Lines(LineWriter[str]):
    _header = b"name\n"

    def _line(self, row: str) -> bytes:
        return f"{row}\n".encode()


class EndError(Exception):
    """The process ends."""


@dataclass
class Work:
    """Makes two rows of a unit, until it ends."""

    left: int = 10**6

    def rows(self, unit: Unit) -> Iterator[str]:
        if not self.left:
            raise EndError
        self.left -= 1
        yield from (f"{unit.number}.{part}" for part in range(2))


@contextmanager
def silent(_: int) -> Iterator[object]:
    yield lambda: None


def table(work: Work, shard: Shard | None = None, **identity: object) -> UnitTable[Unit, str]:
    return UnitTable(
        units=[Unit(number) for number in range(COUNT)],
        rows=work.rows,
        make=partial(Lines, compressed=True),
        identity={"format": "tsv.gz", "shard": str(shard or "none"), **identity},
        computed={"device": "toy", "batch-size": 1},
        shard=shard,
        progress=silent,
        stop=StopRequest(),
    )


def expected(numbers: range = range(COUNT)) -> str:
    return "name\n" + "".join(f"{number}.{part}\n" for number in numbers for part in range(2))


def test_interrupted_anywhere_the_bytes_are_the_same(tmp_path: Path) -> None:
    whole = OutputSettings(str(tmp_path / "whole.tsv.gz"))
    summary = table(Work()).write(whole)
    assert gzip.decompress((tmp_path / "whole.tsv.gz").read_bytes()).decode() == expected()
    assert summary.counts == {Status.OK: 29, Status.NO_GENE: 8}
    output, pieces = OutputSettings(str(tmp_path / "parts.tsv.gz")), Work(11)
    for left in (11, 3, 13):
        pieces.left = left
        with pytest.raises(EndError):
            table(pieces).write(output)
        assert not (tmp_path / "parts.tsv.gz").exists()
    pieces.left = 10**6
    summary = table(pieces).write(output)
    # Rows since the last checkpoint are computed again: at most those of one piece, each time.
    assert pieces.left >= 10**6 - COUNT
    assert summary.resumed
    assert summary.counts.total() == COUNT
    assert (tmp_path / "parts.tsv.gz").read_bytes() == (tmp_path / "whole.tsv.gz").read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["parts.tsv.gz", "whole.tsv.gz"]


def test_another_run_is_refused(tmp_path: Path) -> None:
    output = OutputSettings(str(tmp_path / "table.tsv.gz"))
    with pytest.raises(EndError):
        table(Work(20), layers="all").write(output)
    with pytest.raises(OutputError, match="layers"):
        table(Work(), layers="1").write(output)


def test_what_need_not_be_resumed_leaves_nothing_behind(tmp_path: Path) -> None:
    output = OutputSettings(str(tmp_path / "table.tsv.gz"))
    with pytest.raises(EndError):
        table(Work(20)).write(output, resumable=False)
    assert list(tmp_path.iterdir()) == []
    table(Work()).write(output, resumable=False)
    assert gzip.decompress((tmp_path / "table.tsv.gz").read_bytes()).decode() == expected()


def test_shards_join_to_the_bytes_of_one_run(tmp_path: Path) -> None:
    table(Work()).write(OutputSettings(str(tmp_path / "whole.tsv.gz")))
    paths = [tmp_path / f"{number}.tsv.gz" for number in (1, 2, 3)]
    for number, path in enumerate(paths, start=1):
        table(Work(), Shard(number, 3)).write(OutputSettings(str(path)))
    again = Work(0)
    table(again, Shard(2, 3)).write(OutputSettings(str(paths[1])))
    summary = merge(paths, str(tmp_path / "joined.tsv.gz"))
    assert summary.counts.total() == COUNT
    assert (tmp_path / "joined.tsv.gz").read_bytes() == (tmp_path / "whole.tsv.gz").read_bytes()
