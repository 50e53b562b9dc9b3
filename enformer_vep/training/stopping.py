"""Signals that end a training run: it finishes its step and leaves a checkpoint."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from enformer_vep.errors import EnformerVepError

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RunStoppedError(EnformerVepError):
    """A signal ended the run; the exit code is as of a process that the signal killed.

    Args:
        message: One line.
        number: The signal.
    """

    def __init__(self, message: str, number: signal.Signals) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopSignal:
    """What was received.

    Attributes:
        number: The first signal; None while there was none. A second one ends the process at once.
    """

    def __init__(self) -> None:
        self.number: signal.Signals | None = None

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """The signal handler."""
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = signal.Signals(number)
        logger.info(
            "%s: leaving after this step with a checkpoint; once more to leave at once", self.number.name
        )


@contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """Listens to SIGINT (Ctrl-C) and SIGTERM while the block runs; to be used in the main thread."""
    received = StopSignal()
    before = {number: signal.signal(number, received.handle) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
