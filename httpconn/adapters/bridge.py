"""Requests and responses as httpx objects: for transports of the caller, instrumentation and event hooks."""

from abc import ABC, abstractmethod
from itertools import chain
from typing import Any

import httpx

from ..core.deadlines import Deadline
from ..core.headers import check_changed
from ..core.messages import Head, Request, by_name
from ..errors import InvalidRequest
from .messages import DirectBody
from .translation import FOREIGN, translate


def take_over(request: Request, made: httpx.Request) -> None:
    """Apply the changes of event hooks to a request; ``made`` is the request as the hooks left it."""
    if made.url != httpx.URL(request.url):
        raise InvalidRequest("An event hook cannot change the URL of a request")
    check_changed(request.fields, made.headers.raw)
    request.method = made.method


def head_of(response: httpx.Response) -> Head:
    fields = response.headers.raw
    extensions = response.extensions
    for name in ("http_version", "reason_phrase"):
        if not isinstance(extensions.get(name, b""), bytes):
            del extensions[name]  # httpx cannot read a text there
    version = extensions.get("http_version", b"")
    reason, size = response.reason_phrase.encode("ascii", "ignore"), sum(map(len, chain.from_iterable(fields)))
    return Head(response.status_code, reason, version, fields, by_name(fields), size)


class Bridged(ABC):
    """A request over any httpx transport; see :class:`httpconn.runtime.port.Exchange`."""

    # An httpx transport does not report these two values.
    complete: bool = False
    remaining: int = 0

    def __init__(self, response: httpx.Response, deadline: Deadline) -> None:
        self.response: httpx.Response = response
        self._deadline = deadline
        self._stream: Any = response.stream
        if response.is_stream_consumed:  # httpx has decoded the body for a hook, without a limit of httpconn
            self._stream = httpx.ByteStream(response.content)
            for name in ("content-encoding", "transfer-encoding"):
                response.headers.pop(name, None)
            response.headers["content-length"] = str(len(response.content))
        self.head: Head = head_of(response)

    @property
    def extensions(self) -> dict[str, Any]:
        return self.response.extensions

    def take(self) -> bytes:
        """Return no bytes, because a receive may wait."""
        return b""

    async def receive(self) -> bytes:
        try:
            return await self._next()
        except FOREIGN as error:
            raise translate(error, self._deadline) from error

    async def receive_into(self, buffer: memoryview) -> int:
        """Raise NotImplementedError: ``remaining`` is 0, so no caller uses this method."""
        raise NotImplementedError

    @abstractmethod
    async def _next(self) -> bytes: ...

    @abstractmethod
    async def close(self) -> None: ...


def exchange_of(bridged: Bridged) -> Any:
    """Return the engine's own exchange if its body is unchanged and unread, else the bridged one."""
    response = bridged.response
    if not isinstance(response.stream, DirectBody) or response.is_stream_consumed:
        return bridged
    return response.stream.incoming.with_head(bridged.head, response.extensions)
