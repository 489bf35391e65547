"""What the transports ask of their runtime: waiting. Threads wait by blocking, tasks by anyio."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.lowlevel
import httpx

from .alarms import Alarms
from .allowance import seconds_left
from .resolver import SHARED, Address, Answer, Resolver, found
from .signals import AsyncioSignal, running_asyncio
from .watches import BlockingWatch, Watch, loop_watch


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

    def watch(self, sock: socket.socket) -> Watch:
        """What waits for a socket."""

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Wait until something can be sent."""

    async def pause(self) -> None:
        """Let others have their turn."""

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

    def watch(self, sock: socket.socket) -> Watch:
        """See :class:`Runtime`."""
        return BlockingWatch(sock)

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Block."""
        await self.watch(sock).writable(seconds)

    async def pause(self) -> None:
        """The system sees to it."""

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
        self._alarms: Alarms | None = None

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

    def watch(self, sock: socket.socket) -> Watch:
        """See :class:`Runtime`."""
        return loop_watch(sock)

    async def writable(self, sock: socket.socket, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        watch = self.watch(sock)
        try:
            await watch.writable(seconds)
        finally:
            watch.closing()

    async def pause(self) -> None:
        """Let other tasks run."""
        await anyio.lowlevel.checkpoint()

    def signal(self) -> AsyncioSignal | anyio.Event:
        """A task's event."""
        loop = running_asyncio()
        if loop is None:
            return anyio.Event()
        if self._alarms is None or not self._alarms.of(loop):
            self._alarms = Alarms(loop)
        return AsyncioSignal(self._alarms)

    async def wait(self, signal: AsyncioSignal | anyio.Event, seconds: float | None) -> None:
        """Let other tasks run meanwhile."""
        if isinstance(signal, AsyncioSignal):
            await signal.wait(seconds)
            return
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
