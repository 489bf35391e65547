"""A proxy that supports CONNECT: ``python -m tests.benchmarks.relay PORT``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

HOST = "127.0.0.1"
BLOCK = 64 * 1024


async def relay(port: int) -> None:
    """Connect each client to the server of its CONNECT request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            host, _, port = target.rpartition(":")
            upstream, downstream = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(copy(reader, downstream))
                both.create_task(copy(upstream, writer))

    async with await asyncio.start_server(serve, HOST, port) as server:
        await server.serve_forever()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(BLOCK):
            target.write(data)
            await target.drain()
    target.close()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1])))
