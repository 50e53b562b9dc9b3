"""What a process sets up before anything else: its standard streams, and how its threads wait."""

import os
import sys
from pathlib import Path

_STANDARD_DESCRIPTORS = range(3)


def wait_with_patience() -> None:
    """Has the threads of a computation wait for each other asleep, not spinning, after about a millisecond.

    PyTorch's OpenMP by default spins so long that on a machine with less free cores than threads, such as a
    shared cluster node, a run takes twenty times as long. Only works before torch is loaded; what the user
    has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "100000")


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
