"""The bridge to httpx's objects: transports of callers, instrumented ones, and event hooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import httpx

from ..core.deadlines import Deadline
from ..core.headers import check_changed
from ..core.messages import Head, Request
from ..errors import InvalidRequest
from ..http.http1heads import by_name
from .floattimeouts import FloatTimeout
from .messages import DirectBody
from .translation import FOREIGN, translate


def take_over(request: Request, made: httpx.Request) -> None:
    """Have what hooks made of a request be sent; it is held to the rules for what callers give.

    Raises:
        InvalidRequest: the URL is another one, or a header field is one that nobody may give.
    """
    if made.url != httpx.URL(request.url):
        raise InvalidRequest("An event hook cannot change the URL of a request")
    check_changed(request.fields, made.headers.raw)
    request.method = made.method


def head_of(response: httpx.Response) -> Head:
    """Return the head of an httpx.Response."""
    fields = response.headers.raw
    version = response.extensions.get("http_version", b"")
    return Head(
        response.status_code, response.reason_phrase.encode("ascii", "ignore"), version, fields, by_name(fields)
    )


class Bridged(ABC):
    """One request over any transport of httpx's; see :class:`httpconn.runtime.port.Exchange`."""

    complete: bool = False
    """The transport does not say."""

    remaining: int = 0
    """Nor that."""

    def __init__(self, response: httpx.Response, read: FloatTimeout | None, deadline: Deadline) -> None:
        self.response: httpx.Response = response
        self._read = read
        self._deadline = deadline
        self._stream: Any = response.stream
        if response.is_stream_consumed:
            self._give_again()
        self.head: Head = head_of(response)

    def _give_again(self) -> None:
        """A hook has read the body, by httpx's own rules and without a bound: what it got is there, and is decoded."""
        response = self.response
        self._stream = httpx.ByteStream(response.content)
        for name in ("content-encoding", "transfer-encoding"):
            response.headers.pop(name, None)
        response.headers["content-length"] = str(len(response.content))

    @property
    def extensions(self) -> dict[str, Any]:
        """See :class:`httpconn.runtime.port.Exchange`."""
        return self.response.extensions

    def take(self) -> bytes:
        """Nothing is had without waiting."""
        return b""

    async def receive(self) -> bytes:
        """Each wait for more has the read timeout to itself."""
        if self._read is not None:
            self._read.restart()
        try:
            return await self._next()
        except FOREIGN as error:
            raise translate(error, self._deadline) from error

    async def receive_into(self, buffer: memoryview) -> int:
        """Never called, since nothing is said to remain."""
        raise NotImplementedError

    @abstractmethod
    async def _next(self) -> bytes: ...

    @abstractmethod
    async def close(self) -> None:
        """See :class:`httpconn.runtime.port.Exchange`."""


def exchange_of(bridged: Bridged) -> Any:
    """Return the exchange itself, or that of our engine, if nobody has changed or read its body."""
    response = bridged.response
    if not isinstance(response.stream, DirectBody) or response.is_stream_consumed:
        return bridged
    return response.stream.incoming.with_head(bridged.head, response.extensions)
