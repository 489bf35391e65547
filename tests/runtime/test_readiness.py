"""Threads and tasks that wait for a socket."""

from __future__ import annotations

import asyncio
import itertools
import math
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
import trio

from httpconn.runtime.runtimes import BlockingRuntime, EventLoopRuntime
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.timeouts import until
from tests.servers.faces import PATIENCE
from tests.torture.interrupts import Alarm


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


@pytest.mark.parametrize("seconds", [math.inf, PATIENCE])
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
            runtime.readiness(ours).readable
            if way == "readable"
            else lambda end: runtime.any_writable([ours], None if end == math.inf else PATIENCE)
        )
        interrupt.start()
        with pytest.raises(Interrupted):
            run_sync(waiting(until(seconds)))
        interrupt.join()


@pytest.mark.parametrize("seconds", [0, 0.001, 0.6])
def test_a_wait_ends_with_its_time(seconds):
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        run_sync(BlockingRuntime().readiness(ours).readable(until(seconds)))


@pytest.mark.parametrize("error", [Interrupted, Alarm])
def test_an_exception_in_the_callback_of_a_loop_reaches_the_waiting_task(error):
    """A signal handler can raise in the callback, where asyncio would only log the exception."""

    def take() -> None:
        raise error

    async def main() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.send(b"a")
            with pytest.raises(error):
                await EventLoopRuntime().readiness(ours).result_of(take, math.inf)

    asyncio.run(main())


def test_a_timer_that_cannot_be_replaced_stays(monkeypatch):
    async def main() -> None:
        runtime, pairs = EventLoopRuntime(), [socket.socketpair() for _ in range(2)]
        first, second = (runtime.readiness(ours) for ours, _ in pairs)
        waiting = asyncio.ensure_future(first.readable(until(0.1)))
        await asyncio.sleep(0)

        def interrupted(*_: object) -> None:
            raise Interrupted

        with monkeypatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "call_later", interrupted)
            with pytest.raises(Interrupted):
                await second.readable(until(0.01))
        with pytest.raises(TimeoutError):
            await waiting
        for sock in itertools.chain(*pairs):
            sock.close()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_timeout_of_one_direction_leaves_the_other_waiting():
    async def main() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            with suppress(BlockingIOError):
                while True:
                    ours.send(bytes(65536))
            readiness, ended = EventLoopRuntime().readiness(ours), []

            async def receive() -> None:
                ended.append(await readiness.result_of(lambda: ours.recv(1), until(PATIENCE)))

            async with trio.open_nursery() as tasks:
                tasks.start_soon(receive)
                with pytest.raises(TimeoutError):
                    await readiness.writable(until(0.01))
                assert not ended
                theirs.send(b"a")
            assert ended == [b"a"]

    trio.run(main)


def test_an_earlier_end_than_that_of_the_timer():
    async def main() -> None:
        pairs = [socket.socketpair() for _ in range(3)]
        ended = []

        async def wait(sock: socket.socket, seconds: float) -> None:
            sock.setblocking(False)
            with pytest.raises(TimeoutError):
                await EventLoopRuntime().readiness(sock).readable(until(seconds))
            ended.append(seconds)

        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as tasks:
                for (sock, _), seconds in zip(pairs, (0.3, 0.2, 0.05), strict=True):
                    tasks.start_soon(wait, sock, seconds)
                    await trio.lowlevel.checkpoint()
        assert sorted(ended) == [0.05, 0.2, 0.3]
        for sock in itertools.chain(*pairs):
            sock.close()

    trio.run(main)


def test_a_wait_ends_with_its_time_after_the_main_task():
    """trio finalizes an abandoned generator when it starts no more tasks."""
    ended = []

    async def abandoned() -> AsyncIterator[None]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            try:
                yield
            finally:
                with trio.CancelScope(shield=True), pytest.raises(TimeoutError):
                    await EventLoopRuntime().readiness(ours).readable(until(0.01))
                ended.append(True)

    generators = []

    async def main() -> None:
        generators.append(abandoned())
        await anext(generators[0])

    trio.run(main)
    assert ended
