"""The synchronous port: every step blocks, so a flow over it never suspends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from ..core.deadlines import Deadline
from ..transport.allowance import Allowance
from .clients import Hook
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

    async def sleep(self, seconds: float) -> None:
        """See :class:`httpconn.ports.base.Port`."""
        time.sleep(seconds)

    async def _tell(self, hook: Hook, message: httpx.Request | httpx.Response) -> None:
        hook(message)

    async def _exchange(
        self, transport: httpx.BaseTransport, request: httpx.Request, read: Allowance | None, deadline: Deadline
    ) -> SyncExchange:
        return SyncExchange(transport.handle_request(request), read, deadline)

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
