"""A progress bar on standard error, when somebody watches."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from enformer_vep.cli.logs import is_quiet
from enformer_vep.results import ScoredVariant


@contextlib.contextmanager
def record_progress(total: int | None) -> Iterator[Callable[[ScoredVariant], None]]:
    """Count VCF records.

    Args:
        total: Records expected; None when unknown.

    Yields:
        A function to call with every row; rows of one record count once.
    """
    seen = -1
    with tqdm(total=total, unit="record", file=sys.stderr, disable=True if is_quiet() else None) as bar:

        def advance(row: ScoredVariant) -> None:
            nonlocal seen
            if row.variant.record != seen:
                seen = row.variant.record
                bar.update()

        yield advance
