"""Threads that wait for a socket."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from httpconn.runtime.runtimes import BlockingRuntime
from httpconn.runtime.stepping import run_sync
from tests.servers.faces import PATIENCE


class Interrupted(Exception):
    """As KeyboardInterrupt."""


@pytest.fixture
def interrupt() -> Iterator[threading.Timer]:
    """Interrupts this thread by a signal that another one takes, so that no system call of ours ends early."""

    def raise_it(*_: object) -> None:
        raise Interrupted

    before, over = signal.signal(signal.SIGUSR1, raise_it), threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    yield threading.Timer(0.1, lambda: signal.pthread_kill(other.ident, signal.SIGUSR1))
    over.set()
    other.join()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("seconds", [None, PATIENCE])
@pytest.mark.parametrize("way", ["readable", "any_writable"])
def test_a_signal_that_ends_no_system_call_ends_a_wait(interrupt, seconds, way):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        with suppress(BlockingIOError):
            while True:
                ours.send(bytes(65536))
        runtime = BlockingRuntime()
        waiting = (
            runtime.readiness(ours).readable if way == "readable" else lambda left: runtime.any_writable([ours], left)
        )
        interrupt.start()
        with pytest.raises(Interrupted):
            run_sync(waiting(seconds))
        interrupt.join()


@pytest.mark.parametrize("seconds", [0, 0.001, 0.6])
def test_a_wait_ends_with_its_time(seconds):
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        run_sync(BlockingRuntime().readiness(ours).readable(seconds))
