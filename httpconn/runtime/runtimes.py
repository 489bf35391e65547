"""The runtimes of transports: blocking waits for threads, and anyio for tasks of asyncio and trio."""

from __future__ import annotations

import inspect
import math
import queue
import socket
import sys
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from ..errors import MalformedRequest, WriteTimedOut
from .events import AsyncioEvent, ThreadEvent, running_asyncio
from .filework import in_abandoned_thread
from .looptimers import LoopTimers
from .readiness import BlockingReadiness, Readiness, block_for_any, calls_back, loop_readiness, wait_for_first
from .resolver import Address, LookupResult, Resolver, addresses_of
from .tasks import AnyioEvent
from .timeouts import until
from .uploads import Sending, checked_part

T = TypeVar("T")

CLOSING = 5.0  # limit, in seconds, of closing the asynchronous generator of a body

_END = object()


def _checked(part: object) -> bytes | memoryview | None:
    """Return a part of a request body, or None at its end; raises MalformedRequest if it is not bytes."""
    return None if part is _END else checked_part(part)


class BlockingRuntime:
    """The runtime of threads. Its waits block."""

    readiness = BlockingReadiness
    make_event = ThreadEvent
    any_writable: staticmethod[[Iterable[socket.socket], float | None], Coroutine[Any, Any, list[Any]]] = staticmethod(
        block_for_any
    )

    async def resolve(self, resolver: Resolver, host: str, port: int, seconds: float | None) -> list[Address]:
        """Resolve a name. A lookup cannot be cancelled; a result that arrives too late is dropped."""
        results: queue.SimpleQueue[LookupResult] = queue.SimpleQueue()
        resolver.start(host, port, results.put)
        try:
            return addresses_of(results.get(timeout=seconds))
        except queue.Empty:
            raise TimeoutError("timed out") from None

    async def wait_for(self, step: Awaitable[T], seconds: float | None) -> T:
        """Run the step to its end: a blocking call cannot be abandoned."""
        return await step

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)

    async def pause(self) -> None:
        """Do nothing: the operating system schedules threads."""

    def parts(self, body: object) -> Iterator[object]:
        if not isinstance(body, Iterable):
            raise MalformedRequest(f"The body of a synchronous request must be iterable, not {type(body).__name__}")
        return iter(body)

    async def next_part(self, parts: Any, end: float) -> bytes | memoryview | None:
        return _checked(next(parts, _END))

    async def end_parts(self, parts: Any) -> None:
        if isinstance(parts, (Generator, Sending)):
            parts.close()

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        result = callback(event, info)
        if inspect.iscoroutine(result):
            result.close()
            raise MalformedRequest("The extension trace of a synchronous request must not be a coroutine function")


class EventLoopRuntime:
    """The runtime of asyncio and trio."""

    pause: staticmethod[[], Coroutine[Any, Any, None]] = staticmethod(anyio.lowlevel.checkpoint)

    def __init__(self) -> None:
        self._timers: LoopTimers | None = None

    async def resolve(self, resolver: Resolver, host: str, port: int, seconds: float | None) -> list[Address]:
        """Resolve a name. The event loop's own threads are few, and the loop waits for them when it ends."""
        results: list[LookupResult] = []
        done, timers = self.make_event(), self._loop_timers()
        call: Callable[..., object]
        if timers is not None:
            call = timers.loop.call_soon_threadsafe
        else:
            call = sys.modules["trio"].lowlevel.current_trio_token().run_sync_soon

        def report(result: LookupResult) -> None:
            results.append(result)
            with suppress(RuntimeError):  # the loop was closed
                call(done.set)

        resolver.start(host, port, report)
        await done.wait(seconds)
        return addresses_of(results[0])

    async def wait_for(self, step: Awaitable[T], seconds: float | None) -> T:
        with anyio.fail_after(seconds):
            return await step

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that reads files, in a thread. Cancellation ends the wait."""
        return await in_abandoned_thread(function, *args)

    def readiness(self, sock: socket.socket) -> Readiness:
        return loop_readiness(sock, self._loop_timers())

    async def any_writable(self, socks: Sequence[socket.socket], seconds: float | None) -> list[socket.socket]:
        ready: list[socket.socket] = []
        with suppress(TimeoutError):
            if len(socks) == 1:  # the usual case, at a fraction of the cost
                await self._writable(socks[0], seconds, ready)
                return ready
            timers = self._loop_timers()
            if timers is not None and not calls_back(timers, socks[0].fileno()):
                await wait_for_first([self._writable(sock, None, ready) for sock in socks], timers, until(seconds))
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
            await readiness.writable(until(seconds))
        finally:
            readiness.notify_closing()
        ready.append(sock)
        if others is not None:
            others.cancel()

    def make_event(self) -> AsyncioEvent | AnyioEvent:
        timers = self._loop_timers()
        return AnyioEvent() if timers is None else AsyncioEvent(timers)

    def _loop_timers(self) -> LoopTimers | None:
        """Return the timers of the running asyncio loop, or None for trio."""
        loop = running_asyncio()
        if loop is not None and (self._timers is None or self._timers.loop is not loop):
            self._timers = LoopTimers(loop)
        return None if loop is None else self._timers

    def parts(self, body: object) -> AsyncIterator[object]:
        if not isinstance(body, AsyncIterable):
            raise MalformedRequest(
                f"The body of an asynchronous request must be async iterable, not {type(body).__name__}"
            )
        return aiter(body)

    async def next_part(self, parts: Any, end: float) -> bytes | memoryview | None:
        """Return the next part of a body, or None at its end. Raises WriteTimedOut after ``end``."""
        if end == math.inf:
            return _checked(await anext(parts, _END))
        with anyio.move_on_after(end - time.monotonic()):
            return _checked(await anext(parts, _END))
        raise WriteTimedOut("The next part of the body of the request did not arrive in time")

    async def end_parts(self, parts: Any) -> None:
        """Close the generator of a body, which may not have reached its end. It works in a cancelled task."""
        if isinstance(parts, (AsyncGenerator, Sending)):
            with anyio.move_on_after(CLOSING, shield=True):
                await parts.aclose()

    async def trace(self, callback: Any, event: str, info: dict[str, Any]) -> None:
        result = callback(event, info)
        if not inspect.isawaitable(result):
            raise MalformedRequest("The extension trace of an asynchronous request must be a coroutine function")
        await result


Runtime = BlockingRuntime | EventLoopRuntime
"""The waits of a transport. ``seconds`` limits a wait, None means no limit. A wait raises TimeoutError at its limit."""


async def send_parts(
    runtime: Runtime, parts: Any, end: float, send: Callable[[bytes | memoryview], Awaitable[bool]]
) -> bool:
    """Send the parts of a body until ``send`` returns False, and return whether all were sent."""
    try:
        while (part := await runtime.next_part(parts, end)) is not None:
            if not await send(part):
                return False
        return True
    finally:
        await runtime.end_parts(parts)
