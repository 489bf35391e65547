"""An HTTP/2 connection: several exchanges at the same time, of threads or of tasks (RFC 9113)."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ..core.messages import Request, can_replay, may_be_repeated
from ..errors import ConnectFailed, Disconnected, HTTPConnError, ReadFailed, ReadTimedOut
from ..network.stream import PORTION
from ..runtime.interruption import Interruption
from ..runtime.runtimes import send_parts
from ..runtime.timeouts import AttemptTimeouts
from .http1 import Unprocessed
from .http1body import Release
from .http2body import HTTP2Incoming
from .multiplexer import Multiplexer, sent_in_time
from .tracing import trace_step, traced_head, traced_request

T = TypeVar("T")


class SharedConnection(Multiplexer):
    """An HTTP/2 connection over a socket stream."""

    # The interface to the engine.

    @property
    def limit(self) -> int:
        return self._http.max_streams

    def detach(self) -> None:
        """Do nothing: see ``interruption``."""

    def is_fresh(self) -> bool:
        """Return True. The connection shows whether it accepts a request when the request is sent."""
        return True

    def close(self) -> None:
        """Close the connection, and wake its callers."""
        self._fail(ReadFailed("The connection was closed"))

    async def begin(self, request: Request) -> None:
        """Send the preface of the connection (section 3.4)."""
        info = {"request": traced_request(request)}
        await trace_step(self._runtime, request, "http2.send_connection_init", info, _called(self.flush))

    # An exchange.

    async def exchange(
        self, request: Request, timeouts: AttemptTimeouts, release: Release, interruption: Interruption | None = None
    ) -> HTTP2Incoming:
        """Send a request and receive the head of its response.

        Raises Unprocessed: the request may be sent again on another connection.
        """
        incoming = HTTP2Incoming(self, timeouts, release, interruption)
        before = self._responses
        try:
            self._look()
            if request.trace is not None:
                await self._exchange_traced(request, incoming)
            else:
                self._send_head(request, incoming)
                if request.body is not None:
                    await self._send_body(request, incoming)
                await incoming.receive_head()
        except ReadTimedOut:
            # If no response progressed meanwhile, the network may have lost the connection.
            self._is_silent = self._is_silent or self._responses == before
            incoming.abandon()
            raise
        except HTTPConnError as error:
            incoming.abandon()
            self._raise_unprocessed(request, incoming, error, before)
            raise
        except BaseException:
            incoming.abandon()
            raise
        return incoming

    def _raise_unprocessed(self, request: Request, incoming: HTTP2Incoming, error: HTTPConnError, before: int) -> None:
        stream = incoming.stream
        if stream is None or error is not stream.error:
            return
        # The server may end an idle connection while the next request is sent, as in HTTP/1.1.
        is_stale = (before > 0 or stream.requires_http1) and not stream.responded and self._http.error is not None
        if not stream.unprocessed and not (is_stale and may_be_repeated(request)):
            return
        if incoming.has_sent_parts:
            raise Disconnected(f"{error.message}; its body cannot be sent again") from error
        # A connection that ends has made progress if it served any request.
        responded = self._responses > (0 if self.is_closing else before)
        raise Unprocessed(error, responded=responded, requires_http1=stream.requires_http1) from error

    async def _exchange_traced(self, request: Request, incoming: HTTP2Incoming) -> None:
        info, step = {"request": traced_request(request)}, partial(trace_step, self._runtime, request)
        await step("http2.send_request_headers", info, _called(self._send_head, request, incoming))
        if request.body is not None:
            await step("http2.send_request_body", info, self._send_body(request, incoming))
        await step("http2.receive_response_headers", info, incoming.receive_head(), traced_head)

    def _send_head(self, request: Request, incoming: HTTP2Incoming) -> None:
        try:
            is_open = self.change(self._open, request, incoming)
        except HTTPConnError as error:
            if self.error is None:
                raise
            # The connection broke after the pool had granted it.
            raise Unprocessed(error, responded=self._responses > 0) from error
        if not is_open:
            self._report()  # the thread that found this out may not have updated the pool yet
            responded = self._responses > 0 or not self.is_closing
            raise Unprocessed(ConnectFailed("The server accepts no more requests"), responded=responded)
        self.flush()

    async def _send_body(self, request: Request, incoming: HTTP2Incoming) -> None:
        body = request.body
        if isinstance(body, bytes):
            await self._send_part(incoming, body, end=True)
            return
        incoming.has_sent_parts = not can_replay(body)
        parts, send = self._runtime.parts(body), partial(self._send_part, incoming)
        if await send_parts(self._runtime, parts, incoming.timeouts.at, send):
            await self._send_part(incoming, b"", end=True)

    def _open(self, request: Request, incoming: HTTP2Incoming) -> bool:
        http = self._http
        if self.is_closing or not http.available:
            return False
        origin = request.origin
        authority = next((value for name, value in request.fields if name.lower() == b"host"), b"")
        incoming.stream = http.request(
            request.method.encode("ascii", "replace"),
            origin.scheme.encode("ascii"),
            authority or origin.netloc.encode("ascii"),
            request.target,
            request.fields,
            end_stream=request.body is None,
        )
        return True

    async def _send_part(self, incoming: HTTP2Incoming, part: bytes | memoryview, *, end: bool = False) -> bool:
        """Send a part of a body, and return whether the server wants more."""
        left, timeouts = memoryview(part), incoming.timeouts
        while not incoming.is_ended:
            self._look()  # for an early response
            wait_end = timeouts.until(timeouts.write)
            accepted = self.change(self._http.send_data, incoming.stream, left[: 4 * PORTION], end=end)
            self.flush()
            if self._unsent is not None:
                await self._drain(wait_end)
            left = left[accepted:]
            if not left:
                break
            if not accepted:
                await sent_in_time(incoming.progress(wait_end))
        return not incoming.is_ended


async def _called(function: Callable[..., None], *args: Any) -> None:
    function(*args)
