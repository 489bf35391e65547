"""An HTTP/1.1 connection: one exchange at a time."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from ..core.messages import Head, Request
from ..errors import ReadFailed, TruncatedBody, WriteFailed
from ..network.stream import PORTION, SocketStream
from ..options import Limits
from ..runtime.interruption import Interruption
from ..runtime.runtimes import Runtime
from ..runtime.timeouts import AttemptTimeouts
from .http1body import READ_SIZE, HTTP1Incoming, Release
from .http1protocol import HTTP11Connection
from .tracing import trace_step, traced_head, traced_request

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""The idempotent methods (RFC 9110 section 9.2.2)."""


class Stale(Exception):
    """A reused connection ended before any byte of the response. The server may not have seen the request."""


class Connection:
    """A connected socket stream and its HTTP/1.1 state.

    Attributes:
        interruption: can interrupt the current request; None if nothing can.
    """

    __slots__ = ("_http", "_is_used", "_runtime", "interruption", "socket_stream")

    def __init__(self, socket_stream: SocketStream, runtime: Runtime, limits: Limits) -> None:
        self.socket_stream: SocketStream = socket_stream
        self._runtime = runtime
        self._is_used = False
        self.interruption: Interruption | None = None
        self._http = HTTP11Connection(
            max_headers=limits.max_headers,
            max_header_bytes=limits.max_header_bytes,
            strict=limits.strict_framing,
        )

    def attach(self, interruption: Interruption) -> None:
        """Close the connection if ``interruption`` interrupts the current request."""
        self.interruption = interruption
        interruption.attach(self, self.socket_stream.close)

    def detach(self) -> None:
        """Undo ``attach`` when the request has ended."""
        if self.interruption is not None:
            self.interruption.detach(self)
            self.interruption = None

    def is_fresh(self) -> bool:
        return self._http.reusable and self.socket_stream.is_fresh()

    def close(self) -> None:
        """Close the connection, and wake the caller that waits for it."""
        self.socket_stream.close()

    async def exchange(
        self, request: Request, timeouts: AttemptTimeouts, release: Release, interruption: Interruption | None = None
    ) -> HTTP1Incoming:
        """Send a request and receive the head of its response.

        Args:
            release: called at the end of the body.

        Raises:
            Stale: the connection was stale. The request may be sent again on another connection.
            TransportError: the connection failed or a step timed out.
            ProtocolError: the response violates HTTP.
            HeaderTooLarge: the response head exceeds its limits.
        """
        is_reused, self._is_used = self._is_used, True
        if interruption is not None:
            self.attach(interruption)
        try:
            try:
                is_traced = request.trace is not None
                await (self._send_traced(request, timeouts) if is_traced else self._send(request, timeouts))
            except WriteFailed:
                # A server may respond and stop reading before it has the whole body. Receive that response.
                if request.body is None:
                    raise
            head = await (self._receive_traced(request, timeouts) if is_traced else self._receive_head(timeouts))
        except (ReadFailed, WriteFailed, TruncatedBody) as error:
            if is_reused and not self._http.has_response and may_be_repeated(request):
                raise Stale from error
            raise
        return HTTP1Incoming(self.socket_stream, self._http, head, timeouts, release)

    def _send_traced(self, request: Request, timeouts: AttemptTimeouts) -> Coroutine[Any, Any, None]:
        """Send the head and the body in separate steps, as trace callbacks expect."""
        info = {"request": traced_request(request)}

        async def send_head() -> None:
            head = self._http.send_head(request.method.encode("ascii", "replace"), request.target, request.fields)
            await self.socket_stream.send(head, timeouts.until(timeouts.write))

        async def send() -> None:
            await trace_step(self._runtime, request, "http11.send_request_headers", info, send_head())
            body = self._send(request, timeouts, head_is_sent=True)
            await trace_step(self._runtime, request, "http11.send_request_body", info, body)

        return send()

    def _receive_traced(self, request: Request, timeouts: AttemptTimeouts) -> Coroutine[Any, Any, Head]:
        info, receiving = {"request": traced_request(request)}, self._receive_head(timeouts)
        return trace_step(self._runtime, request, "http11.receive_response_headers", info, receiving, traced_head)

    async def _send(self, request: Request, timeouts: AttemptTimeouts, *, head_is_sent: bool = False) -> None:
        http, socket_stream, body = self._http, self.socket_stream, request.body
        if head_is_sent:
            head = b""
        else:
            head = http.send_head(request.method.encode("ascii", "replace"), request.target, request.fields)
        if body is None:
            unsent = socket_stream.send_at_once(head) if head else None
            if unsent is not None:
                await socket_stream.send(unsent, timeouts.until(timeouts.write))
            return
        if isinstance(body, bytes):
            await self._send_whole(head, http.send_body(body) + http.end_body(), timeouts)
            return
        parts = self._runtime.parts(body)
        await socket_stream.send(head, timeouts.until(timeouts.write))
        while (part := await self._runtime.next_part(parts)) is not None:
            await socket_stream.send_large(http.send_body(part), partial(timeouts.until, timeouts.write))
        await socket_stream.send(http.end_body(), timeouts.until(timeouts.write))

    async def _send_whole(self, head: bytes, body: bytes, timeouts: AttemptTimeouts) -> None:
        if len(body) <= PORTION:
            await self.socket_stream.send(head + body, timeouts.until(timeouts.write))
            return
        await self.socket_stream.send(
            head, timeouts.until(timeouts.write)
        )  # joining head and body would copy a large body
        await self.socket_stream.send_large(body, partial(timeouts.until, timeouts.write))

    async def _receive_head(self, timeouts: AttemptTimeouts) -> Head:
        http, end = self._http, timeouts.until(timeouts.read)
        http.receive(await self.socket_stream.receive(READ_SIZE, end, look=False))
        while http.head is None:
            http.receive(await self.socket_stream.receive(READ_SIZE, end))
        return http.head


def may_be_repeated(request: Request) -> bool:
    """Return whether a request may be sent again even if the server processed it (RFC 9110 section 9.2.2)."""
    return request.method in IDEMPOTENT and (request.body is None or isinstance(request.body, bytes))
