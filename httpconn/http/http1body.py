"""A response over HTTP/1.1, whose body comes from its connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, Self

from ..core.messages import Head
from ..errors import HeaderTooLarge, ProtocolError, ReadFailed, TransportError
from ..network.stream import SocketStream
from ..runtime.timeouts import AttemptTimeouts
from . import http1protocol as http11

READ_SIZE = 64 * 1024
"""Bytes received at once: more would be allocated anew by the system each time."""

MAX_DISCARDED_READS = 4
"""Reads of a body that nobody needs."""


class GiveBack(Protocol):
    """What ends an exchange."""

    def __call__(self, *, reusable: bool) -> None:
        """Take the connection back, and whether it can serve another exchange."""


class Incoming(ABC):
    """A response whose body is still to come.

    Attributes:
        head: the head of the response.
        complete: whether the end of the body was received.
        closed: whether the connection was given back.
    """

    __slots__ = ("_extensions", "_socket_stream", "closed", "complete", "head")

    _extensions: dict[str, Any] | None
    _socket_stream: SocketStream
    closed: bool
    complete: bool
    head: Head

    @property
    def extensions(self) -> dict[str, Any]:
        """What httpx calls the extensions of a response."""
        if self._extensions is None:
            head = self.head
            self._extensions = {
                "http_version": head.version,
                "reason_phrase": head.reason,
                "network_stream": self._socket_stream,  # not self: a response that is dropped frees its slot at once
            }
        return self._extensions

    def shown_as(self, head: Head, extensions: dict[str, Any]) -> Self:
        """The same under a head that somebody may have changed."""
        self.head, self._extensions = head, extensions
        return self

    @property
    @abstractmethod
    def remaining(self) -> int:
        """Bytes that are still to come for certain, and may be received into a buffer; 0 where nothing is known."""

    @abstractmethod
    def take(self) -> bytes:
        """What has come already, mostly with the header; errors as of ``receive``."""

    @abstractmethod
    async def receive(self) -> bytes:
        """Return the next bytes, transfer coding removed; empty at the end.

        Raises:
            ReadFailed: the connection broke, or the response was closed.
            ReadTimedOut: nothing came in time.
            ProtocolError: the body breaks HTTP, or ended too early.
        """

    @abstractmethod
    async def receive_into(self, buffer: memoryview) -> int:
        """Receive at most the rest into a buffer: the number of bytes, at least 1. Errors as of ``receive``."""

    async def discard(self) -> None:
        """Receive the rest of a body that nobody needs, if it is short, so that the connection can be used again."""
        try:
            for _ in range(MAX_DISCARDED_READS):
                if not await self.receive():
                    return
        except (TransportError, ProtocolError, HeaderTooLarge):
            pass  # the connection is closed already
        self.abandon()

    def _require_open(self) -> None:
        if self.closed:  # the connection may serve another exchange by now
            raise ReadFailed("The response was closed")

    @abstractmethod
    def abandon(self) -> None:
        """Close; it never waits."""

    async def close(self) -> None:
        """The same; it never waits."""
        self.abandon()


class HTTP1Incoming(Incoming):
    """A response whose body is still to come. At its end, or when it is closed, the connection goes back to the pool.

    Args:
        socket_stream: the connection that the bytes come from.
        http: what is spoken on it.
        head: the head of the response.
        timeouts: the read timeout applies to each wait for more.
        give_back: takes the connection at the end.

    Attributes:
        head: the same.
        complete: whether the end of the body was received.
        closed: whether the connection was given back.
    """

    __slots__ = ("_give_back", "_http", "_is_over", "_timeouts")

    def __init__(
        self,
        socket_stream: SocketStream,
        http: http11.HTTP11Connection,
        head: Head,
        timeouts: AttemptTimeouts,
        give_back: GiveBack,
    ) -> None:
        self._socket_stream = socket_stream
        self._http = http
        self._timeouts = timeouts
        self._give_back = give_back
        self._extensions: dict[str, Any] | None = None
        self._is_over = False
        self.head: Head = head
        self.complete: bool = False
        self.closed: bool = False

    @property
    def remaining(self) -> int:
        """Bytes that are still to come for certain, and may be received into a buffer; 0 where nothing is known."""
        return 0 if self.closed else self._http.direct_remaining or 0

    def take(self) -> bytes:
        """What has come already, mostly with the header; errors as of ``receive``."""
        if self.closed:
            self._require_open()
        http = self._http
        data = http.take_body()
        if http.complete:
            self.complete = True
            self.abandon()
        return data

    async def receive(self) -> bytes:
        """Return the next bytes, transfer coding removed; empty at the end.

        Raises:
            ReadFailed: the connection broke, or the response was closed.
            ReadTimedOut: nothing came in time.
            ProtocolError: the body breaks HTTP, or ended too early.
        """
        if self.complete:
            return b""
        self._require_open()
        http = self._http
        try:
            end = self._timeouts.until(self._timeouts.read)
            while True:
                data = http.take_body()
                if data or http.complete:
                    break
                data = await self._receive_more(http, end)
                if data:
                    break
        except BaseException:
            self.abandon()
            raise
        self._look_for_the_end(http)
        return data

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive at most the rest into a buffer: the number of bytes, at least 1. Errors as of ``receive``."""
        self._require_open()
        try:
            # Given back at once: an error keeps this frame, and what views a buffer keeps it from being closed.
            with buffer[: self.remaining] as room:
                count = await self._socket_stream.receive_into(room, self._timeouts.until(self._timeouts.read))
            self._count(self._http, count)
        except BaseException:
            self.abandon()
            raise
        self._look_for_the_end(self._http)
        return count

    async def _receive_more(self, http: http11.HTTP11Connection, end: float) -> bytes:
        socket_stream = self._socket_stream
        remaining = http.direct_remaining
        if remaining is None:
            http.receive(await socket_stream.receive_or_break(READ_SIZE, end))
            return b""
        data = await socket_stream.receive_or_break(min(READ_SIZE, remaining), end)
        self._count(http, len(data))
        return data

    @staticmethod
    def _count(http: http11.HTTP11Connection, count: int) -> None:
        if count:
            http.received_direct(count)
        else:
            http.receive(b"")

    def _look_for_the_end(self, http: http11.HTTP11Connection) -> None:
        if http.complete:
            self.complete = True
            self.abandon()

    def abandon(self) -> None:
        """Close; a connection whose response was not read to its end is of no further use."""
        if not self._is_over:
            self.closed = True
            self._give_back(reusable=self._http.reusable)
            self._is_over = True  # only now: a signal handler may interrupt the call before
