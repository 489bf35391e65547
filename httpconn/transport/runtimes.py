"""What the transports ask of their runtime: waiting. Threads wait by blocking, tasks by anyio."""

from __future__ import annotations

import math
import queue
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.lowlevel
import httpx

from .allowance import seconds_left
from .resolver import SHARED, Address, Answer, Resolver, found


class Signal(Protocol):
    """An event, of threads or of tasks."""

    def set(self) -> object:
        """Wake whoever waits."""

    def is_set(self) -> bool:
        """Whether it was set."""


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


async def await_turn(runtime: Runtime, turn: Signal, timeout: float | None) -> None:
    """Wait for a connection to come free; raises httpx.PoolTimeout."""
    try:
        await runtime.wait(turn, seconds_left(timeout))
    except TimeoutError:
        raise httpx.PoolTimeout("No connection came free in time") from None


class BlockingRuntime:
    """For threads; see :class:`Runtime`."""

    def __init__(self, resolver: Resolver = SHARED) -> None:
        self._resolver = resolver

    async def resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask the resolver; an answer that comes too late is dropped, since the question cannot be withdrawn."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._resolver.ask(host, port, answers.put)
        try:
            return found(answers.get(timeout=seconds))
        except queue.Empty:
            raise TimeoutError("timed out") from None

    async def readable(self, sock: socket.socket, seconds: float | None) -> None:
        """Block."""
        _block(sock, "in", seconds)

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Block."""
        _block(sock, "out", seconds)

    async def pause(self) -> None:
        """The system sees to it."""

    def closing(self, sock: socket.socket) -> None:
        """Nothing: that the wire shuts it down wakes a thread that is blocked in a poll."""

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

    def __init__(self, resolver: Resolver = SHARED) -> None:
        self._resolver = resolver

    async def resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        """The same, not in a thread of the event loop: these are few, and waited for when the loop ends."""
        answers: list[Answer] = []
        told, loop = anyio.Event(), anyio.lowlevel.current_token()

        def tell(answer: Answer) -> None:
            answers.append(answer)
            with suppress(RuntimeError):  # the loop is gone
                anyio.from_thread.run_sync(told.set, token=loop)

        self._resolver.ask(host, port, tell)
        with anyio.fail_after(seconds):
            await told.wait()
        return found(answers[0])

    async def readable(self, sock: socket.socket, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds), _open_socket():
            await anyio.wait_readable(sock)

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds), _open_socket():
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


@contextmanager
def _open_socket() -> Iterator[None]:
    try:
        yield
    except anyio.ClosedResourceError:
        raise OSError("the socket is closed") from None


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
