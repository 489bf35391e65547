"""The asynchronous port: asyncio and trio, by anyio."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx

from ..core.deadlines import Deadline
from ..options import Timeouts
from ..transport import AsyncHTTPTransport
from ..transport.allowance import Allowance
from ..transport.bodies import DirectBody
from .bodies import source
from .clients import AsyncClient
from .clock import SystemClock
from .timeouts import allowances
from .translation import FOREIGN, translate

T = TypeVar("T")

CLOSING = 5.0
"""Seconds that closing may take in a task that is already cancelled."""


async def _within(deadline: Deadline, step: Awaitable[T]) -> T:
    """Await a step no longer than the deadline, whatever its transport thinks of timeouts."""
    if deadline.at is None:
        return await step
    with anyio.move_on_after(deadline.at - time.monotonic()):
        return await step
    raise deadline.exceeded()


class AsyncExchange:
    """One request over an ``httpx.AsyncClient``."""

    def __init__(self, response: httpx.Response, read: Allowance | None, deadline: Deadline, *, punctual: bool) -> None:
        self.response = response
        self._stream: Any = response.stream
        self._chunks: AsyncIterator[bytes] | None = None
        self._read = read
        self._deadline = deadline
        self._punctual = punctual

    def begin(self) -> None:
        """The hooks have seen the answer."""
        self._stream = source(self.response)

    async def receive(self) -> bytes:
        """See :class:`httpconn.ports.base.Exchange`."""
        if self._read is not None:
            self._read.restart()
        try:
            if self._chunks is None:
                self._chunks = aiter(self._stream)
            return await (_next(self._chunks) if self._punctual else _within(self._deadline, _next(self._chunks)))
        except FOREIGN as error:
            raise translate(error, self._deadline) from error

    async def close(self) -> None:
        """See :class:`httpconn.ports.base.Exchange`."""
        if isinstance(self.response.stream, DirectBody):
            self.response.stream.close()  # which never waits
            return
        with anyio.move_on_after(CLOSING, shield=True), suppress(*FOREIGN):
            if isinstance(self._chunks, AsyncGenerator):  # merely dropped, it is closed at any time later
                await self._chunks.aclose()
            await self.response.aclose()


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    while True:
        chunk = await anext(chunks, None)
        if chunk is None:
            return b""
        if chunk:
            return chunk


class AsyncPort(SystemClock):
    """The world of an asynchronous call."""

    def __init__(self, client: AsyncClient, *, owned: bool) -> None:
        self._client = client
        self._owned = owned

    async def sleep(self, seconds: float) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        await anyio.sleep(seconds)

    async def send(self, request: httpx.Request, timeouts: Timeouts, deadline: Deadline) -> AsyncExchange:
        """See :class:`httpconn.ports.base.Port`."""
        limits = request.extensions["timeout"] = allowances(timeouts, deadline)
        for hook in self._client.event_hooks["request"]:
            await hook(request)
        try:
            transport = self._client.transport_for(request.url)
            # Ours keep to the deadline at each of their steps; another's may not know of time at all.
            punctual = isinstance(transport, AsyncHTTPTransport)
            sending = transport.handle_async_request(request)
            response = await (sending if punctual else _within(deadline, sending))
        except FOREIGN as error:
            raise translate(error, deadline) from error
        response.request = request
        exchange = AsyncExchange(response, limits["read"], deadline, punctual=punctual)
        try:
            for hook in self._client.event_hooks["response"]:
                await hook(response)
        except BaseException:
            await exchange.close()
            raise
        exchange.begin()
        return exchange

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """See :class:`httpconn.ports.base.Port`."""
        return await anyio.to_thread.run_sync(function, *args)

    async def clean_up(self, function: Callable[[], object]) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(function)

    async def release(self) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        if self._owned:
            with anyio.move_on_after(CLOSING, shield=True):
                await self._client.aclose()
