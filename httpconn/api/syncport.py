"""The synchronous port. Every step blocks, so a flow over it never suspends."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from ..adapters.authsteps import AuthSteps
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
from ..runtime.threads import CHECK_INTERVAL, CleanUp, Stopped, ThreadWorkerGroup, background_thread, start_thread
from .sending import SendingPort

if TYPE_CHECKING:
    from ..exchange.scheduling import Worker
    from .httpxclients import SyncClient

T = TypeVar("T")


class SyncExchange(Bridged):
    """A request over a transport of an ``httpx.Client``."""

    _chunks: Iterator[bytes] | None = None

    async def _next(self) -> bytes:
        if self._chunks is None:
            self._chunks = iter(self._stream)
        return next(filter(None, self._chunks), b"")

    async def close(self) -> None:
        with suppress(*FOREIGN):  # the body is complete, or its error was raised before
            self.response.close()


class SyncPort(SendingPort):
    """The port of a synchronous call."""

    make_event = ThreadEvent
    _exchange = SyncExchange
    _checks_often = False

    async def sleep(self, seconds: float) -> None:
        for portion in portions(seconds):
            time.sleep(portion)

    @property
    def place(self) -> int:
        """The process. Calls of a parent process never end in its forked child."""
        return os.getpid()

    async def wait(self, event: ThreadEvent, deadline: Deadline) -> None:
        while not event.block(self._portion(deadline)):
            self._check_stopped()
            deadline.check(self.now())

    def _portion(self, deadline: Deadline) -> float | None:
        """Return the seconds of one wait, short in the main thread, which handles signals only between waits."""
        is_main = threading.current_thread() is threading.main_thread()
        longest = CHECK_INTERVAL if self._checks_often or is_main else None
        if deadline.at is None:
            return longest
        left = max(0.0, deadline.at - self.now())
        return left if longest is None else min(left, longest)

    def _check_stopped(self) -> None:
        """Raise Stopped if the worker group of this call was stopped. Long waits call this at intervals."""

    async def _call(self, hook: Hook, event: object) -> None:
        result = hook(event)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise not_awaited(hook)

    def auth_steps(self, auth: Any, request: httpx.Request) -> AuthSteps:
        return AuthSteps(auth, request, is_async=False)

    async def _send_through(
        self, transport: httpx.BaseTransport, request: httpx.Request, deadline: Deadline
    ) -> httpx.Response:
        return transport.handle_request(request)

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)

    async def clean_up(self, function: Callable[[], object]) -> None:
        """See :class:`httpconn.runtime.port.Port`. A second interruption, such as another Ctrl-C, does not stop it."""
        CleanUp(function).wait()

    def can_start_workers(self) -> bool:
        try:
            start_thread(background_thread("httpconn-probe", int))
        except RuntimeError:
            return False
        return True

    def worker_group(self) -> ThreadWorkers:
        return ThreadWorkers(self.client)

    async def release(self) -> None:
        if self.owned:
            self.client.close()


class WorkerPort(SyncPort):
    """The port of a worker thread, whose waits end when its group is stopped."""

    _checks_often = True

    def __init__(
        self, client: SyncClient, group: ThreadWorkerGroup, *, owned: bool, worker: Worker | None = None
    ) -> None:
        super().__init__(client, owned=owned, worker=worker)
        self._interruption: Interruption = group.interruption

    async def sleep(self, seconds: float) -> None:
        if self._interruption.wait(seconds):
            raise Stopped

    def _check_stopped(self) -> None:
        """Raise Stopped if the group was stopped. The group sets no event, which would wake waiters of other groups."""
        if self._interruption.is_requested:
            raise Stopped

    def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> Coroutine[Any, Any, Exchange]:
        if self._interruption.is_requested:
            raise Stopped
        return super().send(request, timeouts, deadline)

    def worker_group(self) -> ThreadWorkers:
        """See :class:`httpconn.runtime.port.Port`. The new group stops with the group of this port."""
        return ThreadWorkers(self.client, self._interruption)


class ThreadWorkers:
    """A worker group of threads for one block of a flow."""

    def __init__(self, client: SyncClient, outer: Interruption | None = None) -> None:
        self.client = client
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
        return self._group, WorkerPort(self.client, self._group, owned=False)

    async def __aexit__(self, *exc_info: object) -> None:
        if self._outer is not None:
            self._outer.detach(self._group)
        CleanUp(self._group.end).wait()
