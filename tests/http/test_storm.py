"""With many cancelled tasks, threads and forks, each response goes to its own request.

No slot, descriptor or warning remains.
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx
import psutil
import pytest

from httpconn.options import Limits
from httpconn.transport import AsyncHTTPTransport, HTTPTransport
from tests.http.children import exit_code_of
from tests.servers.scripted import Pause, Received, ScriptedServer, response

SLOTS = 20
TASKS = 1000
THREADS = 64
DURATION = 0.3
TIMEOUT = httpx.Timeout(200)


def body_of(number: int) -> bytes:
    """Return a body that differs from the body of every other number in each part."""
    return b"%d." % number * (1 + number % 500)


def numbered(request: Received) -> list[Any]:
    """Return the response to a number: some are chunked, and every second one is sent in two parts."""
    number = int(request.target[1:])
    whole = response(body=body_of(number), framing="chunked" if number % 3 else "length")
    return [whole] if number % 2 else [whole[:-5], Pause(0.001), whole[-5:]]


@contextmanager
def storm_server() -> Iterator[ScriptedServer]:
    """Yield a server, and check at the end that all client sockets to it are closed."""
    before = psutil.Process().num_fds()
    with ScriptedServer(numbered) as server:
        yield server
        gc.collect()
        assert [one for one in psutil.Process().net_connections("tcp") if one.raddr[1:] == (server.port,)] == []
        server.wait_for(lambda: server.open_connections == 0)
    assert psutil.Process().num_fds() <= before


def assert_idle(transport: HTTPTransport | AsyncHTTPTransport) -> None:
    """Check that no request holds a slot or waits for one."""
    found = re.search(r"(\d+) of \d+ open, (\d+) idle, (\d+) waiting", repr(transport))
    assert found is not None
    assert found[1] == found[2]
    assert found[3] == "0"


async def request_one(client: httpx.AsyncClient, url: str, number: int, *, leave: bool) -> None:
    """Check a response, or leave it unread."""
    async with client.stream("GET", f"{url}/{number}", timeout=TIMEOUT) as received:
        assert leave or await received.aread() == body_of(number)


async def keep_requesting(client: httpx.AsyncClient, url: str, chances: random.Random) -> None:
    while True:
        await request_one(client, url, chances.randrange(10_000), leave=chances.random() < 0.1)


async def wait_for_requests(server: ScriptedServer) -> None:
    """Wait until requests arrive, even on a slow machine."""
    await anyio.to_thread.run_sync(server.wait_for, lambda: len(server.requests) > SLOTS)


async def cancelled_by_scopes(client: httpx.AsyncClient, server: ScriptedServer, chances: random.Random) -> None:
    async def cancelled_task(scope: anyio.CancelScope) -> None:
        with scope:
            await keep_requesting(client, server.url, chances)

    scopes = [anyio.CancelScope() for _ in range(TASKS)]
    async with anyio.create_task_group() as tasks:
        for scope in scopes:
            tasks.start_soon(cancelled_task, scope)
        await wait_for_requests(server)
        for scope in scopes:
            scope.deadline = anyio.current_time() + chances.uniform(0, DURATION)


async def cancelled_by_asyncio(client: httpx.AsyncClient, server: ScriptedServer, chances: random.Random) -> None:
    tasks = [asyncio.ensure_future(keep_requesting(client, server.url, chances)) for _ in range(TASKS)]
    await wait_for_requests(server)
    for task in tasks:
        asyncio.get_running_loop().call_later(chances.uniform(0, DURATION), task.cancel)
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended


async def wave(client: httpx.AsyncClient, url: str) -> None:
    """Hold as many responses open at the same time as there are slots."""
    requests = [client.build_request("GET", f"{url}/{number}", timeout=TIMEOUT) for number in range(SLOTS)]
    responses = [await client.send(request, stream=True) for request in requests]
    assert [await each.aread() for each in responses] == [body_of(number) for number in range(SLOTS)]


@pytest.mark.parametrize(
    ("backend", "cancelled"),
    [("asyncio", cancelled_by_asyncio), ("asyncio", cancelled_by_scopes), ("trio", cancelled_by_scopes)],
)
def test_a_thousand_tasks_cancelled_while_they_send_requests(backend: str, cancelled: Callable[..., Any]) -> None:
    async def main(server: ScriptedServer) -> None:
        transport = AsyncHTTPTransport(limits=Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS))
        async with httpx.AsyncClient(transport=transport) as client:
            await cancelled(client, server, random.Random(11))
            assert_idle(transport)
            await wave(client, server.url)
            assert_idle(transport)

    with storm_server() as server:
        anyio.run(main, server, backend=backend)


def request_or_time_out(client: httpx.Client, url: str, chances: random.Random) -> None:
    """Send a request. In a tenth of the cases, read only the start; in another tenth, use a tiny timeout."""
    number, chance = chances.randrange(10_000), chances.random()
    timeout = httpx.Timeout(30, read=0.0005) if chance < 0.1 else TIMEOUT
    try:
        with client.stream("GET", f"{url}/{number}", timeout=timeout) as received:
            if chance > 0.9:
                assert body_of(number).startswith(next(received.iter_raw()))
            else:
                assert received.read() == body_of(number)
    except httpx.ReadTimeout:
        assert timeout is not TIMEOUT


def test_sixty_four_threads_with_occasional_timeouts() -> None:
    def visit(seed: int) -> None:
        chances = random.Random(seed)
        for _ in range(20):
            request_or_time_out(client, server.url, chances)

    with storm_server() as server:
        transport = HTTPTransport(limits=Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS))
        with httpx.Client(transport=transport) as client, ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(visit, range(THREADS)))
            assert_idle(transport)
            requests = [client.build_request("GET", f"{server.url}/{number}") for number in range(SLOTS)]
            responses = [client.send(request, stream=True) for request in requests]
            assert [each.read() for each in responses] == [body_of(number) for number in range(SLOTS)]
            assert_idle(transport)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_forks_while_threads_send_requests() -> None:
    """The children inherit the locks and slots that threads hold at that moment."""

    def get(number: int) -> bool:
        return client.get(f"{server.url}/{number}", timeout=TIMEOUT).content == body_of(number)

    def keep_requesting() -> int:
        asked = 0
        while not ended.is_set():
            assert get(asked)
            asked += 1
        return asked

    def child() -> bool:
        signal.alarm(20)
        with ThreadPoolExecutor(SLOTS) as threads:
            return all(threads.map(get, range(5 * SLOTS)))

    ended = threading.Event()
    with storm_server() as server:
        limits = Limits(max_connections=SLOTS)
        with httpx.Client(transport=HTTPTransport(limits=limits)) as client, ThreadPoolExecutor(SLOTS) as threads:
            asking = [threads.submit(keep_requesting) for _ in range(2 * SLOTS)]
            try:
                codes = [exit_code_of(child) for _ in range(2)]
            finally:
                ended.set()
            assert codes == [0] * 2
            assert all(one.result() > 0 for one in asking[:SLOTS])
