"""Several workers write what one writes, even when some die."""

import os
import signal
import time
from pathlib import Path

import pytest

from enformer_vep.settings import ComputeSettings
from tests.jobs.conftest import Request
from tests.jobs.test_resume import rows_in
from tests.jobs.toy import Toy, complete, start

TWO = ComputeSettings(devices=("cpu", "cpu"), piece_size=50)


@pytest.mark.parametrize("suffix", [pytest.param("tsv", marks=pytest.mark.slow), "tsv.gz"])
def test_two_workers_write_what_one_writes(
    request_for: Request, expected: dict[str, bytes], suffix: str, tmp_path: Path
) -> None:
    code, error = complete(request_for(tmp_path / f"scores.{suffix}", compute=TWO))
    assert code == 0, error
    assert "1 in each of 2 processes" in error
    assert (tmp_path / f"scores.{suffix}").read_bytes() == expected[suffix]


def test_a_dead_worker_s_piece_is_done_elsewhere(
    request_for: Request, expected: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "poison").touch()
    code, error = complete(request_for(tmp_path / "scores.tsv", compute=TWO), Toy(dies_with=tmp_path / "poison"))
    assert code == 0, error
    assert (tmp_path / "scores.tsv").read_bytes() == expected["tsv"]
    assert "was killed by SIGKILL at chr1:" in error
    assert "trying elsewhere" in error


@pytest.mark.slow
def test_a_piece_that_kills_twice_fails_the_run(
    request_for: Request, expected: dict[str, bytes], tmp_path: Path
) -> None:
    code, error = complete(request_for(tmp_path / "scores.tsv", compute=TWO), Toy(always_dies=True))
    assert code == 1
    assert "run the same command again" in error
    assert "Traceback" not in error
    assert not (tmp_path / "scores.tsv").exists()
    assert complete(request_for(tmp_path / "scores.tsv")).code == 0
    assert (tmp_path / "scores.tsv").read_bytes() == expected["tsv"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_worker_goes_on_where_two_were_stopped(
    request_for: Request, expected: dict[str, bytes], number: int, tmp_path: Path
) -> None:
    destination = tmp_path / "scores.tsv.gz"
    process = start(request_for(destination, compute=TWO), Toy(delay=0.004))
    while rows_in(destination) < 200:
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, number)
    process.join()
    assert process.exitcode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert rows_in(destination) >= 200
    assert complete(request_for(destination)).code == 0
    assert destination.read_bytes() == expected["tsv.gz"]
