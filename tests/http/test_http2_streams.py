"""Counts of the streams of an HTTP/2 connection after cancelled and unread requests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import httpx
import hyperframe.frame as frames
import pytest

import httpconn
from httpconn.transport import AsyncHTTPTransport
from tests.http.frames import respond_on, responding_http2_peer


async def open_and_leave(client: httpx.AsyncClient, url: str, moment: str) -> None:
    """Send a request that is cancelled while it opens a connection."""
    with anyio.CancelScope() as scope:

        async def trace(name: str, info: object) -> None:
            if name == f"http2.send_connection_init.{moment}":
                scope.cancel()

        await client.get(url, extensions={"trace": trace})
    assert scope.cancelled_caught


@pytest.mark.parametrize("moment", ["started", "complete"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelling_the_request_that_opens_a_connection_does_not_affect_others(
    backend, moment, http2_server, certificates
):
    async def main() -> list[int]:
        found = []

        async def get(client: httpx.AsyncClient) -> None:
            found.append((await client.get(f"{http2_server}/json")).status_code)

        transport = AsyncHTTPTransport(http2=True, ssl_context=certificates.trust())
        async with httpx.AsyncClient(transport=transport) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(open_and_leave, client, f"{http2_server}/json", moment)
                await anyio.lowlevel.checkpoint()
                for _ in range(5):
                    tasks.start_soon(get, client)
            assert transport.stats.made <= 2
            await get(client)
        return found

    assert anyio.run(main, backend=backend) == [200] * 6


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_one_shot_body_is_sent_after_another_call_was_cancelled(backend, certificates):
    async def parts() -> AsyncIterator[bytes]:
        yield b"body"

    async def post(client: httpx.AsyncClient, url: str) -> None:
        assert (await client.post(url, content=parts())).content == b"late"

    async def main(url: str) -> int:
        transport = AsyncHTTPTransport(http2=True, ssl_context=certificates.trust())
        async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(open_and_leave, client, url, "started")
            await anyio.lowlevel.checkpoint()
            tasks.start_soon(post, client, url)
        return transport.stats.made

    first = frames.SettingsFrame(0).serialize()
    with responding_http2_peer(certificates, first, lambda send, stream: send(respond_on(stream))) as url:
        assert anyio.run(main, url, backend=backend) <= 2


def test_a_complete_unread_response_keeps_its_connection_usable(face, connect, http2_server, certificates):
    connection = connect(http2=True, verify=certificates.trust())
    for _ in range(5):
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, f"{http2_server}/nowhere")
    assert connection.stats().connections.made < 5
