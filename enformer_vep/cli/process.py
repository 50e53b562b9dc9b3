"""What a process owes to who started it: an orderly end when told to stop, and care with missing streams."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_STOPPING = (signal.SIGTERM, signal.SIGHUP)
_STANDARD_DESCRIPTORS = range(3)


class Stopped(BaseException):
    """Somebody else, such as a scheduler, wants this process to end.

    Attributes:
        exit_code: What a shell reports of a process that a signal ended: 128 + the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def wait_with_patience() -> None:
    """Has the threads of a computation wait for each other asleep, not spinning, after about a millisecond.

    PyTorch's OpenMP by default spins so long that on a machine with less free cores than threads, such as a
    shared cluster node, a run takes twenty times as long. Only works before torch is loaded; what the user
    has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "100000")


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP unwind the block as Ctrl-C does, so that no temporary file is left.

    A signal that is ignored (`nohup`) or handled already is left alone.

    Raises:
        Stopped: One of them came.
    """
    taken = [number for number in _STOPPING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


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


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
