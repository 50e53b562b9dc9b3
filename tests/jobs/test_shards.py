"""Shards have every piece once, find their number, and join to the bytes of one run."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.errors import InputError, UsageError
from enformer_vep.jobs.manifest import read_manifest
from enformer_vep.jobs.merge import IncompleteError, merge
from enformer_vep.jobs.shards import Shard, parse_shard
from enformer_vep.settings import ScoreSettings
from tests.cli.conftest import Outcome
from tests.jobs.conftest import Request
from tests.jobs.toy import Toy, complete

COUNT = 4


@pytest.mark.parametrize(("pieces", "count"), [(0, 3), (1, 3), (7, 3), (9, 3), (1000, 999), (5, 8)])
def test_every_piece_once_and_evenly(pieces: int, count: int) -> None:
    parts = [Shard(number, count).pieces(pieces) for number in range(1, count + 1)]
    assert [piece for part in parts for piece in part] == list(range(pieces))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("3/8", {}, Shard(3, 8)),
        (
            "auto",
            {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_COUNT": "8"},
            Shard(6, 8),
        ),
        (
            "auto/8",
            {"SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "2"},
            Shard(6, 8),
        ),
        (
            "auto",
            {"SGE_TASK_ID": "30", "SGE_TASK_FIRST": "10", "SGE_TASK_LAST": "40", "SGE_TASK_STEPSIZE": "10"},
            Shard(3, 4),
        ),
        ("auto/8", {"SGE_TASK_ID": "undefined", "PBS_ARRAY_INDEX": "2"}, Shard(2, 8)),
        ("auto/8", {"PBS_ARRAYID": "8"}, Shard(8, 8)),
        ("auto/8", {"LSB_JOBINDEX": "1"}, Shard(1, 8)),
    ],
)
def test_the_number_of_a_task(text: str, environment: dict[str, str], expected: Shard) -> None:
    assert parse_shard(text, environment) == expected


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("8", {}),
        ("0/8", {}),
        ("9/8", {}),
        ("a/b", {}),
        ("1/0", {}),
        ("auto", {}),
        ("auto/8", {"LSB_JOBINDEX": "0"}),
        ("auto", {"PBS_ARRAY_INDEX": "2"}),
        ("auto/3", {"SLURM_ARRAY_TASK_ID": "4"}),
    ],
)
def test_no_such_shard(text: str, environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text, environment)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    return {}


@pytest.fixture
def shards(request_for: Request, made: dict[str, dict[str, bytes]], tmp_path: Path) -> Callable[[str], list[Path]]:
    """All shards of the usual run, in a folder of this test."""

    def make(suffix: str) -> list[Path]:
        folder = tmp_path / "shards"
        folder.mkdir()
        if suffix not in made:
            for number in range(1, COUNT + 1):
                request = request_for(folder / f"{{shard}}.{suffix}", shard=f"{number}/{COUNT}")
                assert complete(request).code == 0
            made[suffix] = {path.name: path.read_bytes() for path in folder.iterdir()}
        for name, content in made[suffix].items():
            (folder / name).write_bytes(content)
        return [folder / f"{number}.{suffix}" for number in range(1, COUNT + 1)]

    return make


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz"])
def test_merged_bytes_are_the_unsharded_run_s(
    shards: Callable[[str], list[Path]], expected: dict[str, bytes], suffix: str, tmp_path: Path
) -> None:
    destination = tmp_path / f"all.{suffix}"
    summary = merge(shards(suffix)[::-1], str(destination), tabix=suffix == "tsv.gz")
    assert destination.read_bytes() == expected[suffix]
    assert summary.counts.total() == len(expected["tsv"].splitlines()) - 1
    assert (tmp_path / "all.tsv.gz.tbi").exists() == (suffix == "tsv.gz")


def test_a_killed_shard_goes_on(request_for: Request, expected: dict[str, bytes], tmp_path: Path) -> None:
    for number in range(1, COUNT + 1):
        request = request_for(tmp_path / "{shard}.tsv", shard=f"{number}/{COUNT}")
        assert complete(request, Toy(crash_in="take_name")).code == 77
        assert complete(request).code == 0
    merge([tmp_path / f"{number}.tsv" for number in range(1, COUNT + 1)], str(tmp_path / "all.tsv"))
    assert (tmp_path / "all.tsv").read_bytes() == expected["tsv"]


def test_a_finished_shard_is_left_alone(request_for: Request, shards: Callable[[str], list[Path]]) -> None:
    path = shards("tsv")[1]
    before = path.stat()
    code, error = complete(request_for(path, shard=f"2/{COUNT}"))
    assert code == 0
    assert "complete already" in error
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert "complete already" not in complete(request_for(path, shard=f"2/{COUNT}", overwrite=True)).err


def missing(shards: list[Path], destination: Path) -> str:
    with pytest.raises(IncompleteError) as caught:
        merge([path for path in shards if path.exists()], str(destination))
    assert not destination.exists()
    assert caught.value.exit_code == 3
    return caught.value.array


def test_missing_shards_are_named(shards: Callable[[str], list[Path]], tmp_path: Path) -> None:
    paths = shards("tsv")
    paths[0].unlink()
    (paths[2].with_name("3.tsv.manifest.json")).unlink()
    assert missing(paths, tmp_path / "all.tsv") == "1,3"


def test_stale_and_damaged_shards_are_named(
    request_for: Request, shards: Callable[[str], list[Path]], tmp_path: Path
) -> None:
    paths = shards("tsv.gz")
    stale = request_for(paths[1], shard=f"2/{COUNT}", settings=ScoreSettings(centre_bins=4), overwrite=True)
    assert complete(stale).code == 0
    assert missing(paths, tmp_path / "all.tsv.gz") == "2"
    paths = paths[:1] + paths[2:]
    content = bytearray(paths[2].read_bytes())
    content[100] ^= 1
    paths[2].write_bytes(content)
    assert missing(paths, tmp_path / "all.tsv.gz") == "2"
    assert complete(request_for(paths[0].with_name("2.tsv.gz"), shard=f"2/{COUNT}")).code == 0
    assert missing([*paths, paths[0].with_name("2.tsv.gz")], tmp_path / "all.tsv.gz") == "4"


@pytest.mark.parametrize("name", ["../outside.tsv", "/etc/passwd", "2.tsv"])
def test_a_manifest_speaks_of_its_own_file_only(shards: Callable[[str], list[Path]], name: str, tmp_path: Path) -> None:
    paths = shards("tsv")
    manifest = paths[0].with_name("1.tsv.manifest.json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "file": name}))
    assert missing(paths, tmp_path / "all.tsv") == "1"


def test_the_same_shard_twice_is_refused(shards: Callable[[str], list[Path]], tmp_path: Path) -> None:
    paths = shards("tsv")
    with pytest.raises(InputError, match="same shard"):
        merge([*paths, paths[0]], str(tmp_path / "all.tsv"))


def test_the_name_says_what_the_shards_are(shards: Callable[[str], list[Path]], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"shards are \.tsv files"):
        merge(shards("tsv"), str(tmp_path / "all.tsv.gz"))


def test_the_command(shards: Callable[[str], list[Path]], command: Callable[..., Outcome], tmp_path: Path) -> None:
    paths = shards("tsv")
    outcome = command("merge", *paths, "-o", tmp_path / "all.tsv", "--summary", tmp_path / "all.json")
    assert outcome.code == 0
    assert json.loads((tmp_path / "all.json").read_text())["shards"] == COUNT
    outcome = command("merge", paths[0], paths[3], "-o", tmp_path / "again.tsv")
    assert (outcome.code, outcome.out) == (3, "2,3\n")
    assert command("merge", tmp_path / "none", "-o", "-").code == 1


@pytest.mark.parametrize("change", [{"shard": "1/2", "tabix": True}, {"shard": "1/2", "variants": "-"}])
def test_shards_need_files(request_for: Request, change: dict[str, object], tmp_path: Path) -> None:
    assert complete(request_for(tmp_path / "x.tsv.gz", **change)).code in (1, 2)


def test_a_shard_has_its_manifest_before_its_name(request_for: Request, tmp_path: Path) -> None:
    """Whatever a kill leaves, a shard that has its name is one that `merge` knows."""
    shard = tmp_path / "shard.tsv.gz"
    request = request_for(shard, shard="2/4")
    assert complete(request, Toy(crash_in="take_name")).code == 77
    assert read_manifest(shard)
    assert not shard.exists()
    assert complete(request).code == 0
    manifest, data = read_manifest(shard), shard.read_bytes()
    assert manifest
    assert (manifest.facts.size, manifest.facts.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    header = b"".join(line for line in gzip.decompress(data).splitlines(keepends=True) if line[:1] == b"#")
    assert gzip.decompress(data[: manifest.facts.header]) == header
