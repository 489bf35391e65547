"""Responses whose bodies still arrive: the interface, and its HTTP/1.1 implementation."""

from abc import abstractmethod
from typing import Any, Protocol, Self

from ..core.messages import Head
from ..errors import HeaderTooLarge, ProtocolError, ReadFailed, TransportError
from ..network.stream import SocketStream
from ..runtime.port import Exchange
from ..runtime.timeouts import AttemptTimeouts
from . import http1protocol as http11

READ_SIZE = 64 * 1024
"""Maximum bytes of one read. The allocator maps larger buffers from the system on each read, which is slower."""

REFUSED = 300
"""The lowest status after which a server wants no more of a body. Before a success, it may still need the body."""

MAX_DISCARDED = 1024 * 1024  # bytes of a body to receive and drop to keep a connection usable
DISCARD_TIME = 1.0  # seconds for all of these bytes: a new connection takes less time than a slow body


class Release(Protocol):
    """A function that ends an exchange and releases its connection."""

    def __call__(self, *, reusable: bool) -> None:
        """Release the connection; ``reusable`` says whether the connection can serve another exchange."""


class Incoming(Exchange):
    """An exchange on a connection of the pool. ``closed`` says whether it has released the connection."""

    __slots__ = ("_extensions", "_socket_stream", "closed", "complete", "head", "timeouts")

    _extensions: dict[str, Any] | None
    _socket_stream: SocketStream
    closed: bool
    complete: bool
    head: Head
    timeouts: AttemptTimeouts

    @property
    def extensions(self) -> dict[str, Any]:
        if self._extensions is None:
            head = self.head
            self._extensions = {
                "http_version": head.version,
                "reason_phrase": head.reason,
                # Not self: without a reference cycle, a dropped response frees its slot at once.
                "network_stream": self._socket_stream,
            }
        return self._extensions

    def with_head(self, head: Head, extensions: dict[str, Any]) -> Self:
        """Replace the head and the extensions, which a hook may have changed, and return the response."""
        self.head, self._extensions = head, extensions
        return self

    async def discard(self) -> None:
        """Receive and drop up to 1 MiB within 1 second, so that the connection can be reused. Otherwise close it."""
        self.timeouts = self.timeouts._replace(at=self.timeouts.until(DISCARD_TIME))
        left = MAX_DISCARDED
        try:
            while left > 0:
                data = await self.receive()
                if not data:
                    return
                left -= len(data)
        except (TransportError, ProtocolError, HeaderTooLarge):
            pass  # the error has closed the connection
        self.abandon()

    def _require_open(self) -> None:
        if self.closed:  # the connection may serve another exchange by now
            raise ReadFailed("The response was closed")

    @abstractmethod
    def abandon(self) -> None:
        """Close the response without waiting."""

    async def close(self) -> None:
        self.abandon()


class HTTP1Incoming(Incoming):
    """A response over HTTP/1.1. Its connection returns to the pool at the end of the body or on close."""

    __slots__ = ("_http", "_is_over", "_release")

    def __init__(
        self,
        socket_stream: SocketStream,
        http: http11.HTTP11Connection,
        head: Head,
        timeouts: AttemptTimeouts,
        release: Release,
    ) -> None:
        self._socket_stream = socket_stream
        self._http = http
        self.timeouts: AttemptTimeouts = timeouts
        self._release = release
        self._extensions: dict[str, Any] | None = None
        self._is_over = False
        self.head: Head = head
        self.complete: bool = False
        self.closed: bool = False

    @property
    def remaining(self) -> int:
        return 0 if self.closed else self._http.direct_remaining

    def take(self) -> bytes:
        if self.closed:
            self._require_open()
        http = self._http
        data = http.take_body()
        if http.complete:
            self.complete = True
            self.abandon()
        return data

    async def receive(self) -> bytes:
        if self.complete:
            return b""
        self._require_open()
        http = self._http
        try:
            end = self.timeouts.until(self.timeouts.read)
            while not (data := http.take_body()) and not http.complete:
                if http.direct_remaining:
                    data = await self._socket_stream.receive(min(READ_SIZE, http.direct_remaining), end)
                    http.received_direct(len(data))
                    break
                http.receive(await self._socket_stream.receive(READ_SIZE, end))
        except BaseException:
            self.abandon()
            raise
        self._close_if_complete(http)
        return data

    async def receive_into(self, buffer: memoryview) -> int:
        self._require_open()
        try:
            # Release the view now: a traceback keeps this frame, and a live view prevents the buffer from closing.
            with buffer[: self.remaining] as room:
                count = await self._socket_stream.receive_into(room, self.timeouts.until(self.timeouts.read))
            self._http.received_direct(count)
        except BaseException:
            self.abandon()
            raise
        self._close_if_complete(self._http)
        return count

    async def discard(self) -> None:
        """See :meth:`Incoming.discard`. Close a connection at once if the body's end cannot keep it usable."""
        if self._http.persistent:
            await super().discard()
        else:
            self.abandon()

    def _close_if_complete(self, http: http11.HTTP11Connection) -> None:
        if http.complete:
            self.complete = True
            self.abandon()

    def abandon(self) -> None:
        """Close the response. A connection with an unread body cannot be reused, so it closes too."""
        if not self._is_over:
            self.closed = True
            self._release(reusable=self._http.is_reusable())
            self._is_over = True  # last: a signal handler may interrupt the release, and the next abandon repeats it
