"""Items made ahead: in order, in another thread, with their errors."""

import threading
import time
from collections.abc import Iterator

import pytest

from enformer_vep.scoring.prefetch import ahead


def test_items_come_in_order():
    assert list(ahead(range(1000), depth=3)) == list(range(1000))


def test_nothing_gives_nothing():
    assert list(ahead([])) == []


def test_items_are_made_in_another_thread_before_they_are_asked_for():
    made = threading.Event()

    def items() -> Iterator[int]:
        yield threading.get_ident()
        made.set()
        yield threading.get_ident()

    line = ahead(items())
    first = next(line)
    assert made.wait(5)
    assert first == next(line) != threading.get_ident()


def test_an_error_comes_in_its_place():
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    line = ahead(items())
    assert next(line) == 1
    with pytest.raises(KeyError, match="broken"):
        next(line)


def test_no_more_is_made_than_may_wait():
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    line = ahead(items(), depth=2)
    next(line)
    time.sleep(0.3)
    assert len(made) <= 4  # one taken, two that wait, one that finds no room
    line.close()


def test_the_thread_ends_when_nobody_listens():
    line = ahead(iter(int, 1))
    next(line)
    line.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead" and thread.is_alive()]


def test_a_thread_that_hangs_does_not_hold_the_process():
    hanging = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        hanging.wait(60)
        yield 2

    line = ahead(items())
    next(line)
    began = time.monotonic()
    line.close()
    assert time.monotonic() - began < 10
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "ahead")
    hanging.set()
