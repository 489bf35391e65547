"""The two networks that are dialled on: blocking sockets, and anyio's event loops."""

from __future__ import annotations

import errno
import os
import queue
import socket
import threading
from typing import Any

import anyio

from .dial import Address

_PENDING = {errno.EINPROGRESS, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)}


class BlockingNetwork:
    """For threads; see :class:`httpconn.transport.dial.Network`."""

    async def resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask the resolver; an answer that comes too late is dropped, since the question cannot be withdrawn."""
        answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()
        threading.Thread(target=_answer, args=(answers, host, port), name="httpconn-resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError("timed out") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def connect(self, sock: socket.socket, address: Address, seconds: float | None) -> None:
        """Connect, and block meanwhile."""
        sock.settimeout(seconds)
        sock.connect(address.name)


class EventLoopNetwork:
    """For asyncio and trio; see :class:`httpconn.transport.dial.Network`."""

    async def resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask the resolver in a thread of the event loop."""
        with anyio.fail_after(seconds):
            found = await anyio.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
        return _addresses(found)

    async def connect(self, sock: socket.socket, address: Address, seconds: float | None) -> None:
        """Connect, and let other tasks run meanwhile."""
        sock.setblocking(False)
        code = sock.connect_ex(address.name)
        if code in _PENDING:
            with anyio.fail_after(seconds):
                await anyio.wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))


def _answer(answers: queue.SimpleQueue[list[Address] | Exception], host: str, port: int) -> None:
    try:
        # As bytes: text would be encoded once more, by the outdated rules of IDNA 2003.
        answers.put(_addresses(socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)))
    except Exception as error:  # noqa: BLE001 - raised again by the thread that asked
        answers.put(error)


def _addresses(found: list[Any]) -> list[Address]:
    return [Address(family, name) for family, _, _, _, name in found]
