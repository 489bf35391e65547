"""The synchronous port: every step blocks, so a flow over it never suspends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from ..core.deadlines import Deadline
from ..options import Timeouts
from ..transport.allowance import Allowance
from .bodies import source
from .clients import SyncClient
from .clock import SystemClock
from .timeouts import allowances
from .translation import FOREIGN, translate

T = TypeVar("T")


class SyncExchange:
    """One request over an ``httpx.Client``."""

    def __init__(self, response: httpx.Response, read: Allowance | None, deadline: Deadline) -> None:
        self.response = response
        self._stream: Any = response.stream
        self._chunks: Iterator[bytes] | None = None
        self._read = read
        self._deadline = deadline

    def begin(self) -> None:
        """The hooks have seen the answer."""
        self._stream = source(self.response)

    async def receive(self) -> bytes:
        """See :class:`httpconn.ports.base.Exchange`."""
        if self._read is not None:
            self._read.restart()
        try:
            if self._chunks is None:
                self._chunks = iter(self._stream)
            return next(filter(None, self._chunks), b"")
        except FOREIGN as error:
            raise translate(error, self._deadline) from error

    async def close(self) -> None:
        """See :class:`httpconn.ports.base.Exchange`."""
        with suppress(*FOREIGN):  # what was received is complete or was refused already
            self.response.close()


class SyncPort(SystemClock):
    """The world of a synchronous call."""

    def __init__(self, client: SyncClient, *, owned: bool) -> None:
        self._client = client
        self._owned = owned

    async def sleep(self, seconds: float) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        time.sleep(seconds)

    async def send(self, request: httpx.Request, timeouts: Timeouts, deadline: Deadline) -> SyncExchange:
        """See :class:`httpconn.ports.base.Port`."""
        limits = request.extensions["timeout"] = allowances(timeouts, deadline)
        for hook in self._client.event_hooks["request"]:
            hook(request)
        try:
            response = self._client.transport_for(request.url).handle_request(request)
        except FOREIGN as error:
            raise translate(error, deadline) from error
        response.request = request
        exchange = SyncExchange(response, limits["read"], deadline)
        try:
            for hook in self._client.event_hooks["response"]:
                hook(response)
        except BaseException:
            await exchange.close()
            raise
        exchange.begin()
        return exchange

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        """See :class:`httpconn.ports.base.Port`."""
        return function(*args)

    async def clean_up(self, function: Callable[[], object]) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        function()

    async def release(self) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        if self._owned:
            self._client.close()
