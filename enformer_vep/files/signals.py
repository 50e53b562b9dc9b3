"""The signals that ask this process to end, and what it does then: unwind, or finish the batch; keep what is done."""

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C."""

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""What schedulers send before they kill."""

_UNWINDING = (signal.SIGTERM, signal.SIGHUP)


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

    Args:
        promise: What a patient process says that it does; asked once more, it leaves at once.
    """

    def __init__(self, promise: str | None = None) -> None:
        self.patient = False
        self.received: str | None = None
        self._promise = promise

    def handle(self, number: int, _: FrameType | None = None) -> None:
        """The signal handler."""
        again, self.received = self.received is not None, signal.Signals(number).name
        if not self.patient:
            raise StoppedError(f"stopped by {self.received}; run the same command again")
        if self._promise and again:
            raise KeyboardInterrupt
        if self._promise:
            logger.info("%s: %s; once more to leave at once", self.received, self._promise)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """While the block runs, its loop looks at `received` after each batch and is not torn apart."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False


@contextmanager
def stop_request(signals: Iterable[signal.Signals] = SIGNALS, promise: str | None = None) -> Iterator[StopRequest]:
    """Listens to signals; in threads other than the main one, where Python cannot, it does not."""
    request = StopRequest(promise)
    in_main_thread = threading.current_thread() is threading.main_thread()
    with handling(signals if in_main_thread else (), request.handle):
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
def handling(signals: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Handles signals while the block runs; afterwards they are handled as before."""
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise StoppedError("stopped: nothing was left under the output's name", number)


def leave_to_parent(_: int = 0) -> None:
    """Lets the parent end this helper process: Ctrl-C and schedulers signal every process of a job.

    SIGTERM is ignored once only, for it is also how a parent ends a helper that does not answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(signal.SIGTERM, signal.SIG_DFL))
