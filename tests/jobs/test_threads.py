"""Threads change last digits: what is recorded of them, and who says so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from enformer_vep.errors import UsageError
from enformer_vep.jobs.manifest import manifest_path, read_manifest
from enformer_vep.resume.computed import gone_on_with, in_words, ways_of
from enformer_vep.resume.journal import read_journal
from enformer_vep.scoring.workers import device_names
from enformer_vep.settings import ComputeSettings
from tests.cli.conftest import Outcome
from tests.jobs.conftest import Request
from tests.jobs.test_resume import stop_after
from tests.jobs.toy import complete

ONE = {"batch-size": 4, "device": "cpu", "threads": 1}
TWO = {**ONE, "threads": 2}


def with_threads(count: int | None, devices: tuple[str, ...] = ()) -> ComputeSettings:
    return ComputeSettings("auto" if devices else "cpu", threads=count, devices=devices, piece_size=50)


def test_a_run_that_goes_on_with_other_threads_says_so_once(
    request_for: Request, expected: dict[str, bytes], tmp_path: Path
) -> None:
    destination = tmp_path / "1.tsv"
    stop_after(request_for, destination, 300)
    other = request_for(destination, compute=with_threads(2))
    code, error = complete(other)
    assert code == 0, error
    assert error.count("was begun in one way (cpu, 1 thread, batches of 4)") == 1
    assert "goes on in another (cpu, 2 threads, batches of 4)" in error
    assert destination.read_bytes() == expected["tsv"], "the toy's values do not depend on threads"


def test_a_run_that_goes_on_with_as_many_does_not(request_for: Request, tmp_path: Path) -> None:
    stop_after(request_for, tmp_path / "1.tsv", 300)
    assert "was begun" not in complete(request_for(tmp_path / "1.tsv")).err


def test_both_numbers_are_on_record(request_for: Request, tmp_path: Path) -> None:
    destination = tmp_path / "1.tsv"
    stop_after(lambda path: request_for(path, shard="1/2"), destination, 300)
    journal = read_journal(tmp_path / "1.tsv.journal")
    assert journal is not None
    assert journal.computed == ONE
    assert complete(request_for(destination, shard="1/2", compute=with_threads(2))).code == 0
    manifest = read_manifest(destination)
    assert manifest is not None
    assert ways_of(manifest.facts.computed) == [TWO, ONE]


@pytest.mark.slow
def test_workers_share_the_threads(request_for: Request, tmp_path: Path) -> None:
    compute = with_threads(4, devices=("cpu", "cpu"))
    code, error = complete(request_for(tmp_path / "1.tsv", shard="1/2", compute=compute))
    assert code == 0, error
    assert "4 threads (--threads)" in error
    assert "2 in each of 2 processes" in error
    manifest = read_manifest(tmp_path / "1.tsv")
    assert manifest is not None
    assert manifest.facts.computed == {"batch-size": 4, "device": "cpu, cpu", "threads": 2}


def test_shards_with_other_threads_are_merged_with_a_warning(
    request_for: Request, command: Callable[..., Outcome], tmp_path: Path
) -> None:
    shards = [tmp_path / f"{number}.tsv" for number in (1, 2)]
    for number, path in enumerate(shards, 1):
        assert complete(request_for(path, shard=f"{number}/2", compute=with_threads(number))).code == 0
    mixed = command("merge", *shards, "-o", tmp_path / "all.tsv")
    assert mixed.code == 0
    assert "cpu, 1 thread, batches of 4; cpu, 2 threads, batches of 4" in mixed.err
    assert "last digits may differ" in mixed.err
    request = request_for(shards[1], shard="2/2", compute=with_threads(1), overwrite=True)
    assert complete(request).code == 0
    assert "last digits" not in command("merge", *shards, "-o", tmp_path / "all.tsv").err


def test_a_shard_that_was_computed_in_two_ways_is_a_mixture_by_itself(
    request_for: Request, command: Callable[..., Outcome], tmp_path: Path
) -> None:
    shards = [tmp_path / f"{number}.tsv" for number in (1, 2)]
    for number, path in enumerate(shards, 1):
        assert complete(request_for(path, shard=f"{number}/2")).code == 0
        manifest = json.loads(manifest_path(path).read_bytes())
        manifest["computed"] = gone_on_with(TWO, ONE)
        manifest_path(path).write_text(json.dumps(manifest))
    assert "1 thread, batches of 4; cpu, 2 threads" in command("merge", *shards, "-o", tmp_path / "all.tsv").err


def test_ways_are_kept_once_each() -> None:
    gpu = {"batch-size": 16, "device": "H100"}
    assert gone_on_with(ONE, ONE) == ONE
    twice = gone_on_with(gone_on_with(ONE, TWO), gpu)
    assert ways_of(twice) == [gpu, TWO, ONE]
    assert ways_of(gone_on_with(twice, TWO)) == [TWO, gpu, ONE]
    assert ways_of(gone_on_with(gone_on_with(ONE, TWO), ONE)) == [ONE, TWO]
    assert in_words(gpu) == "H100, batches of 16"


def test_all_devices_are_spelled_out(request_for: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    request = request_for(tmp_path / "1.tsv", compute=ComputeSettings(devices=("all",)))
    assert device_names(request) == ("cuda:0", "cuda:1")
    assert device_names(request_for(tmp_path / "1.tsv")) == ()


def test_no_threads_are_refused() -> None:
    with pytest.raises(UsageError, match="--threads 0: give at least 1"):
        ComputeSettings(threads=0)
