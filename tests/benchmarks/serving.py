"""The benchmarks' own server: ``python -m tests.benchmarks.serving FOLDER PLAIN_PORT TLS_PORT CERTIFICATE``.

============= ======================================
``/N``        the N bytes of the file ``N``
``/delay/MS`` a small response after MS ms
============= ======================================
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

INLINE = 64 * 1024
BACKLOG = 4096
MANY_HOSTS = 64
"""Addresses of this machine that the server listens on, where the system has them: 127.0.0.1 and those after it."""
ANSWERED = b"answered"


class Responder(asyncio.Protocol):
    """One connection: finds the ends of the requests, and responds to each."""

    def __init__(self, folder: Path, small: dict[bytes, bytes]) -> None:
        self._folder = folder
        self._small = small
        self._unread = b""
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for head in heads:
            self._respond(head.split(b" ", 2)[1])

    def _respond(self, path: bytes) -> None:
        if (whole := self._small.get(path)) is not None:
            self._transport.write(whole)
        elif path.startswith(b"/delay/"):
            asyncio.get_running_loop().call_later(int(path[7:]) / 1000, self._transport.write, whole_of(ANSWERED))
        else:
            # A new file object, because its position is used if sendfile(2) cannot be used.
            file = (self._folder / path[1:].decode()).open("rb")
            self._sending = asyncio.create_task(self._send(file))

    async def _send(self, file: BinaryIO) -> None:
        with file, contextlib.suppress(ConnectionError):
            self._transport.write(head_of(os.fstat(file.fileno()).st_size))
            await asyncio.get_running_loop().sendfile(self._transport, file)


def head_of(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size


def whole_of(body: bytes) -> bytes:
    return head_of(len(body)) + body


def serve(folder: Path, plain: int, tls: int, certificate: str) -> None:
    """Serve on both ports until the process is ended."""
    sizes = [int(path.name) for path in folder.iterdir()]
    small = {b"/%d" % size: whole_of(bytes(size)) for size in sizes if size <= INLINE}
    asyncio.run(listen_on_both(lambda: Responder(folder, small), plain, tls, certificate))


async def listen_on_both(protocol: Callable[[], Responder], plain: int, tls: int, certificate: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with asyncio.TaskGroup() as listeners:
        for port, security in ((plain, None), (tls, context)):
            listeners.create_task(listen(protocol, port, security))


async def listen(protocol: Callable[[], Responder], port: int, security: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    hosts = [f"127.0.0.{place}" for place in range(1, MANY_HOSTS + 1)] if sys.platform == "linux" else "127.0.0.1"
    server = await loop.create_server(protocol, hosts, port, ssl=security, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
