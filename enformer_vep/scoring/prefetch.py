"""Work that is done while somebody waits for something else."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

# How long a thread that nobody listens to any more goes on waiting before it looks.
_PATIENCE_SECONDS = 0.1
_FAREWELL_SECONDS = 1.0


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """Make items in a background thread, so that the next one is there when it is asked for.

    What making an item raises is raised in its place. The thread is a daemon: when it hangs in a read (a pipe
    that never ends) it does not keep the process from ending.

    Args:
        items: Gone through in that thread, and only there.
        depth: How many finished items may wait.
    """
    line = _Line(items, depth)
    line.thread.start()
    try:
        while (found := line.finished.get()) is not line.end:
            yield found  # type: ignore[misc]
        if line.error is not None:
            raise line.error
    finally:
        line.close()


class _Line(Generic[T]):
    """A production line of one worker."""

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._closed = threading.Event()
        self.end = object()
        self.error: BaseException | None = None
        self.finished: queue.Queue[T | object] = queue.Queue(depth)
        self.thread = threading.Thread(target=self._run, name="ahead", daemon=True)

    def close(self) -> None:
        """Tells the worker that nobody waits any more."""
        self._closed.set()
        self.thread.join(_FAREWELL_SECONDS)

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as error:
            self.error = error
        self._put(self.end)

    def _put(self, item: T | object) -> bool:
        while not self._closed.is_set():
            try:
                self.finished.put(item, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return True
        return False
