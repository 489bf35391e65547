"""Calls in Qt's event loop, by qasync and by PySide's QtAsyncio, as in docs/how-to/async-and-trio.md."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import qasync
from PySide6 import QtAsyncio
from PySide6.QtCore import QCoreApplication

import httpconn
from httpconn.testing import Received, ScriptedServer, Stall, response

os.environ["QT_QPA_PLATFORM"] = "offscreen"
BODY = b"some bytes" * 10_000
Main = Callable[[], Coroutine[Any, Any, object]]


class QtLoop(QtAsyncio.QAsyncioEventLoop):
    """QtAsyncio with the tasks and futures of asyncio."""

    def create_task(self, coro, **options):
        return asyncio.Task(coro, loop=self, **options)

    def create_future(self):
        return asyncio.Future(loop=self)


def run_with_qasync(main: Main) -> None:
    with qasync.QEventLoop(application()) as loop:
        loop.run_until_complete(main())


def run_with_qtasyncio(main: Main) -> None:
    application()
    QtAsyncio.run(main(), keep_running=False)


def run_with_own_tasks(main: Main) -> None:
    app = application()
    with asyncio.Runner(loop_factory=lambda: QtLoop(app)) as runner:
        runner.run(main())


def application() -> QCoreApplication:
    return QCoreApplication.instance() or QCoreApplication([])


def respond(request: Received) -> Any:
    return [Stall()] if request.path == "/stall" else response(body=BODY)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ScriptedServer(respond) as server:
        yield server.url


@pytest.mark.parametrize("run", [run_with_qasync, run_with_qtasyncio, run_with_own_tasks])
def test_calls_timeouts_and_cancellation(run, url):
    results: list[object] = []

    async def main() -> None:
        async with httpconn.HTTPConnection(trust_env=False, retries=0) as conn:
            bodies = await asyncio.gather(*[conn.async_get_bytes(url) for _ in range(20)])
            results.append(bodies == [BODY] * 20)
            try:
                await conn.async_get_bytes(f"{url}/stall", timeout=0.2)
            except httpconn.DeadlineExceeded:
                results.append("timeout")
            waiting = asyncio.ensure_future(conn.async_get_bytes(f"{url}/stall"))
            await asyncio.sleep(0.1)
            waiting.cancel()
            results.append(
                isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
            )

    run(main)
    assert results == [True, "timeout", True]


@pytest.mark.parametrize("run", [run_with_qasync, run_with_own_tasks])
def test_downloads_and_many_urls(run, url, tmp_path):
    results: list[object] = []

    async def main() -> None:
        async with httpconn.HTTPConnection(trust_env=False) as conn:
            await conn.async_download_file(url, tmp_path / "file")
            async with conn.async_get_many([url] * 50, concurrency=8) as fetched:
                results.append([each.result() async for each in fetched] == [BODY] * 50)

    run(main)
    assert results == [True]
    assert (tmp_path / "file").read_bytes() == BODY
