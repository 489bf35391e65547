"""A response over HTTP/2. The stream delivers its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.messages import Head
from ..errors import ReadTimedOut
from ..network.stream import FILL_WAIT
from ..runtime.interruption import Interruption
from ..runtime.timeouts import AttemptTimeouts, until
from .http1body import REFUSED, Incoming, Release
from .http2 import Stream

if TYPE_CHECKING:
    from .http2connection import SharedConnection


ENOUGH = 1024 * 1024  # bytes that are worth the wake-up of a caller that receives into a buffer


class HTTP2Incoming(Incoming):
    """An exchange on a stream, from its request to the end of its response."""

    __slots__ = ("_connection", "_interruption", "_is_over", "_release", "has_sent_parts", "stream")

    def __init__(
        self,
        connection: SharedConnection,
        timeouts: AttemptTimeouts,
        release: Release,
        interruption: Interruption | None,
    ) -> None:
        self.stream: Stream | None = None  # the stream, or None before the request is sent
        self.timeouts: AttemptTimeouts = timeouts  # the time limits of each step
        self.has_sent_parts: bool = False  # whether a part of an unrepeatable request body was sent
        self.head: Head = _NONE
        self.complete: bool = False
        self.closed: bool = False
        self._connection = connection
        self._socket_stream = connection.socket_stream
        self._release = release
        self._interruption = interruption
        self._extensions: dict[str, Any] | None = None
        self._is_over = False

    @property
    def remaining(self) -> int:
        return 0 if self.closed or self.stream is None else max(0, self.stream.unread)

    @property
    def is_ended(self) -> bool:
        """Whether the server does not need more of the request."""
        stream = self._opened
        is_refused = stream.head is not None and stream.head.status >= REFUSED
        return is_refused or stream.complete or stream.error is not None

    @property
    def _opened(self) -> Stream:
        if self.stream is None:
            raise RuntimeError("The request was not sent")
        return self.stream

    async def progress(self, end: float) -> None:
        """Wait until the stream may have progressed. Raises ReadTimedOut after ``end``."""
        stream, interruption = self._opened, self._interruption
        if interruption is None:
            await self._connection.progress(stream, end, None)
            return
        interruption.attach(self, self._wake)
        try:
            await self._connection.progress(stream, end, interruption)
        finally:
            interruption.detach(self)

    def _wake(self) -> None:
        set_event = getattr(self._opened.waiter, "set", None)
        if set_event is not None:
            set_event()

    async def receive_head(self) -> Head:
        stream, end = self._opened, self.timeouts.until(self.timeouts.read)
        while stream.head is None:
            if stream.error is not None:
                raise stream.error
            await self.progress(end)
        self.head = stream.head
        return stream.head

    def take(self) -> bytes:
        self._require_open()
        data = self._connection.take(self._opened)
        self._look_for_the_end()
        return data

    async def receive(self) -> bytes:
        if self.complete:
            return b""
        self._require_open()
        stream = self._opened
        try:
            end = self.timeouts.until(self.timeouts.read)
            while not (data := self._connection.take(stream)) and not stream.complete:
                if stream.error is not None:
                    raise stream.error
                await self.progress(end)
        except BaseException:
            self.abandon()
            raise
        self._look_for_the_end()
        return data

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive up to ``remaining`` bytes into a buffer, and return their number, at least 1."""
        self._require_open()
        with buffer[: self.remaining] as room:
            try:
                count = await self._fill(room)
            except BaseException:
                self.abandon()  # the connection stops filling the buffer
                raise
        self._look_for_the_end()
        return count

    async def _fill(self, room: memoryview) -> int:
        """Receive until the buffer has enough bytes or 0.1 seconds have passed, and at least 1 byte."""
        stream, wanted = self._opened, min(len(room), ENOUGH)
        final = self.timeouts.until(self.timeouts.read)
        end = min(final, until(FILL_WAIT))
        while not (count := self._connection.take_into(stream, room, wanted)):
            if stream.error is not None:
                raise stream.error
            try:
                await self.progress(end)
            except ReadTimedOut:
                if end == final:
                    raise
                wanted, end = 1, final
        return count

    def _look_for_the_end(self) -> None:
        stream = self._opened
        if stream.complete and not stream.chunks:
            self.complete = True
            self.abandon()

    def abandon(self) -> None:
        """Close the response without waiting. An open stream is reset, and the connection continues."""
        if not self._is_over:
            self.closed = True
            if self.stream is not None:
                self._connection.leave(self.stream)
            self._release(reusable=not self._connection.is_closing)
            self._is_over = True  # set last: a signal handler may interrupt the calls above


_NONE = Head(0, b"", b"HTTP/2", [], {})
