"""Memory of the process, for engines that run on a CPU."""

import ctypes
import logging
import sys

logger = logging.getLogger(__name__)

# Parameters of glibc's mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Let the C library hand freed memory out again instead of returning it to the system.

    By default glibc maps every large tensor anew, and the system clears its pages anew: a third of the time
    of a CPU run. Does nothing where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, -1)
    except (OSError, AttributeError) as error:
        logger.debug("memory is returned to the system each time (%s)", error)
