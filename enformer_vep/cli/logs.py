"""Words on standard error: how many, and how they get along with a progress bar."""

import logging
import sys

import click
from tqdm import tqdm

_LEVELS = {-1: logging.ERROR, 0: logging.INFO, 1: logging.DEBUG}


class _BarFriendlyHandler(logging.Handler):
    """Writes above a running progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        tqdm.write(self.format(record), file=sys.stderr)


class _Formatter(logging.Formatter):
    """`enformer-vep: message`, with the level only where it matters."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"enformer-vep: {level}{record.getMessage()}"


def set_up_logging(verbosity: int) -> None:
    """Send the package's messages to standard error.

    Args:
        verbosity: -1 for errors only, 0 for what a user should know, 1 for details.
    """
    logger = logging.getLogger("enformer_vep")
    handler = _BarFriendlyHandler()
    handler.setFormatter(_Formatter())
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(_LEVELS[verbosity])


def is_quiet() -> bool:
    """Whether the user asked for errors only."""
    return logging.getLogger("enformer_vep").level >= logging.ERROR


def verbosity_options() -> list[click.Option]:
    """Options that every command has; they act at once and are not passed on."""
    return [
        click.Option(
            flags,
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=lambda _, __, given, level=level: set_up_logging(level) if given else None,
            help=about,
        )
        for flags, level, about in (
            (["-v", "--verbose"], 1, "Say more on standard error."),
            (["-q", "--quiet"], -1, "Errors only; no progress bar."),
        )
    ]
