"""Sending a request and receiving its answer: the steps that both ports share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import httpx

from ..core.deadlines import Deadline
from ..options import Timeouts
from ..transport.allowance import Allowance
from .clock import SystemClock
from .timeouts import allowances
from .translation import FOREIGN, translate


class WireExchange(ABC):
    """One request over a client's transport; see :class:`httpconn.ports.base.Exchange`."""

    def __init__(self, response: httpx.Response, read: Allowance | None, deadline: Deadline) -> None:
        self.response = response
        self._stream: Any = response.stream
        self._read = read
        self._deadline = deadline

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

    async def receive(self) -> bytes:
        """Each wait for more has the read timeout to itself."""
        if self._read is not None:
            self._read.restart()
        try:
            return await self._next()
        except FOREIGN as error:
            raise translate(error, self._deadline) from error

    @abstractmethod
    async def _next(self) -> bytes: ...

    @abstractmethod
    async def close(self) -> None:
        """See :class:`httpconn.ports.base.Exchange`."""


class SendingPort(SystemClock, ABC):
    """What ``send`` is on both ports."""

    async def send(self, request: httpx.Request, timeouts: Timeouts, deadline: Deadline) -> WireExchange:
        """See :class:`httpconn.ports.base.Port`."""
        limits = request.extensions["timeout"] = allowances(timeouts, deadline)
        await self._tell("request", request)
        try:
            exchange = await self._exchange(request, limits["read"], deadline)
        except FOREIGN as error:
            raise translate(error, deadline) from error
        exchange.response.request = request
        try:
            await self._tell("response", exchange.response)
        except BaseException:
            await exchange.close()
            raise
        exchange.begin()
        return exchange

    @abstractmethod
    async def _tell(self, event: str, message: httpx.Request | httpx.Response) -> None:
        """Call the event hooks of the client; what they raise is the caller's own."""

    @abstractmethod
    async def _exchange(self, request: httpx.Request, read: Allowance | None, deadline: Deadline) -> WireExchange:
        """Send, and receive the header of the answer."""
