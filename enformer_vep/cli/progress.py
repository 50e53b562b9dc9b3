"""The progress bar on standard error, when somebody watches."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tqdm import tqdm

from enformer_vep.cli.logs import is_quiet

if TYPE_CHECKING:
    from enformer_vep.tables.row import ScoredVariant


@contextlib.contextmanager
def progress_bar(
    total: int | None, unit: str, *, first: int = 0, hidden: bool = False
) -> Iterator[Callable[..., None]]:
    """Show how far a command is.

    Args:
        total: Units expected; None when unknown.
        unit: What is counted, in the singular.
        first: Units done before.
        hidden: Show no bar even where one could be seen.

    Yields:
        A function to call with the number of units done; keywords are figures to show beside the bar.
    """
    disable = True if hidden or is_quiet() else None  # None: unless standard error is a terminal
    with tqdm(total=total, unit=unit, initial=first, file=sys.stderr, disable=disable) as bar:

        def advance(count: int = 1, **figures: object) -> None:
            bar.update(count)
            if figures:
                bar.set_postfix(figures)

        yield advance


@contextlib.contextmanager
def record_progress(total: int | None, *, hidden: bool = False) -> Iterator[Callable[["ScoredVariant"], None]]:
    """Count VCF records: the function is to be called with every row, and rows of one record count once."""
    seen = -1
    with progress_bar(total, "record", hidden=hidden) as advance:

        def count(row: "ScoredVariant") -> None:
            nonlocal seen
            if row.variant.record != seen:
                seen = row.variant.record
                advance()

        yield count


def is_terminal(destination: str) -> bool:
    """Whether rows for this destination appear on the user's screen."""
    return destination == "-" and sys.stdout is not None and sys.stdout.isatty()
