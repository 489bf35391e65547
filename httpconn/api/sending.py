"""The common part of both ports: sending a request and receiving the head of its response."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import httpx

from ..adapters.bridge import Bridged, exchange_of, take_over
from ..adapters.floattimeouts import float_timeouts
from ..adapters.translation import FOREIGN, translate
from ..core.deadlines import Deadline
from ..core.messages import Request
from ..errors import HTTPConnError
from ..hooks import Hook, HookRaised
from ..options import Timeouts
from ..runtime.clock import SystemClock
from ..runtime.interruption import Interruption
from ..runtime.port import Exchange
from ..runtime.timeouts import AttemptTimeouts

if TYPE_CHECKING:
    from ..core.deadhosts import DeadHosts
    from ..exchange.scheduling import Worker

T = TypeVar("T")


class SendingPort(SystemClock, ABC):
    """The base class of both ports. A port closes a client that was made for one call only."""

    _exchange: ClassVar[type[Bridged]]
    _cancels_at_deadline: ClassVar[bool] = False
    _interruption: Interruption | None = None
    dead_hosts: DeadHosts | None = None

    def __init__(self, client: Any, *, owned: bool, worker: Worker | None = None) -> None:
        self.client = client
        self.owned: bool = owned
        self._worker = worker
        if worker is not None:
            self.dead_hosts = worker.dead_hosts
            worker.port = self

    def aside(self: Any, waiting: Coroutine[Any, Any, T], *, holds_host: bool = False) -> Coroutine[Any, Any, T]:
        return waiting if self._worker is None else self._worker.aside(waiting, holds_host=holds_host)

    def send(self, request: Request, timeouts: Timeouts, deadline: Deadline) -> Coroutine[Any, Any, Exchange]:
        at = math.inf if deadline.at is None else deadline.at
        attempt = AttemptTimeouts(timeouts.connect, timeouts.read, timeouts.write, timeouts.pool, at)
        engine = self.client.engine_for(request.origin)
        sending: Coroutine[Any, Any, Exchange]
        if engine is None:
            sending = self._bridged(request, attempt, deadline)
        else:
            sending = engine.exchange(request, attempt, self._interruption)
        worker = self._worker
        request.dialler = worker
        if worker is None or (worker.host == request.origin and not worker.tries):
            return sending
        return worker.first(request, sending)

    async def _bridged(self, request: Request, timeouts: AttemptTimeouts, deadline: Deadline) -> Exchange:
        hooks, sent = self.client.event_hooks, request.as_httpx()
        before = dict(sent.extensions)
        if hooks["request"]:
            await self._show(sent, hooks["request"])
            take_over(request, sent)
        transport = self.client.transport_for(request.origin)
        if getattr(transport, "engine", None) is None:
            sent.headers.pop("Proxy-Authorization", None)  # httpconn's own transports keep this field from origins
            if self._cancels_at_deadline:
                timeouts = timeouts._replace(at=math.inf)
        sent.extensions = {**sent.extensions, **before, "timeout": float_timeouts(timeouts)}
        if self._interruption is not None:
            sent.extensions["interruption"] = self._interruption
        try:
            response = await self._send_through(transport, sent, deadline)
        except FOREIGN as error:
            raise translate(error, deadline) from error
        response.request = sent
        try:
            await self._show(response, hooks["response"])
        except BaseException:
            await self._exchange(response, deadline).close()
            raise
        exchange: Exchange = exchange_of(self._exchange(response, deadline))
        return exchange

    async def _show(self, message: object, hooks: Sequence[Hook]) -> None:
        for hook in hooks:
            await self.notify(hook, message)

    async def notify(self, hook: Hook, event: object) -> None:
        try:
            await self._call(hook, event)
        except HTTPConnError as error:
            raise HookRaised(error) from error

    @abstractmethod
    async def _call(self, hook: Hook, event: object) -> None:
        """Call an event hook, and await its result if it is awaitable."""

    @abstractmethod
    async def _send_through(self, transport: Any, request: httpx.Request, deadline: Deadline) -> httpx.Response:
        """Send a request through a transport."""
