"""An HTTP/1.1 connection: one exchange at a time."""

from functools import partial

from ..core.messages import Head, Request, may_be_repeated
from ..errors import HTTPConnError, ReadFailed, TruncatedBody, WriteFailed, WriteTimedOut
from ..network.stream import BROKEN, PORTION, SocketStream
from ..options import Limits
from ..runtime.interruption import Interruption
from ..runtime.readiness import BLOCKED_READ
from ..runtime.runtimes import Runtime, send_parts
from ..runtime.timeouts import AttemptTimeouts
from .http1body import READ_SIZE, REFUSED, HTTP1Incoming, Release
from .http1protocol import HTTP11Connection
from .tracing import trace_step, traced_head, traced_request

MAX_EARLY = 1024 * 1024  # bytes of an early response that are received while the request is still being sent


class Stale(Exception):
    """A reused connection ended before any byte of the response. The server may not have seen the request."""


class Unprocessed(Exception):
    """The server did not process the request, so it can be sent again on another connection."""

    def __init__(self, error: HTTPConnError, *, responded: bool, requires_http1: bool = False) -> None:
        super().__init__(error.message)
        self.error = error  # the error to raise if the request cannot be sent again
        self.responded = responded  # whether the server sent other responses on the connection in the meantime
        self.requires_http1 = requires_http1  # whether the request must be sent over HTTP/1.1


class Connection:
    """A connected socket stream and its HTTP/1.1 state."""

    __slots__ = ("_early", "_http", "_is_used", "_runtime", "interruption", "socket_stream")

    def __init__(self, socket_stream: SocketStream, runtime: Runtime, limits: Limits) -> None:
        self.socket_stream: SocketStream = socket_stream
        self._runtime = runtime
        self._is_used = False
        self._early = 0
        self.interruption: Interruption | None = None  # can interrupt the current request; None if nothing can
        self._http = HTTP11Connection(
            max_headers=limits.max_headers, max_header_bytes=limits.max_header_bytes, strict=limits.strict_framing
        )

    def attach(self, interruption: Interruption) -> None:
        """Close the connection if ``interruption`` interrupts the current request."""
        self.interruption = interruption
        interruption.attach(self, self.socket_stream.close)

    def detach(self) -> None:
        if self.interruption is not None:
            self.interruption.detach(self)
            self.interruption = None

    def is_fresh(self) -> bool:
        return self._http.is_reusable() and self.socket_stream.is_fresh()

    def close(self) -> None:
        """Close the connection, and wake the caller that waits for it."""
        self.socket_stream.close()

    async def exchange(
        self, request: Request, timeouts: AttemptTimeouts, release: Release, interruption: Interruption | None = None
    ) -> HTTP1Incoming:
        """Send a request and receive the head of its response. ``release`` is called at the end of the body.

        Raises Stale: the request may be sent again on another connection.
        """
        is_reused, self._is_used, self._early = self._is_used, True, 0
        if interruption is not None:
            self.attach(interruption)
        try:
            if request.trace is not None:
                head = await self._exchange_traced(request, timeouts)
            else:
                sent = self._http.send_head(request.method.encode("ascii", "replace"), request.target, request.fields)
                await self._send(request, timeouts, sent)
                head = await self._receive_head(timeouts)
        except (ReadFailed, WriteFailed, TruncatedBody) as error:
            if is_reused and not self._http.has_response and may_be_repeated(request):
                raise Stale from error
            raise
        return HTTP1Incoming(self.socket_stream, self._http, head, timeouts, release)

    async def _exchange_traced(self, request: Request, timeouts: AttemptTimeouts) -> Head:
        """Send the head and the body in separate steps, as trace callbacks expect."""
        info, step = {"request": traced_request(request)}, partial(trace_step, self._runtime, request)
        await step("http11.send_request_headers", info, self._send_head(request, timeouts))
        await step("http11.send_request_body", info, self._send(request, timeouts, b""))
        return await step("http11.receive_response_headers", info, self._receive_head(timeouts), traced_head)

    async def _send_head(self, request: Request, timeouts: AttemptTimeouts) -> None:
        head = self._http.send_head(request.method.encode("ascii", "replace"), request.target, request.fields)
        end = timeouts.until(timeouts.write)
        await (self._send_portion(head, timeouts) if request.body else self.socket_stream.send(head, end))

    async def _send(self, request: Request, timeouts: AttemptTimeouts, head: bytes) -> None:
        """Send a head, which is empty if it was sent before, and the body."""
        http, socket_stream, body = self._http, self.socket_stream, request.body
        if body is None:
            unsent = socket_stream.send_at_once(head) if head else None
            if unsent is not None:
                await socket_stream.send(unsent, timeouts.until(timeouts.write))
            return
        if isinstance(body, bytes) and len(body) <= PORTION:
            await self._send_portion(b"".join((head, http.send_body(body), http.end_body())), timeouts)
            return
        parts = None if isinstance(body, bytes) else self._runtime.parts(body)
        send = partial(self._send_part, timeouts)
        if await self._send_portion(head, timeouts) and await (
            send(body) if parts is None else send_parts(self._runtime, parts, timeouts.at, send)
        ):
            await self._send_portion(http.end_body(), timeouts)

    async def _send_part(self, timeouts: AttemptTimeouts, part: bytes | memoryview) -> bool:
        """Send a part of a body, and return whether the server wants more."""
        view = memoryview(part)
        for start in range(0, len(part), PORTION):
            if not await self._send_portion(self._http.send_body(view[start : start + PORTION]), timeouts):
                return False
        return True

    async def _send_portion(self, data: bytes | memoryview, timeouts: AttemptTimeouts) -> bool:
        """Send bytes, and look for an early response meanwhile; return whether the server wants more."""
        # The write timeout applies to each portion. A server that responds with an error may stop reading (RFC 9112
        # section 9.5). A server that responds with a success may still need the body.
        end, is_sent = timeouts.until(timeouts.write), False
        try:
            while not is_sent:
                is_sent = await self.socket_stream.send_briefly(data, end)
                if self._is_refused():
                    return False
                data = b""
            return True
        except WriteFailed:
            return False
        except WriteTimedOut:
            if self._http.head is None:
                raise
            return False
        finally:
            if not is_sent:  # the server would take the next request for the rest of this one
                self._http.prevent_reuse()

    def _is_refused(self) -> bool:
        """Receive the bytes that have arrived, up to a limit; return whether the server wants no more of the body."""
        http = self._http
        while self._early < MAX_EARLY and self.socket_stream.is_readable():
            buffer = bytearray(READ_SIZE)
            try:
                count = self.socket_stream.receive_now(memoryview(buffer))
            except BLOCKED_READ:
                break
            except BROKEN:
                return True  # receiving the head raises the error
            http.receive(bytes(buffer[:count]))
            self._early += count
            if not count or (http.head is not None and http.head.status >= REFUSED):
                return True
        return False

    async def _receive_head(self, timeouts: AttemptTimeouts) -> Head:
        http, end, look = self._http, timeouts.until(timeouts.read), False
        while http.head is None:
            http.receive(await self.socket_stream.receive(READ_SIZE, end, look=look))
            look = True
        return http.head
