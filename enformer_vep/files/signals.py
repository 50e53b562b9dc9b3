"""The signals that ask this process to end, and what it does then: unwind, or finish the batch; keep what is done."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C."""

_UNWINDING = (signal.SIGTERM, signal.SIGHUP)
# What schedulers send before they kill.
_WARNING = (signal.SIGTERM, signal.SIGUSR1)


class StoppedError(BaseException):
    """Somebody else, such as a scheduler, wants this process to end; like Ctrl-C, it is nobody's to catch midway.

    Attributes:
        exit_code: What a shell reports of a process that a signal ended: 128 + the signal's number.
    """

    def __init__(self, message: str, number: int = signal.SIGTERM) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopRequest:
    """Whether somebody asked this process to end.

    Attributes:
        patient: A request only raises a flag; otherwise it ends the process at once.
        received: Name of the signal; None while there was none.
    """

    def __init__(self) -> None:
        self.patient = False
        self.received: str | None = None

    def handle(self, number: int, _: FrameType | None = None) -> None:
        """The signal handler."""
        self.received = signal.Signals(number).name
        if not self.patient:
            raise StoppedError(f"stopped by {self.received}; run the same command again")

    @contextmanager
    def patience(self) -> Iterator[None]:
        """While the block runs, its loop looks at `received` after each batch and is not torn apart."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Listens to SIGTERM and SIGUSR1; in threads other than the main one, where Python cannot, it does not."""
    request = StopRequest()
    in_main_thread = threading.current_thread() is threading.main_thread()
    with handling(_WARNING if in_main_thread else (), request.handle):
        yield request


@contextmanager
def stopped_in_order() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP unwind the block as Ctrl-C does, so that no temporary file is left.

    A signal that is ignored (`nohup`) or handled already is left alone.

    Raises:
        StoppedError: One of them came.
    """
    with handling((one for one in _UNWINDING if signal.getsignal(one) is signal.SIG_DFL), _unwind):
        yield


@contextmanager
def handling(
    signals: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    """Handles signals while the block runs; afterwards they are handled as before."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise StoppedError("stopped: nothing was left under the output's name", number)
