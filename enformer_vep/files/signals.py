"""What schedulers send before they kill: finish the batch, keep what is done, go."""

import logging
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from enformer_vep.errors import EnformerVepError

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StoppedError(EnformerVepError):
    """Somebody asked this process to end; exit code as of a process that the signal ended."""

    def __init__(self, message: str, number: int = signal.SIGTERM) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopRequest:
    """Whether somebody asked this process to end.

    Attributes:
        patient: A request only raises a flag; otherwise it ends the process at once.
        received: Name of the signal; None while there was none.

    Args:
        promise: What a patient process logs that it does now; asked once more, it leaves at once.
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
def stop_request(
    signals: Iterable[signal.Signals] = SIGNALS, promise: str | None = None
) -> Iterator[StopRequest]:
    """Listens to signals; in threads other than the main one, where Python cannot, it does not."""
    request = StopRequest(promise)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.handle) for number in signals}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_to_parent(_: int = 0) -> None:
    """Lets the parent end this helper process: Ctrl-C and schedulers signal every process of a job.

    SIGTERM is ignored once only, for it is also how a parent ends a helper that does not answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: signal.signal(signal.SIGTERM, signal.SIG_DFL))
