"""The asynchronous port, for asyncio and trio."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import httpx

from ..adapters.authsteps import AuthSteps
from ..adapters.bridge import Bridged
from ..adapters.messages import DirectBody
from ..adapters.translation import FOREIGN
from ..core.deadlines import Deadline
from ..hooks import Hook
from ..runtime.filework import in_thread
from ..runtime.tasks import AnyioEvent, TaskWorkerGroup
from ..runtime.threads import CHECK_INTERVAL, CleanUp
from .clients import running_loop
from .sending import SendingPort

T = TypeVar("T")

CLOSING = 5.0  # limit, in seconds, of a close in a cancelled task
SHORTEST_CHECK = 0.0005  # seconds between the first two checks that a clean-up has ended


async def _within(deadline: Deadline, step: Awaitable[T]) -> T:
    """Await a step until the deadline, even if a transport ignores timeouts; raises DeadlineExceeded."""
    if deadline.at is None:
        return await step
    with anyio.move_on_after(deadline.at - time.monotonic()):
        return await step
    raise deadline.exceeded()


class AsyncExchange(Bridged):
    """A request over a transport of an ``httpx.AsyncClient``."""

    _chunks: AsyncIterator[bytes] | None = None

    async def _next(self) -> bytes:
        return await _within(self._deadline, self._next_chunk())

    async def _next_chunk(self) -> bytes:
        if self._chunks is None:
            self._chunks = aiter(self._stream)
        async for chunk in self._chunks:
            if chunk:
                return chunk
        return b""

    async def close(self) -> None:
        if isinstance(self.response.stream, DirectBody):  # closes without a wait
            self.response.stream.close()
            return
        with anyio.move_on_after(CLOSING, shield=True), suppress(*FOREIGN):
            if isinstance(self._chunks, AsyncGenerator):  # the garbage collector would close it later, at any time
                await self._chunks.aclose()
            await self.response.aclose()


class AsyncPort(SendingPort):
    """The port of an asynchronous call."""

    sleep: staticmethod[[float], Coroutine[Any, Any, None]] = staticmethod(anyio.sleep)
    make_event = AnyioEvent
    blocking: staticmethod[..., Coroutine[Any, Any, Any]] = staticmethod(in_thread)
    _exchange = AsyncExchange
    # A transport of the caller gets timeouts without the deadline, because a timeout could close an HTTP/2 connection
    # that other calls share.
    _cancels_at_deadline = True

    @property
    def place(self) -> Hashable:
        """The event loop."""
        return running_loop()

    async def wait(self, event: AnyioEvent, deadline: Deadline) -> None:
        await _within(deadline, event.wait(None))

    async def _call(self, hook: Hook, event: object) -> None:
        result = hook(event)
        if inspect.isawaitable(result):
            await result

    def auth_steps(self, auth: Any, request: httpx.Request) -> AuthSteps:
        return AuthSteps(auth, request, is_async=True)

    async def _send_through(
        self, transport: httpx.AsyncBaseTransport, request: httpx.Request, deadline: Deadline
    ) -> httpx.Response:
        return await _within(deadline, transport.handle_async_request(request))

    async def clean_up(self, function: Callable[[], object]) -> None:
        # Started before the first await, because a task can be cancelled twice.
        step, pause = CleanUp(function), SHORTEST_CHECK
        with anyio.CancelScope(shield=True):
            while not step.has_ended():
                await anyio.sleep(pause)
                pause = min(2 * pause, CHECK_INTERVAL)

    def can_start_workers(self) -> bool:
        return True

    def worker_group(self) -> TaskWorkers:
        """See :class:`httpconn.runtime.port.Port`. The tasks of the group have no worker of a scheduler."""
        return TaskWorkers(self if self._worker is None else AsyncPort(self.client, owned=False))

    async def release(self) -> None:
        if self.owned:
            with anyio.move_on_after(CLOSING, shield=True):
                await self.client.aclose()


class TaskWorkers:
    """A worker group of tasks for one block of a flow."""

    def __init__(self, port: AsyncPort) -> None:
        self._port = port
        self._group = TaskWorkerGroup()

    async def __aenter__(self) -> tuple[TaskWorkerGroup, AsyncPort]:
        await self._group.enter()
        return self._group, self._port

    async def __aexit__(self, *exc_info: object) -> None:
        await self._group.leave()
