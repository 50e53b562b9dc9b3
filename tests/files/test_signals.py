"""Requests to end: what a process that finishes its step first does with them."""

import logging
import os
import signal

import pytest

from enformer_vep.files.signals import StoppedError, stop_request

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", BOTH)
def test_one_request_is_noted_and_a_second_is_obeyed_at_once(number, caplog):
    before = [signal.getsignal(one) for one in BOTH]
    caplog.set_level(logging.INFO)
    with (
        pytest.raises(KeyboardInterrupt),
        stop_request(BOTH, "leaving after this step") as stop,
        stop.patience(),
    ):
        os.kill(os.getpid(), number)
        assert stop.received == number.name
        os.kill(os.getpid(), signal.SIGTERM)
    assert caplog.messages == [f"{number.name}: leaving after this step; once more to leave at once"]
    assert [signal.getsignal(one) for one in BOTH] == before


def test_without_a_promise_patience_outlasts_every_request(caplog):
    with stop_request() as stop, stop.patience():
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received == "SIGTERM"
    assert not caplog.messages


def test_without_patience_a_request_ends_the_work():
    message = "stopped by SIGUSR1; run the same command again"
    with pytest.raises(StoppedError, match=message) as caught, stop_request():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert caught.value.exit_code == 143
    assert StoppedError("", signal.SIGINT).exit_code == 130
