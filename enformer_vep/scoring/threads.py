"""How many threads compute on a CPU. The number changes the last digits of scores, so it is chosen once and said."""

import os
from dataclasses import dataclass

import torch

from enformer_vep.scoring.cpus import Cpus, available_cpus

# What a user sets who wants another number; PyTorch reads both.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of a run.

    Attributes:
        count: How many compute at once.
        cpus: The CPUs that they have.
        reason: What asked for this number; empty for as many as there are CPUs or cores.
    """

    count: int
    cpus: Cpus
    reason: str = ""

    def describe(self, processes: int = 1) -> str:
        """Such as "2 threads (--threads) on 8 CPUs, 1 in each of 2 processes", which share them."""
        threads = f"{self.count} thread{'' if self.count == 1 else 's'}"
        asked = f" ({self.reason})" if self.reason else ""
        shared = f", {threads_of_each(processes)} in each of {processes} processes" if processes > 1 else ""
        return f"{threads}{asked} on {self.cpus}{shared}"


def use_threads(wanted: int | None) -> Threads:
    """Set the number of PyTorch's threads in this process.

    Without a wish, `OMP_NUM_THREADS` and `MKL_NUM_THREADS` hold, else PyTorch's own number, one per core, as far as
    this process may use so many CPUs.

    Args:
        wanted: As many; None to choose.
    """
    cpus = available_cpus()
    if wanted is not None:
        torch.set_num_threads(wanted)
        return Threads(wanted, cpus, "--threads")
    for name in _VARIABLES:
        if os.environ.get(name):
            return Threads(torch.get_num_threads(), cpus, name)
    if torch.get_num_threads() > cpus.count:
        torch.set_num_threads(cpus.count)
    return Threads(torch.get_num_threads(), cpus)


def threads_of_each(processes: int) -> int:
    """Threads of each of so many processes (0 for this one alone) that share the CPUs of this one."""
    return max(1, torch.get_num_threads() // max(1, processes))
