"""Under a storm of tasks that are cancelled, of threads and of forks, each answer goes to its own request.

Nothing is left behind: no slot, no descriptor, no warning.
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

PLACES = 20
TASKS = 1000
THREADS = 64
LASTS = 0.3
PATIENCE = httpx.Timeout(30)


def body_of(number: int) -> bytes:
    """No part of it belongs to another number."""
    return b"%d." % number * (1 + number % 500)


def numbered(request: Received) -> list[Any]:
    """The answer to a number is made of it; each second one comes in two parts, some of them chunked."""
    number = int(request.target[1:])
    whole = response(body=body_of(number), framing="chunked" if number % 3 else "length")
    return [whole] if number % 2 else [whole[:-5], Pause(0.001), whole[-5:]]


@contextmanager
def storm_server() -> Iterator[ScriptedServer]:
    """When it is left, each of our sockets to it must have been closed."""
    before = psutil.Process().num_fds()
    with ScriptedServer(numbered) as server:
        yield server
        gc.collect()
        assert [one for one in psutil.Process().net_connections("tcp") if one.raddr[1:] == (server.port,)] == []
        server.wait_for(lambda: server.open_connections == 0)
    assert psutil.Process().num_fds() <= before


def assert_idle(transport: HTTPTransport | AsyncHTTPTransport) -> None:
    """Nobody holds a slot or waits for one."""
    found = re.search(r"(\d+) of \d+ open, (\d+) idle, (\d+) waiting", repr(transport))
    assert found is not None
    assert found[1] == found[2]
    assert found[3] == "0"


async def ask(client: httpx.AsyncClient, url: str, number: int, *, leave: bool) -> None:
    """Verify an answer, or leave it unread."""
    async with client.stream("GET", f"{url}/{number}", timeout=PATIENCE) as answer:
        assert leave or await answer.aread() == body_of(number)


async def ask_on(client: httpx.AsyncClient, url: str, chances: random.Random) -> None:
    while True:
        await ask(client, url, chances.randrange(10_000), leave=chances.random() < 0.1)


async def under_way(server: ScriptedServer) -> None:
    """The storm has begun, however slow the machine is."""
    await anyio.to_thread.run_sync(server.wait_for, lambda: len(server.requests) > PLACES)


async def cancelled_by_scopes(client: httpx.AsyncClient, server: ScriptedServer, chances: random.Random) -> None:
    async def cancelled_task(scope: anyio.CancelScope) -> None:
        with scope:
            await ask_on(client, server.url, chances)

    scopes = [anyio.CancelScope() for _ in range(TASKS)]
    async with anyio.create_task_group() as tasks:
        for scope in scopes:
            tasks.start_soon(cancelled_task, scope)
        await under_way(server)
        for scope in scopes:
            scope.deadline = anyio.current_time() + chances.uniform(0, LASTS)


async def cancelled_by_asyncio(client: httpx.AsyncClient, server: ScriptedServer, chances: random.Random) -> None:
    tasks = [asyncio.ensure_future(ask_on(client, server.url, chances)) for _ in range(TASKS)]
    await under_way(server)
    for task in tasks:
        asyncio.get_running_loop().call_later(chances.uniform(0, LASTS), task.cancel)
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(ended, asyncio.CancelledError), ended


async def wave(client: httpx.AsyncClient, url: str) -> None:
    """As many answers held open at the same time as there are places."""
    requests = [client.build_request("GET", f"{url}/{number}", timeout=PATIENCE) for number in range(PLACES)]
    answers = [await client.send(request, stream=True) for request in requests]
    assert [await answer.aread() for answer in answers] == [body_of(number) for number in range(PLACES)]


@pytest.mark.parametrize(
    ("backend", "cancelled"),
    [("asyncio", cancelled_by_asyncio), ("asyncio", cancelled_by_scopes), ("trio", cancelled_by_scopes)],
)
def test_a_thousand_tasks_cancelled_while_they_ask_on_and_on(backend: str, cancelled: Callable[..., Any]) -> None:
    async def main(server: ScriptedServer) -> None:
        transport = AsyncHTTPTransport(limits=Limits(max_connections=PLACES, max_keepalive_connections=PLACES))
        async with httpx.AsyncClient(transport=transport) as client:
            await cancelled(client, server, random.Random(11))
            assert_idle(transport)
            await wave(client, server.url)
            assert_idle(transport)

    with storm_server() as server:
        anyio.run(main, server, backend=backend)


def ask_or_give_up(client: httpx.Client, url: str, chances: random.Random) -> None:
    """Each tenth answer is left after its beginning, each tenth is not waited for."""
    number, chance = chances.randrange(10_000), chances.random()
    timeout = httpx.Timeout(30, read=0.0005) if chance < 0.1 else PATIENCE
    try:
        with client.stream("GET", f"{url}/{number}", timeout=timeout) as answer:
            if chance > 0.9:
                assert body_of(number).startswith(next(answer.iter_raw()))
            else:
                assert answer.read() == body_of(number)
    except httpx.ReadTimeout:
        assert timeout is not PATIENCE


def test_sixty_four_threads_that_give_up_now_and_then() -> None:
    def visit(seed: int) -> None:
        chances = random.Random(seed)
        for _ in range(20):
            ask_or_give_up(client, server.url, chances)

    with storm_server() as server:
        transport = HTTPTransport(limits=Limits(max_connections=PLACES, max_keepalive_connections=PLACES))
        with httpx.Client(transport=transport) as client, ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(visit, range(THREADS)))
            assert_idle(transport)
            requests = [client.build_request("GET", f"{server.url}/{number}") for number in range(PLACES)]
            answers = [client.send(request, stream=True) for request in requests]
            assert [answer.read() for answer in answers] == [body_of(number) for number in range(PLACES)]
            assert_idle(transport)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_forks_in_the_midst_of_threads() -> None:
    """The children inherit whatever lock or slot a thread held at that moment."""

    def get(number: int) -> bool:
        return client.get(f"{server.url}/{number}", timeout=PATIENCE).content == body_of(number)

    def ask_on() -> int:
        asked = 0
        while not ended.is_set():
            assert get(asked)
            asked += 1
        return asked

    def child() -> bool:
        signal.alarm(20)
        with ThreadPoolExecutor(PLACES) as threads:
            return all(threads.map(get, range(5 * PLACES)))

    ended = threading.Event()
    with storm_server() as server:
        limits = Limits(max_connections=PLACES)
        with httpx.Client(transport=HTTPTransport(limits=limits)) as client, ThreadPoolExecutor(PLACES) as threads:
            asking = [threads.submit(ask_on) for _ in range(2 * PLACES)]
            try:
                codes = [exit_code_of(child) for _ in range(2)]
            finally:
                ended.set()
            assert codes == [0] * 2
            assert all(one.result() > 0 for one in asking[:PLACES])
