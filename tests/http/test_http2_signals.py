"""Signals during calls over HTTP/2: the shared connection stays usable, and no stream or slot is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import hyperframe.frame as frames
import pytest
import trio

import httpconn
from httpconn import HTTPConnection
from tests.http.children import exit_code_of
from tests.http.frames import STATUS_200, respond_on, responding_http2_peer
from tests.runtime.test_interruption import RaisingAt, require_free
from tests.servers.application import pattern
from tests.servers.faces import PATIENCE
from tests.torture.interrupts import Alarm

SETTINGS = frames.SettingsFrame(0).serialize()
PACKAGE = str(Path(httpconn.__file__).parent)
SIZE = 2**20


@contextmanager
def signalling(certificates, number: int):
    """Yield the URL of a server that sends this process a signal in the middle of its first body."""
    left = [number]

    def respond(send, stream):
        if not left:
            send(respond_on(stream))
            return
        send(frames.HeadersFrame(stream, STATUS_200, flags=["END_HEADERS"]).serialize())
        send(frames.DataFrame(stream, b"begun").serialize())
        os.kill(os.getpid(), left.pop())

    with responding_http2_peer(certificates, SETTINGS, respond) as url:
        yield url


def require_whole(connection: HTTPConnection) -> None:
    """An exception in the middle of a receive leaves the state of the connection in doubt, and costs it."""
    pool = connection.stats().connections
    assert (pool.open, pool.idle, pool.waiting) == (1, 1, 0)
    assert pool.made <= 2


@contextmanager
def raising_alarms():
    def handle(*_: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def connection(certificates):
    return HTTPConnection(http2=True, verify=certificates.trust(), retries=0, timeout=PATIENCE)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGUSR1, Alarm)])
class TestSignals:
    """The caller catches the exception, and calls again."""

    def test_sync(self, connection, certificates, number, error):
        with signalling(certificates, number) as url, raising_alarms(), connection:
            with pytest.raises(error):
                connection.get_bytes(url)
            assert connection.get_bytes(url) == b"late"
            require_whole(connection)

    def test_asyncio(self, connection, certificates, number, error):
        with signalling(certificates, number) as url, raising_alarms(), asyncio.Runner() as runner:
            with pytest.raises(error):
                runner.run(connection.async_get_bytes(url))
            for task in asyncio.all_tasks(runner.get_loop()):  # asyncio itself cancels it after a Ctrl-C only
                task.cancel()
            assert runner.run(connection.async_get_bytes(url)) == b"late"
            require_whole(connection)
            runner.run(connection.aclose())


def test_a_keyboard_interrupt_in_trio(connection, certificates):
    """trio allows no other exception of a signal handler."""

    async def main(url: str) -> None:
        with pytest.raises(KeyboardInterrupt):
            await connection.async_get_bytes(url)
        assert await connection.async_get_bytes(url) == b"late"
        require_whole(connection)
        await connection.aclose()

    with signalling(certificates, signal.SIGINT) as url:
        trio.run(main, url)


class RaisingInPackage(RaisingAt):
    """Raises in code of httpconn only: no event loop survives every exception in its own code."""

    def __call__(self, frame: Any, event: str, argument: object) -> None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            super().__call__(frame, event, argument)


class InterruptedAt:
    """Awaits a coroutine, and raises at the n-th moment of its steps."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], moment: int) -> None:
        self._coroutine = coroutine
        self.raising = RaisingInPackage(moment)

    def __await__(self) -> Generator[Any, Any, object]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            try:
                if not self.raising.raised:
                    sys.setprofile(self.raising)
                awaited = step()
            except StopIteration as stop:
                return stop.value
            finally:
                sys.setprofile(None)
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - of the coroutine that waits
                step = lambda raised=error: self._coroutine.throw(raised)  # noqa: E731
            else:
                step = lambda value=sent: self._coroutine.send(value)  # noqa: E731


# On Python 3.14, the interruption can drop a coroutine before its start.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:.*finalizing coroutine:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_an_exception_at_any_moment_of_an_awaited_call_costs_no_stream_and_no_role(
    connection, http2_server, certificates, run
):
    url = f"{http2_server}/json"

    async def main() -> None:
        expected, moment, was_raised = await connection.async_get_bytes(url), 1, True
        while was_raised:
            interrupted = InterruptedAt(connection.async_get_bytes(url), moment)
            with suppress(Alarm):
                await interrupted
            was_raised = interrupted.raising.raised
            require_free(connection)
            assert await connection.async_get_bytes(url) == expected
            moment += 5
        assert moment > 100
        await connection.aclose()

    run(main())


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_forks_while_threads_use_the_connection(connection, http2_server, certificates):
    small, large = f"{http2_server}/bytes/1000", f"{http2_server}/bytes/{SIZE}"
    is_over, wrong = threading.Event(), list[object]()

    def use() -> None:
        while not is_over.is_set():
            if connection.get_bytes(large) != pattern(SIZE):
                wrong.append("body")

    def child() -> bool:
        signal.alarm(30)
        return connection.get_bytes(small) == pattern(1000) and connection.stats().connections.open == 1

    with connection:
        assert connection.get_bytes(small) == pattern(1000)
        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        codes = [exit_code_of(child) for _ in range(8)]
        is_over.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert (codes, wrong) == ([0] * 8, [])
        require_whole(connection)
