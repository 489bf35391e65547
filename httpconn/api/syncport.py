"""The synchronous port: every step blocks, so a flow over it never suspends."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from ..adapters.bridge import Bridged
from ..adapters.translation import FOREIGN
from ..core.deadlines import Deadline
from ..core.messages import Request
from ..errors import ReadFailed
from ..hooks import Hook, not_awaited
from ..options import Timeouts
from ..runtime.events import ThreadEvent, portions
from ..runtime.interruption import Interruption
from ..runtime.port import Exchange
from ..runtime.threads import CHECK_INTERVAL, CleanUp, Stopped, ThreadWorkerGroup
from .clients import SyncClient
from .sending import SendingPort

T = TypeVar("T")


class SyncExchange(Bridged):
    """One request over an ``httpx.Client``."""

    _chunks: Iterator[bytes] | None = None

    async def _next(self) -> bytes:
        if self._chunks is None:
            self._chunks = iter(self._stream)
        return next(filter(None, self._chunks), b"")

    async def close(self) -> None:
        """See :class:`httpconn.runtime.port.Exchange`."""
        with suppress(*FOREIGN):  # what was received is complete or was refused already
            self.response.close()


class SyncPort(SendingPort):
    """The world of a synchronous call."""

    _checks_often = False

    async def sleep(self, seconds: float) -> None:
        """See :class:`httpconn.runtime.port.Port`."""
        for portion in portions(seconds):
            time.sleep(portion)

    @property
    def place(self) -> int:
        """This process: what the parent of a fork had under way never ends in its child."""
        return os.getpid()

    def make_event(self) -> ThreadEvent:
        """See :class:`httpconn.runtime.port.Port`."""
        return ThreadEvent()

    async def wait(self, event: ThreadEvent, deadline: Deadline) -> None:
        """See :class:`httpconn.runtime.port.Port`."""
        while not event.block(self._portion(deadline)):
            self._check_stopped()
            deadline.check(self.now())

    def _portion(self, deadline: Deadline) -> float | None:
        """Seconds of one wait. Python acts on a signal that comes just before a main thread's wait only after it."""
        longest = (
            CHECK_INTERVAL if self._checks_often or threading.current_thread() is threading.main_thread() else None
        )
        if deadline.at is None:
            return longest
        left = max(0.0, deadline.at - self.now())
        return left if longest is None else min(left, longest)

    def _check_stopped(self) -> None:
        """What happens now and then in a wait for others."""

    async def _call(self, hook: Hook, event: object) -> None:
        result = hook(event)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise not_awaited(hook)

    def _keeps_time(self, transport: object) -> bool:
        return False

    async def _hand_over(
        self, transport: httpx.BaseTransport, request: httpx.Request, deadline: Deadline
    ) -> httpx.Response:
        return transport.handle_request(request)

    def _exchange(self, response: httpx.Response, read: Any, deadline: Deadline) -> SyncExchange:
        return SyncExchange(response, read, deadline)

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """See :class:`httpconn.runtime.port.Port`."""
        return function(*args)

    async def clean_up(self, function: Callable[[], object]) -> None:
        """See :class:`httpconn.runtime.port.Port`. A second interruption, such as another Ctrl-C, does not stop it."""
        CleanUp(function).wait()

    def worker_group(self) -> ThreadWorkers:
        """See :class:`httpconn.runtime.port.Port`."""
        return ThreadWorkers(self._client)

    async def release(self) -> None:
        """See :class:`httpconn.runtime.port.Port`."""
        if self._owned:
            self._client.close()


class WorkerPort(SyncPort):
    """The world of a synchronous call of a crew, which another thread may stop."""

    _checks_often = True

    def __init__(self, client: SyncClient, group: ThreadWorkerGroup, *, owned: bool) -> None:
        super().__init__(client, owned=owned)
        self._interruption: Interruption = group.interruption

    async def sleep(self, seconds: float) -> None:
        """See :class:`httpconn.runtime.port.Port`."""
        if self._interruption.wait(seconds):
            raise Stopped

    def _check_stopped(self) -> None:
        """Others wait for the same signal, and are not to be woken by it when this crew is stopped."""
        if self._interruption.is_requested:
            raise Stopped

    def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> Coroutine[Any, Any, Exchange]:
        """See :class:`httpconn.runtime.port.Port`."""
        if self._interruption.is_requested:
            raise Stopped
        return super().send(request, timeouts, deadline)

    def worker_group(self) -> ThreadWorkers:
        """See :class:`httpconn.runtime.port.Port`; it is stopped with its own crew."""
        return ThreadWorkers(self._client, self._interruption)


class ThreadWorkers:
    """A crew that works as long as a block of a flow lasts."""

    def __init__(self, client: SyncClient, outer: Interruption | None = None) -> None:
        self._client = client
        self._outer = outer
        self._group = ThreadWorkerGroup()
        self._group.stop_with(self)

    async def __aenter__(self) -> tuple[ThreadWorkerGroup, WorkerPort]:
        if self._outer is not None:
            if self._outer.is_requested:
                raise Stopped
            try:
                self._outer.attach(self._group, self._group.stop)
            except ReadFailed:
                raise Stopped from None
        return self._group, WorkerPort(self._client, self._group, owned=False)

    async def __aexit__(self, *exc_info: object) -> None:
        if self._outer is not None:
            self._outer.detach(self._group)
        CleanUp(self._end).wait()

    def _end(self) -> None:
        self._group.stop()
        self._group.join()
