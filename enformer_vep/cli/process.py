"""What a process sets up before anything else: its standard streams, and how its threads wait."""

import os
import sys
from pathlib import Path

_STANDARD_DESCRIPTORS = range(3)

# Of GNU's OpenMP, which PyTorch's wheels bring, and of LLVM's and Intel's.
_SPINS = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# GNU's: some microseconds, about what waking a thread costs. 0 is slower on a free machine, more on a busy one.
_SHORT_SPIN = "1000"


def wait_with_patience() -> None:
    """Has the threads of a computation wait for each other asleep, not spinning.

    OpenMP by default spins so long that with fewer free cores than threads, as on a shared machine, a run takes
    several times as long (benchmarks/threads.py). Workers inherit it. Only works before torch is loaded; what the
    user has set stays.
    """
    if os.environ.keys().isdisjoint(("OMP_WAIT_POLICY", *_SPINS)):
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ["GOMP_SPINCOUNT"] = _SHORT_SPIN


def replace_missing_streams() -> None:
    """Puts the null device where the process was started without a standard stream (`2>&-`).

    The next file opened would get the free descriptor otherwise, and with it whatever a library says on
    standard error. Only standard error becomes usable: reading nothing or writing to nowhere is no success.
    """
    for descriptor in _STANDARD_DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is this one
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 (lives as long as the process)
