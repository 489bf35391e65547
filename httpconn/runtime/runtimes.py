"""What the transports ask of their runtime: waiting. Threads wait by blocking, tasks by anyio."""

from __future__ import annotations

import queue
import socket
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from .events import AnyioEvent, AsyncioEvent, ThreadEvent, running_asyncio
from .looptimers import LoopTimers
from .port import Event
from .readiness import BlockingReadiness, Readiness, block_for_any, loop_readiness
from .resolver import Address, Answer, Resolver, found

T = TypeVar("T")


class Runtime(Protocol):
    """Blocking or awaited. Waits raise TimeoutError when the seconds are over; None is no bound."""

    async def resolve(self, resolver: Resolver, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask a resolver once. Raises OSError."""

    async def within(self, step: Awaitable[T], seconds: float | None) -> T:
        """Await what the runtime has no part in."""

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Call what reads files. Who is interrupted does not wait for its end."""

    def readiness(self, sock: socket.socket) -> Readiness:
        """What waits for a socket."""

    async def any_writable(self, socks: Sequence[socket.socket], seconds: float | None) -> list[socket.socket]:
        """Wait until something can be sent on one of them: those that are ready, none when the seconds are over."""

    async def pause(self) -> None:
        """Let others have their turn."""

    def make_event(self) -> Event:
        """A new event."""

    def parts(self, body: Any) -> Any:
        """An iterator over the body of a request."""

    async def next_part(self, parts: Any) -> bytes | None:
        """Its next item, or None at its end."""

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        """Tell the ``trace`` extension of a request."""


class BlockingRuntime:
    """For threads; see :class:`Runtime`."""

    async def resolve(self, resolver: Resolver, host: str, port: int, seconds: float | None) -> list[Address]:
        """Ask a resolver; an answer that comes too late is dropped, since the question cannot be withdrawn."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        resolver.ask(host, port, answers.put)
        try:
            return found(answers.get(timeout=seconds))
        except queue.Empty:
            raise TimeoutError("timed out") from None

    async def within(self, step: Awaitable[T], seconds: float | None) -> T:
        """What blocks cannot be given up."""
        return await step

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Call it."""
        return function(*args)

    def readiness(self, sock: socket.socket) -> Readiness:
        """See :class:`Runtime`."""
        return BlockingReadiness(sock)

    async def any_writable(self, socks: Sequence[socket.socket], seconds: float | None) -> list[socket.socket]:
        """Block."""
        return block_for_any(socks, seconds)

    async def pause(self) -> None:
        """The system sees to it."""

    def make_event(self) -> ThreadEvent:
        """A thread's event."""
        return ThreadEvent()

    def parts(self, body: Iterable[bytes]) -> Iterator[bytes]:
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

    def __init__(self) -> None:
        self._timers: LoopTimers | None = None

    async def resolve(self, resolver: Resolver, host: str, port: int, seconds: float | None) -> list[Address]:
        """The same, not in a thread of the event loop: these are few, and waited for when the loop ends."""
        from anyio.from_thread import run_sync  # a tenth of the time that a command takes to start

        answers: list[Answer] = []
        told, loop = anyio.Event(), anyio.lowlevel.current_token()

        def tell(answer: Answer) -> None:
            answers.append(answer)
            with suppress(RuntimeError):  # the loop is gone
                run_sync(told.set, token=loop)

        resolver.ask(host, port, tell)
        with anyio.fail_after(seconds):
            await told.wait()
        return found(answers[0])

    async def within(self, step: Awaitable[T], seconds: float | None) -> T:
        """Let other tasks run meanwhile."""
        with anyio.fail_after(seconds):
            return await step

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Call it in a thread."""
        return await anyio.to_thread.run_sync(function, *args, abandon_on_cancel=True)

    def readiness(self, sock: socket.socket) -> Readiness:
        """See :class:`Runtime`."""
        return loop_readiness(sock)

    async def any_writable(self, socks: Sequence[socket.socket], seconds: float | None) -> list[socket.socket]:
        """Let other tasks run meanwhile."""
        ready: list[socket.socket] = []
        with suppress(TimeoutError):
            if len(socks) == 1:  # mostly, and a fraction of the cost
                await self._writable(socks[0], seconds, ready)
                return ready
            with anyio.fail_after(seconds):
                async with anyio.create_task_group() as tasks:
                    for sock in socks:
                        tasks.start_soon(self._writable, sock, None, ready, tasks.cancel_scope)
        return ready

    async def _writable(
        self,
        sock: socket.socket,
        seconds: float | None,
        ready: list[socket.socket],
        others: anyio.CancelScope | None = None,
    ) -> None:
        readiness = self.readiness(sock)
        try:
            await readiness.writable(seconds)
        finally:
            readiness.closing()
        ready.append(sock)
        if others is not None:
            others.cancel()

    async def pause(self) -> None:
        """Let other tasks run."""
        await anyio.lowlevel.checkpoint()

    def make_event(self) -> AsyncioEvent | AnyioEvent:
        """A task's event."""
        loop = running_asyncio()
        if loop is None:
            return AnyioEvent()
        if self._timers is None or not self._timers.of(loop):
            self._timers = LoopTimers(loop)
        return AsyncioEvent(self._timers)

    def parts(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """See :class:`Runtime`."""
        return aiter(body)

    async def next_part(self, parts: AsyncIterator[bytes]) -> bytes | None:
        """See :class:`Runtime`."""
        return await anext(parts, None)

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        """See :class:`Runtime`."""
        await callback(event, info)
