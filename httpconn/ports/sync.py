"""The synchronous port: every step blocks, so a flow over it never suspends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from ..core.deadlines import Deadline
from ..transport.allowance import Allowance
from .clients import SyncClient
from .sending import SendingPort, WireExchange
from .translation import FOREIGN

T = TypeVar("T")


class SyncExchange(WireExchange):
    """One request over an ``httpx.Client``."""

    _chunks: Iterator[bytes] | None = None

    async def _next(self) -> bytes:
        if self._chunks is None:
            self._chunks = iter(self._stream)
        return next(filter(None, self._chunks), b"")

    async def close(self) -> None:
        """See :class:`httpconn.ports.base.Exchange`."""
        with suppress(*FOREIGN):  # what was received is complete or was refused already
            self.response.close()


class SyncPort(SendingPort):
    """The world of a synchronous call."""

    def __init__(self, client: SyncClient, *, owned: bool) -> None:
        self._client = client
        self._owned = owned

    async def sleep(self, seconds: float) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        time.sleep(seconds)

    async def _tell(self, event: str, message: httpx.Request | httpx.Response) -> None:
        for hook in self._client.event_hooks[event]:
            hook(message)

    async def _exchange(self, request: httpx.Request, read: Allowance | None, deadline: Deadline) -> SyncExchange:
        response = self._client.transport_for(request.url).handle_request(request)
        return SyncExchange(response, read, deadline)

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
