"""Who decides how many threads compute: the option, then the environment, then the CPUs that there are."""

from collections.abc import Iterator

import pytest
import torch

from enformer_vep.scoring import threads
from enformer_vep.scoring.cpus import Cpus


@pytest.fixture(autouse=True)
def _own_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four threads and no wish, on a machine of eight CPUs; afterwards as before."""
    before = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    allow(monkeypatch, 8)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def allow(monkeypatch: pytest.MonkeyPatch, count: int, reason: str = "") -> None:
    monkeypatch.setattr(threads, "available_cpus", lambda: Cpus(count, 8, reason))


def test_pytorch_s_own_number_where_there_are_so_many_cpus() -> None:
    """It is one per core, which with hyper-threads are fewer than CPUs."""
    assert threads.use_threads(None).describe() == "4 threads on 8 CPUs"
    assert torch.get_num_threads() == 4


def test_no_more_than_there_are_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, 2, "cgroup quota")
    assert threads.use_threads(None).describe() == "2 threads on 2 of 8 CPUs (cgroup quota)"
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    allow(monkeypatch, 2, "CPU affinity")
    monkeypatch.setenv(name, "4")
    assert threads.use_threads(None).describe() == f"4 threads ({name}) on 2 of 8 CPUs (CPU affinity)"
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("wanted", [1, 6])
def test_the_option_comes_first(monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    noun = "thread" if wanted == 1 else "threads"
    assert threads.use_threads(wanted).describe() == f"{wanted} {noun} (--threads) on 8 CPUs"
    assert torch.get_num_threads() == wanted


def test_processes_share_them() -> None:
    assert [threads.threads_of_each(processes) for processes in (0, 1, 2, 3, 9)] == [4, 4, 2, 1, 1]
    assert threads.use_threads(None).describe(2) == "4 threads on 8 CPUs, 2 in each of 2 processes"
