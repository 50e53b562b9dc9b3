"""How many CPUs a process may use, from what the system, a container and a scheduler say."""

import os
from pathlib import Path

import pytest

from enformer_vep.scoring.cpus import Cpus, available_cpus

MACHINE = 64


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: MACHINE)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MACHINE)), raising=False)


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A root with /proc/self/cgroup and quota files below /sys/fs/cgroup."""
    for name, content in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{n}": c for n, c in files.items()}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_all_of_them(tmp_path: Path) -> None:
    assert available_cpus({}, tmp_path) == Cpus(MACHINE, MACHINE)
    assert str(available_cpus({}, tmp_path)) == "64 CPUs"


def test_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8})
    assert str(available_cpus({}, tmp_path)) == "3 of 64 CPUs (CPU affinity)"


@pytest.mark.parametrize(
    ("variable", "value", "count"),
    [
        ("SLURM_CPUS_PER_TASK", "8", 8),
        ("NSLOTS", "4", 4),
        ("PBS_NUM_PPN", "2", 2),
        ("LSB_DJOB_NUMPROC", "1", 1),
        ("SLURM_CPUS_PER_TASK", "128", MACHINE),
        ("SLURM_CPUS_PER_TASK", "", MACHINE),
        ("NSLOTS", "undefined", MACHINE),
        ("NSLOTS", "0", MACHINE),
    ],
)
def test_what_a_scheduler_gave(variable: str, value: str, count: int, tmp_path: Path) -> None:
    found = available_cpus({variable: value}, tmp_path)
    assert found == Cpus(count, MACHINE, variable if count < MACHINE else "")


@pytest.mark.parametrize(
    ("groups", "files", "count"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, MACHINE),
        ("0::/job/step\n", {"job/step/cpu.max": "max 100000\n", "job/cpu.max": "300000 100000\n"}, 3),
        ("0::/job/step\n", {"job/step/cpu.max": "400000 100000\n", "job/cpu.max": "500000 100000\n"}, 4),
        # As a container without a namespace of its own sees it: the path is the host's, the files are at the top.
        ("0::/docker/1a2b\n", {"cpu.max": "200000 100000\n"}, 2),
        (
            "4:memory:/pod\n3:cpu,cpuacct:/pod\n2:cpuset:/pod\n0::/\n",
            {"cpu/pod/cpu.cfs_quota_us": "600000\n", "cpu/pod/cpu.cfs_period_us": "100000\n"},
            6,
        ),
        ("3:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, MACHINE),
        ("3:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, MACHINE),
        ("0::/\n", {}, MACHINE),
        ("0::/\n", {"cpu.max": ""}, MACHINE),
    ],
)
def test_quotas(groups: str, files: dict[str, str], count: int, tmp_path: Path) -> None:
    found = available_cpus({}, system(tmp_path, groups, files))
    assert found == Cpus(count, MACHINE, "cgroup quota" if count < MACHINE else "")


def test_the_smallest_holds(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/\n", {"cpu.max": "800000 100000\n"})
    assert available_cpus({"SLURM_CPUS_PER_TASK": "16"}, root).count == 8
    assert available_cpus({"SLURM_CPUS_PER_TASK": "4"}, root) == Cpus(4, MACHINE, "SLURM_CPUS_PER_TASK")
