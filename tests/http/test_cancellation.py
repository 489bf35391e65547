"""Tasks that are cancelled at any moment leave a usable pool and no open sockets."""

from __future__ import annotations

import asyncio
import gc
import random

import anyio
import httpx
import pytest

from httpconn.options import Limits
from httpconn.transport import AsyncHTTPTransport
from tests.servers.scripted import Pause, ScriptedServer, response

SLOTS = 5
BODY = [response(headers={"Content-Length": "6"}, body=b"abc"), Pause(0.002), b"def"]


async def visit(client: httpx.AsyncClient, url: str) -> bytes:
    return (await client.get(url, timeout=httpx.Timeout(20))).content


async def cancelled_by_scope(client: httpx.AsyncClient, url: str, moments: random.Random) -> None:
    with anyio.move_on_after(moments.uniform(0, 0.3)):
        await visit(client, url)


async def cancelled_by_asyncio(client: httpx.AsyncClient, url: str, moments: random.Random) -> None:
    task = asyncio.ensure_future(visit(client, url))
    await anyio.sleep(moments.uniform(0, 0.3))
    task.cancel()
    await asyncio.wait([task])


async def fill_all_slots(client: httpx.AsyncClient, url: str) -> list[bytes]:
    """Hold as many responses open at the same time as there are slots."""
    request = client.build_request("GET", url, timeout=httpx.Timeout(20, pool=5))
    responses = [await client.send(request, stream=True) for _ in range(SLOTS)]
    return [await each.aread() for each in responses]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    ("backend", "cancelled"),
    [("asyncio", cancelled_by_scope), ("asyncio", cancelled_by_asyncio), ("trio", cancelled_by_scope)],
)
def test_three_hundred_cancelled_tasks_leave_the_pool_usable(backend, cancelled, tls, certificates):
    async def main() -> list[bytes]:
        transport = AsyncHTTPTransport(ssl_context=certificates.trust(), limits=Limits(max_connections=SLOTS))
        async with httpx.AsyncClient(transport=transport) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(300):
                    tasks.start_soon(cancelled, client, server.url, moments)
            responses = await fill_all_slots(client, server.url)
            assert "0 waiting" in repr(transport)
            return responses

    moments = random.Random(7)
    with ScriptedServer(BODY, tls=certificates.good if tls else None) as server:
        assert anyio.run(main, backend=backend) == [b"abcdef"] * SLOTS
        gc.collect()
        server.wait_for(lambda: server.open_connections == 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_requests_cancelled_at_each_step_leave_the_pool_usable(backend):
    """Deterministic: the n-th task is cancelled after n steps of the event loop."""

    async def main() -> list[bytes]:
        transport = AsyncHTTPTransport(limits=Limits(max_connections=SLOTS))
        async with httpx.AsyncClient(transport=transport) as client:
            for turns in range(60):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(visit, client, server.url)
                    for _ in range(turns):
                        await anyio.lowlevel.checkpoint()
                    tasks.cancel_scope.cancel()
            return await fill_all_slots(client, server.url)

    with ScriptedServer(BODY) as server:
        assert anyio.run(main, backend=backend) == [b"abcdef"] * SLOTS
        server.wait_for(lambda: server.open_connections == 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_transport_can_be_closed_in_a_cancelled_task(backend):
    async def main() -> None:
        transport = AsyncHTTPTransport()
        client = httpx.AsyncClient(transport=transport)
        with anyio.CancelScope() as scope:
            await client.send(client.build_request("GET", server.url), stream=True)
            scope.cancel()
            await client.aclose()

    with ScriptedServer(BODY) as server:
        anyio.run(main, backend=backend)
        server.wait_for(lambda: server.open_connections == 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_http2_requests_leave_the_connection_usable(backend, http2_server, certificates):
    async def main() -> list[int]:
        transport = AsyncHTTPTransport(
            ssl_context=certificates.trust(), http2=True, limits=Limits(max_connections=SLOTS)
        )
        async with httpx.AsyncClient(transport=transport) as client:
            async with anyio.create_task_group() as tasks:
                for _ in range(40):
                    tasks.start_soon(cancelled_by_scope, client, http2_server, moments)
            return [(await client.get(http2_server)).status_code for _ in range(SLOTS * 2)]

    moments = random.Random(7)
    assert len(anyio.run(main, backend=backend)) == SLOTS * 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_the_first_http2_request_at_any_step_does_not_affect_others(backend, http2_server, certificates):
    async def within(client: httpx.AsyncClient, scope: anyio.CancelScope) -> None:
        with scope:
            await visit(client, http2_server)

    async def main() -> None:
        for turns in range(0, 900, 9):
            transport = AsyncHTTPTransport(ssl_context=certificates.trust(), http2=True)
            scope, later = anyio.CancelScope(), anyio.CancelScope()
            async with httpx.AsyncClient(transport=transport) as client:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(within, client, scope)
                    await anyio.lowlevel.checkpoint()
                    tasks.start_soon(visit, client, http2_server)
                    tasks.start_soon(within, client, later)
                    for _ in range(turns):
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
                    for _ in range(turns // 9):
                        await anyio.lowlevel.checkpoint()
                    later.cancel()
                assert len(await visit(client, http2_server)) > 0

    anyio.run(main, backend=backend)
