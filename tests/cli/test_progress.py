"""The progress bar: for whom it shows, and how it gets along with words and rows."""

import io
import logging
import sys
from collections.abc import Callable

import numpy as np
import pytest

from enformer_vep.cli.logs import set_up_logging
from enformer_vep.cli.progress import is_terminal, progress_bar, record_progress
from enformer_vep.genome.variants import Status, Variant
from enformer_vep.tables.row import ScoredVariant


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(record: int) -> ScoredVariant:
    return ScoredVariant(Variant("1", 1, ".", "A", "C", record), Status.OK, np.zeros(1, np.float32))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What two records with three alleles and a message in between leave on standard error."""

    def show(stderr: io.StringIO, *, verbosity: int = 0, hidden: bool = False) -> str:
        # Not in a fixture's set-up: pytest puts its own in place for the test itself.
        monkeypatch.setattr(sys, "stderr", stderr)
        set_up_logging(verbosity)
        with record_progress(2, hidden=hidden) as advance:
            advance(row(0))
            logging.getLogger("enformer_vep").info("a message")
            advance(row(0))
            advance(row(1))
        return stderr.getvalue()

    return show


def test_a_terminal_gets_a_bar_that_counts_records(screen):
    assert "2/2" in screen(Terminal())


def test_a_message_has_a_line_of_its_own(screen):
    before, message, after = screen(Terminal()).partition("enformer-vep: a message\n")
    assert message
    assert before.rpartition("\r")[2] == ""  # the bar was wiped and the cursor is at the line's start
    assert "enformer-vep" not in after


def test_no_bar_where_nobody_watches(screen):
    assert screen(io.StringIO()) == "enformer-vep: a message\n"


def test_no_bar_through_rows_nor_when_quiet(screen):
    assert screen(Terminal(), hidden=True) == "enformer-vep: a message\n"
    assert screen(Terminal(), verbosity=-1) == ""


def test_a_bar_goes_on_and_shows_figures(monkeypatch):
    """As of a training run that is resumed."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    set_up_logging(0)
    with progress_bar(10, "step", first=6) as advance:
        advance(3)
        advance(0, valid="0.5000")
    assert "9/10" in sys.stderr.getvalue()
    assert "valid=0.5000" in sys.stderr.getvalue()


@pytest.mark.parametrize(
    ("destination", "stdout", "expected"),
    [
        ("-", Terminal(), True),
        ("scores.tsv", Terminal(), False),
        ("-", io.StringIO(), False),
        ("-", None, False),
    ],
)
def test_rows_on_a_terminal(monkeypatch, destination, stdout, expected):
    monkeypatch.setattr(sys, "stdout", stdout)
    assert is_terminal(destination) is expected
