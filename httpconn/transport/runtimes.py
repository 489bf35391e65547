"""What the transports ask of their runtime: waiting. Threads wait by blocking, tasks by anyio."""

from __future__ import annotations

import math
import queue
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, Protocol

import anyio
import anyio.lowlevel
import httpx


class Address(NamedTuple):
    """What a socket connects to."""

    family: int
    name: Any


class Signal(Protocol):
    """An event, of threads or of tasks."""

    def set(self) -> object:
        """Wake whoever waits."""


class Runtime(Protocol):
    """Blocking or awaited. Waits raise TimeoutError when the seconds are over; None is no bound."""

    async def resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask the resolver once. Raises OSError."""

    async def readable(self, sock: socket.socket, seconds: float | None) -> None:
        """Wait until there is something to receive."""

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Wait until something can be sent."""

    async def pause(self) -> None:
        """Let others have their turn."""

    def closing(self, sock: socket.socket) -> None:
        """Wake whoever waits for a socket that is about to be closed."""

    def signal(self) -> Signal:
        """A new event."""

    async def wait(self, signal: Any, seconds: float | None) -> None:
        """Wait for an event."""

    def parts(self, body: Any) -> Any:
        """An iterator over the body of a request."""

    async def next_part(self, parts: Any) -> bytes | None:
        """Its next item, or None at its end."""

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        """Tell the ``trace`` extension of a request."""


class BlockingRuntime:
    """For threads; see :class:`Runtime`."""

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

    async def readable(self, sock: socket.socket, seconds: float | None) -> None:
        """Block."""
        _block(sock, "in", seconds)

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Block."""
        _block(sock, "out", seconds)

    async def pause(self) -> None:
        """The system sees to it."""

    def closing(self, sock: socket.socket) -> None:
        """Shutting down wakes a thread that is blocked in a poll; closing alone does not."""

    def signal(self) -> threading.Event:
        """A thread's event."""
        return threading.Event()

    async def wait(self, signal: threading.Event, seconds: float | None) -> None:
        """Block."""
        if not signal.wait(seconds):
            raise TimeoutError("timed out")

    def parts(self, body: httpx.SyncByteStream) -> Iterator[bytes]:
        """See :class:`Runtime`."""
        return iter(body)

    async def next_part(self, parts: Iterator[bytes]) -> bytes | None:
        """See :class:`Runtime`."""
        return next(parts, None)

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        """See :class:`Runtime`."""
        callback(event, info)


class EventLoopRuntime:
    """For asyncio and trio; see :class:`Runtime`."""

    async def resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask the resolver in a thread of the event loop."""
        with anyio.fail_after(seconds):
            return _addresses(await anyio.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM))

    async def readable(self, sock: socket.socket, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds):
            await anyio.wait_readable(sock)

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds):
            await anyio.wait_writable(sock)

    async def pause(self) -> None:
        """Let other tasks run."""
        await anyio.lowlevel.checkpoint()

    def closing(self, sock: socket.socket) -> None:
        """See :class:`Runtime`."""
        if sock.fileno() >= 0:
            anyio.notify_closing(sock)

    def signal(self) -> anyio.Event:
        """A task's event."""
        return anyio.Event()

    async def wait(self, signal: anyio.Event, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds):
            await signal.wait()

    def parts(self, body: httpx.AsyncByteStream) -> AsyncIterator[bytes]:
        """See :class:`Runtime`."""
        return aiter(body)

    async def next_part(self, parts: AsyncIterator[bytes]) -> bytes | None:
        """See :class:`Runtime`."""
        return await anext(parts, None)

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        """See :class:`Runtime`."""
        await callback(event, info)


def _block(sock: socket.socket, direction: str, seconds: float | None) -> None:
    if sock.fileno() < 0:
        raise OSError("the socket is closed")
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN if direction == "in" else select.POLLOUT)
        ready: Any = poll.poll(None if seconds is None else math.ceil(seconds * 1000))
    else:  # Windows
        reading, writing = ([sock], []) if direction == "in" else ([], [sock])
        ready = any(select.select(reading, writing, writing, seconds))
    if not ready:
        raise TimeoutError("timed out")


def _answer(answers: queue.SimpleQueue[list[Address] | Exception], host: str, port: int) -> None:
    try:
        # As bytes: text would be encoded once more, by the outdated rules of IDNA 2003.
        answers.put(_addresses(socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)))
    except Exception as error:  # noqa: BLE001 - raised again by the thread that asked
        answers.put(error)


def _addresses(found: list[Any]) -> list[Address]:
    return [Address(family, name) for family, _, _, _, name in found]
