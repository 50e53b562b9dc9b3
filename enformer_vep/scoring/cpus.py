"""How many CPUs this process may use, which on a shared machine are fewer than there are."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# CPUs of a task as schedulers tell them: SLURM, SGE, PBS (Torque), LSF. Not every cluster also binds the task to them.
_SCHEDULERS = ("SLURM_CPUS_PER_TASK", "NSLOTS", "PBS_NUM_PPN", "LSB_DJOB_NUMPROC")


@dataclass(frozen=True, slots=True)
class Cpus:
    """The CPUs of this process.

    Attributes:
        count: How many it may use.
        machine: How many there are.
        reason: What allows no more, in words; empty where it may use all.
    """

    count: int
    machine: int
    reason: str = ""

    def __str__(self) -> str:
        """Such as "2 of 64 CPUs (SLURM_CPUS_PER_TASK)"."""
        noun = "CPU" if self.machine == 1 else "CPUs"
        return f"{self.count} of {self.machine} {noun} ({self.reason})" if self.reason else f"{self.machine} {noun}"


def available_cpus(environment: Mapping[str, str] = os.environ, root: Path = Path("/")) -> Cpus:
    """Count the CPUs that affinity, the quota of a container or job (cgroups 1 and 2), and the scheduler leave.

    The load of the machine is not looked at: a number of threads that followed it would change the last digits of
    scores from run to run.

    Args:
        environment: What schedulers set.
        root: Where /proc and /sys are.
    """
    machine = os.cpu_count() or 1
    limits = [(machine, "")]
    if hasattr(os, "sched_getaffinity"):
        limits.append((len(os.sched_getaffinity(0)), "CPU affinity"))
    # Part of a CPU counts as one: it computes too.
    limits += [(max(1, math.ceil(quota)), "cgroup quota") for quota in _quotas(root)]
    limits += [
        (int(environment[name]), name)
        for name in _SCHEDULERS
        if environment.get(name, "").isdecimal() and int(environment[name]) > 0
    ]
    count, reason = min(limits, key=lambda limit: limit[0])
    return Cpus(count, machine, reason)


def _quotas(root: Path) -> Iterator[float]:
    """CPUs that this process's control groups, and those around them, may use at once."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        # Version 2 names no controllers; the mount of version 1 also has the name of each alone.
        if not controllers:
            yield from _quotas_along(root / "sys/fs/cgroup", path, ("cpu.max",))
        elif "cpu" in controllers.split(","):
            yield from _quotas_along(root / "sys/fs/cgroup/cpu", path, ("cpu.cfs_quota_us", "cpu.cfs_period_us"))


def _quotas_along(mount: Path, path: str, names: tuple[str, ...]) -> Iterator[float]:
    """Quotas from a group up to the mount, of which a container may show the upper ones only."""
    group = mount / path.lstrip("/")
    for folder in (group, *group.parents):
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
        except (OSError, ValueError):
            quota, period = "max", ""
        if quota.isdecimal() and period.isdecimal() and int(period) > 0:  # "max" and -1: no quota
            yield int(quota) / int(period)
        if folder == mount:
            return
