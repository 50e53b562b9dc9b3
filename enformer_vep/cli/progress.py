"""A progress bar on standard error, when somebody watches."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from enformer_vep.cli.logs import is_quiet
from enformer_vep.tables.row import ScoredVariant


@contextlib.contextmanager
def record_progress(total: int | None, *, hidden: bool = False) -> Iterator[Callable[[ScoredVariant], None]]:
    """Count VCF records.

    Args:
        total: Records expected; None when unknown.
        hidden: Show no bar even where one could be seen.

    Yields:
        A function to call with every row; rows of one record count once.
    """
    seen = -1
    disable = True if hidden or is_quiet() else None  # None: unless standard error is a terminal
    with tqdm(total=total, unit="record", file=sys.stderr, disable=disable) as bar:

        def advance(row: ScoredVariant) -> None:
            nonlocal seen
            if row.variant.record != seen:
                seen = row.variant.record
                bar.update()

        yield advance


def is_terminal(destination: str) -> bool:
    """Whether rows for this destination appear on the user's screen."""
    return destination == "-" and sys.stdout is not None and sys.stdout.isatty()
