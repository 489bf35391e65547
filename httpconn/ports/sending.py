"""Sending a request and receiving its answer: the steps that both ports share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import httpx

from ..core.deadlines import Deadline
from ..core.headers import check_changed
from ..errors import HTTPConnError, InvalidRequest
from ..hooks import Hook, HookRaised
from ..lazy import LazyRequest, is_untouched
from ..options import Timeouts
from ..transport.allowance import Allowance
from ..transport.incoming import Incoming
from ..transport.translation import httpx_errors
from .clock import SystemClock
from .timeouts import Allowances
from .translation import FOREIGN, translate

T = TypeVar("T")


class TimedExchange(ABC):
    """An answer, and the time that its body may take."""

    def __init__(self, response: httpx.Response, read: Allowance | None, deadline: Deadline) -> None:
        self.response = response
        self._read = read
        self._deadline = deadline

    async def receive(self) -> bytes:
        """Each wait for more has the read timeout to itself."""
        return await self._timed(self._next())

    async def _timed(self, step: Awaitable[T]) -> T:
        if self._read is not None:
            self._read.restart()
        try:
            return await step
        except FOREIGN as error:
            raise translate(error, self._deadline) from error

    @property
    @abstractmethod
    def is_whole(self) -> bool:
        """See :class:`httpconn.ports.base.Exchange`."""

    @abstractmethod
    def take(self) -> bytes:
        """See :class:`httpconn.ports.base.Exchange`."""

    @property
    @abstractmethod
    def rest(self) -> int:
        """See :class:`httpconn.ports.base.Exchange`."""

    @abstractmethod
    async def receive_into(self, buffer: memoryview) -> int:
        """See :class:`httpconn.ports.base.Exchange`."""

    @abstractmethod
    async def _next(self) -> bytes: ...

    @abstractmethod
    async def close(self) -> None:
        """See :class:`httpconn.ports.base.Exchange`."""


class DirectExchange(TimedExchange):
    """One request over a transport of ours, with nothing between its body and us."""

    def __init__(self, response: httpx.Response, body: Incoming, read: Allowance | None, deadline: Deadline) -> None:
        super().__init__(response, read, deadline)
        self._body = body

    def take(self) -> bytes:
        """See :class:`httpconn.ports.base.Exchange`."""
        return self._body.take()

    @property
    def is_whole(self) -> bool:
        """See :class:`httpconn.ports.base.Exchange`."""
        return self._body.is_whole

    @property
    def rest(self) -> int:
        """See :class:`httpconn.ports.base.Exchange`."""
        return self._body.rest

    async def receive_into(self, buffer: memoryview) -> int:
        """See :class:`httpconn.ports.base.Exchange`."""
        return await self._timed(self._next_into(buffer))

    async def _next(self) -> bytes:
        with httpx_errors():
            return await self._body.receive()

    async def _next_into(self, buffer: memoryview) -> int:
        with httpx_errors():
            return await self._body.receive_into(buffer)

    async def close(self) -> None:
        """Nothing to wait for."""
        self._body.close()


class WireExchange(TimedExchange):
    """One request over any transport; see :class:`httpconn.ports.base.Exchange`."""

    @property
    def is_whole(self) -> bool:
        """Its transport does not say."""
        return False

    @property
    def rest(self) -> int:
        """Nor that."""
        return 0

    def take(self) -> bytes:
        """Nor is anything had without waiting."""
        return b""

    async def receive_into(self, buffer: memoryview) -> int:
        """Never called, since nothing is said to be left."""
        raise NotImplementedError

    def __init__(self, response: httpx.Response, read: Allowance | None, deadline: Deadline) -> None:
        super().__init__(response, read, deadline)
        self._stream: Any = response.stream

    def begin(self) -> None:
        """The hooks have seen the answer.

        One of them may have read its body, by httpx's own rules and without a bound. What it got is then what there
        is, and it is decoded already.
        """
        response = self.response
        if not response.is_stream_consumed:
            return
        self._stream = httpx.ByteStream(response.content)
        for name in ("content-encoding", "transfer-encoding"):
            response.headers.pop(name, None)
        response.headers["content-length"] = str(len(response.content))


class SendingPort(SystemClock, ABC):
    """What ``send`` is on both ports."""

    def __init__(self, client: Any, *, owned: bool) -> None:
        self._client = client
        self._owned = owned

    async def send(self, request: LazyRequest, timeouts: Timeouts, deadline: Deadline) -> TimedExchange:
        """See :class:`httpconn.ports.base.Port`."""
        limits = request.extensions["timeout"] = Allowances(timeouts, deadline)
        hooks = self._client.event_hooks
        if hooks["request"]:
            await self._show(request, hooks["request"])
        transport = self._client.transport_for(request)
        direct = getattr(transport, "direct", None)
        try:
            if direct is not None and not hooks["response"]:
                response, body = await direct.begin(request)
                return DirectExchange(response, body, limits.read, deadline)
            exchange = await self._exchange(transport, request, limits, deadline)
        except FOREIGN as error:
            raise translate(error, deadline) from error
        return await self._shown(exchange, request, hooks["response"])

    async def tell(self, hook: Hook, event: object) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        try:
            await self._call(hook, event)
        except HTTPConnError as error:
            raise HookRaised(error) from error

    async def _show(self, request: LazyRequest, hooks: Sequence[Hook]) -> None:
        """What a hook makes of a request is held to the rules for what callers give; its target and its time stay."""
        extensions = dict(request.extensions)
        for hook in hooks:
            await self.tell(hook, request)
        if is_untouched(request):
            request.extensions.update(extensions)
            return
        if request.url != request.made_url:
            raise InvalidRequest("An event hook cannot change the URL of a request")
        check_changed(request.fields, request.headers.raw)
        request.extensions = {**request.extensions, **extensions}

    async def _shown(self, exchange: WireExchange, request: httpx.Request, hooks: Sequence[Hook]) -> WireExchange:
        exchange.response.request = request
        try:
            for hook in hooks:
                await self.tell(hook, exchange.response)
        except BaseException:
            await exchange.close()
            raise
        exchange.begin()
        return exchange

    @abstractmethod
    async def _call(self, hook: Hook, event: object) -> None:
        """Call an event hook, and await what it returns if that has to be."""

    @abstractmethod
    async def _exchange(
        self, transport: Any, request: httpx.Request, limits: Allowances, deadline: Deadline
    ) -> WireExchange:
        """Send, and receive the header of the answer."""
