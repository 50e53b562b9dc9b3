"""What schedulers send before they kill: finish the batch, keep what is done, go."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from enformer_vep.errors import EnformerVepError

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StoppedError(EnformerVepError):
    """A scheduler asked this process to end; exit code as of a process that SIGTERM ended."""

    exit_code = 128 + signal.SIGTERM


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
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.handle) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
