"""Work that is done while somebody waits for something else."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

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
    # Each item; at the end none, or the error that ended it.
    finished: queue.Queue[tuple[T, ...] | BaseException] = queue.Queue(depth)
    closed = threading.Event()
    thread = threading.Thread(target=_run, args=(items, finished, closed), name="ahead", daemon=True)
    thread.start()
    try:
        while (found := finished.get()) != ():
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        closed.set()
        thread.join(_FAREWELL_SECONDS)


def _run(items: Iterable[T], finished: queue.Queue[tuple[T, ...] | BaseException], closed: threading.Event) -> None:
    def put(found: tuple[T, ...] | BaseException) -> bool:
        while not closed.is_set():
            try:
                finished.put(found, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    try:
        if all(put((item,)) for item in items):
            put(())
    except BaseException as error:
        put(error)
