"""Lower limits: the minimum work of Python for a response, and httpconn on a faster event loop."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import cast

from tests.benchmarks.fetchers import fetch_in_tasks
from tests.benchmarks.measuring import Job
from tests.benchmarks.workers import PATIENCE, worker


class Bare(asyncio.Protocol):
    """A connection that parses responses with llhttp, without limits, deadlines, pool, redirects and errors."""

    def __init__(self) -> None:
        import httptools

        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def get(self, path: str) -> bytes:
        self._body: list[bytes] = []
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        return cast(bytes, await self._answer)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._answer.set_result(b"".join(self._body))


@worker("floor:bare-protocol")
async def bare_protocol(job: Job) -> None:
    host, port = job.base.removeprefix("http://").split(":")
    connect = asyncio.get_running_loop().create_connection
    idle = [(await connect(Bare, host, int(port)))[1] for _ in range(job.tasks)]

    async def get(url: str) -> int:
        connection = idle.pop()
        body = await connection.get(url.removeprefix(job.base))
        idle.append(connection)
        return len(body)

    await job.run_tasks(get)


if importlib.util.find_spec("uvloop"):

    @worker("floor:httpconn-uvloop")
    async def on_uvloop(job: Job) -> None:
        await fetch_in_tasks(job, timeout=PATIENCE)
