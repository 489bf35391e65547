"""The client side of an HTTP/1.1 connection, without I/O.

The protocol collects a response's head until it is complete and parses it at once. It only counts a body of known
length, so the caller may receive such a body directly into its own buffer. A decoder reads chunked bodies.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.messages import Head
from ..errors import Disconnected, HeaderTooLarge, MalformedRequest, ProtocolError, TruncatedBody
from .chunked import ChunkedDecoder
from .headerblock import FieldBlock, head_begins
from .http1heads import (
    Fields,
    Framing,
    content_of,
    for_origin,
    read_framing,
    read_head,
    with_regular_framing,
    write_connect_line,
    write_fields,
    write_request_line,
)

MAX_INTERIM_RESPONSES = 64  # maximum number of interim (1xx) responses to one request

_TUNNEL = Framing(0, False, True, "")


class HTTP11Connection:
    """The state of one HTTP/1.1 connection, which carries one exchange at a time. It does not pipeline.

    For each request, call ``send_head``, then ``send_body`` for each part of the body, then ``end_body``, and send the
    bytes that they return. Pass all received bytes to ``receive``, at any time: a response may arrive before the
    request is complete. The limits apply to the head, to the trailer section, and to all interim heads together.
    Irregular responses are rejected if ``strict``. Otherwise they are delivered, and their connection is not reused.
    """

    def __init__(self, *, max_headers: int = 100, max_header_bytes: int = 64 * 1024, strict: bool = False) -> None:
        self._max_headers = max_headers
        self._max_header_bytes = max_header_bytes
        self._strict = strict
        self._block = FieldBlock(head_begins, max_headers, max_header_bytes)
        self._chunks: ChunkedDecoder | None = None
        self._fields: tuple[bytes, Framing] | None = None
        self._fields_given: Fields = []
        self._fields_proxied = False
        self._interim = self._interim_bytes = 0
        self._method = b""
        self._parts: list[bytes] = []
        self.persistent: bool = True  # whether the connection can be reused once both messages are complete
        self._unsent: int | None = 0  # bytes of the request body; None: chunked and not ended
        # A plain function instead of a bound method avoids a reference cycle, so a dropped connection is freed at once.
        self._step: Callable[[HTTP11Connection, bytes], None] = HTTP11Connection._unexpected_bytes
        # Whether only the end of the connection ends the body, so that a truncation goes unnoticed.
        self.close_delimited: bool = False
        self.complete: bool = True  # whether no response is outstanding
        self.has_excess: bool = False  # whether bytes arrived after the end of a response
        self.has_response: bool = False  # whether any byte arrived since the request began
        self.head: Head | None = None  # the head of the final response; None until it has arrived
        # Bytes of the body that the caller may receive directly into its own buffer, after ``take_body``; 0 if all
        # bytes must go through ``receive``.
        self.direct_remaining: int = 0

    def is_reusable(self) -> bool:
        """Return whether the next request may be sent: both messages are complete, and the connection persists.

        A connection persists if both messages have HTTP/1.1 and no ``Connection: close`` (RFC 9112 section 9.3). It
        does not persist after a close-delimited or irregular response, or after bytes that follow a complete response.
        """
        return self.complete and self.persistent and self._unsent == 0

    # Sending requests.

    def send_head(self, method: bytes, target: bytes, headers: Fields) -> bytes:
        """Begin an exchange, and return the encoded head of its request.

        The ``headers`` declare the framing of the body: Content-Length, ``Transfer-Encoding: chunked``, or no body.
        A Proxy-Authorization is sent only with an absolute target, which only a proxy receives.
        """
        if not self.is_reusable():
            raise MalformedRequest("the connection cannot take another request")
        line = write_request_line(method, target)
        fields, proxied = self._fields, not target.startswith((b"/", b"*"))
        if fields is None or headers != self._fields_given or proxied != self._fields_proxied:
            fields = self._fields = write_fields(headers if proxied else for_origin(headers))
            self._fields_given, self._fields_proxied = headers.copy(), proxied
        block, framing = fields
        self._unsent = None if framing.chunked else framing.length or 0
        self.begin(method, keep_alive=framing.keep_alive)
        return line + block

    def prevent_reuse(self) -> None:
        self.persistent = False

    def send_connect(self, authority: bytes, headers: Fields) -> bytes:
        """Begin a CONNECT request (RFC 9110 section 9.3.6), and return its head. The client sends first in a tunnel."""
        if not self.is_reusable():
            raise MalformedRequest("the connection cannot take another request")
        line = write_connect_line(authority)
        block = write_fields([(b"Host", authority), *headers])[0]
        self.begin(b"CONNECT", keep_alive=True)
        return line + block

    def begin(self, method: bytes, *, keep_alive: bool) -> None:
        """Begin an exchange without encoding its request."""
        self._method = method
        self.persistent = keep_alive
        self._interim = self._interim_bytes = 0
        self._parts = []
        self._step = HTTP11Connection._head_bytes
        self.has_response = self.close_delimited = self.complete = False
        self.head = None

    def send_body(self, data: bytes | memoryview) -> bytes | memoryview:
        """Encode a part of the request body. Raises MalformedRequest: the body exceeds the declared Content-Length."""
        if self._unsent is None:
            # An empty chunk would end the body.
            return b"".join((b"%x\r\n" % len(data), data, b"\r\n")) if data else b""
        if len(data) > self._unsent:
            raise MalformedRequest("the body of the request is longer than declared")
        self._unsent -= len(data)
        return data

    def end_body(self) -> bytes:
        if self._unsent is None:
            self._unsent = 0
            return b"0\r\n\r\n"
        if self._unsent:
            raise MalformedRequest("the body of the request is shorter than declared")
        return b""

    # Receiving responses.

    def receive(self, data: bytes) -> None:
        """Process received bytes; ``b""`` means that the peer sends no more.

        ``take_body`` still returns the bytes of the body that arrived before an error.
        """
        try:
            if data:
                self.has_response = True
                self._step(self, data)
            else:
                self._take_end()
        except (ProtocolError, HeaderTooLarge, Disconnected):
            self.persistent = False
            self._step = HTTP11Connection._broken_bytes
            raise

    def take_body(self) -> bytes:
        parts = self._parts
        if not parts:
            return b""
        self._parts = []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def received_direct(self, count: int) -> None:
        """Count at most ``direct_remaining`` received bytes; 0 means that the peer sends no more."""
        if not 0 <= count <= self.direct_remaining:
            raise MalformedRequest("more bytes were received than the body has")
        if not count:
            self.receive(b"")
        self.direct_remaining -= count
        if not self.direct_remaining:
            self._finish()

    def _head_bytes(self, data: bytes) -> None:
        while data:
            block, data = self._block.gather(data)
            if not block:
                return
            head, irregular = read_head(block)
            # RFC 9110 section 9.3.6: a client ignores framing fields in a successful response to CONNECT.
            is_tunnel = self._method == b"CONNECT" and 200 <= head.status < 300
            framing = _TUNNEL if is_tunnel else read_framing(head.version, head.values)
            if framing.irregular:
                head, irregular = with_regular_framing(head, framing), framing.irregular
            elif head.status < 200 or head.status == 204:
                irregular = irregular or content_of(framing)
            if irregular:
                self._note_irregular(irregular)
            if head.status >= 200:
                self.head = head
                self.persistent = self.persistent and framing.keep_alive
                self._begin_body(head.status, framing, data)
                return
            self._skip_interim(head, len(block))

    def _note_irregular(self, irregularity: str) -> None:
        """Prevent reuse of the connection, or reject the response under strict framing."""
        if self._strict:
            raise ProtocolError(f"the response is irregular, which strict_framing rejects: {irregularity}")
        self.persistent = False

    def _skip_interim(self, head: Head, size: int) -> None:
        # RFC 9110 section 15.2: any number of interim responses may precede the final response, and a client may
        # ignore them. The limits stop a server that sends interim responses without end.
        self._interim += 1
        self._interim_bytes += size
        if self._interim > MAX_INTERIM_RESPONSES:
            raise ProtocolError(f"more than {MAX_INTERIM_RESPONSES} interim responses, the last with {head.status}")
        if self._interim_bytes > self._max_header_bytes:
            limit, received = self._max_header_bytes, self._interim_bytes
            raise HeaderTooLarge("The interim responses are too large", "size", limit, received)

    def _begin_body(self, status: int, framing: Framing, data: bytes) -> None:
        """Choose the framing of the body by the rules of RFC 9112 section 6.3, in their order."""
        step, length = HTTP11Connection._counted_bytes, framing.length  # rules 5 and 6
        if self._method == b"HEAD" or status in (204, 304):  # rule 1; interim responses do not get here
            length = 0
        elif framing.chunked:  # rules 3 and 4
            step = HTTP11Connection._chunked_bytes
            self._chunks = ChunkedDecoder(self._max_headers, self._max_header_bytes)
        elif length is None:  # rule 8
            step = HTTP11Connection._unbounded_bytes
            self.close_delimited, self.persistent = True, False
        self._step, self.direct_remaining = step, length or 0
        if data or length == 0:
            step(self, data)

    def _counted_bytes(self, data: bytes) -> None:
        left = self.direct_remaining - len(data)
        if left > 0:
            self._parts.append(data)
            self.direct_remaining = left
            return
        self._parts.append(data[: self.direct_remaining] if left else data)
        self.direct_remaining = 0
        self._finish()
        if left:
            self._unexpected_bytes(data)

    def _chunked_bytes(self, data: bytes) -> None:
        chunks = self._chunks
        if chunks is None or not chunks.decode(data, self._parts):
            return
        if chunks.irregular:
            self._note_irregular(chunks.irregular)
        self._finish()
        if chunks.remaining:
            self._unexpected_bytes(chunks.remaining)

    def _unbounded_bytes(self, data: bytes) -> None:
        self._parts.append(data)

    def _unexpected_bytes(self, _: bytes) -> None:
        # No request is outstanding, so these bytes belong to no response. The connection is out of sync.
        self.has_excess = True
        self.persistent = False

    def _broken_bytes(self, _: bytes) -> None:
        raise ProtocolError("the connection is broken")

    def _finish(self) -> None:
        self.complete = True
        self._chunks = None
        self._step = HTTP11Connection._unexpected_bytes

    def _take_end(self) -> None:
        self.persistent = False
        if self.complete:
            return
        # RFC 9112 section 8: a message is complete only if its framing says so. The last chunk is sufficient: some
        # servers omit the empty line after it.
        if self._chunks is not None and self._chunks.may_end():
            self._note_irregular("no empty line after the last chunk")
        elif not self.close_delimited:  # the messages are those of h11, which users know
            if self.has_response:
                raise TruncatedBody("peer closed connection without sending complete message")
            raise Disconnected("Server disconnected without sending a response.")
        self._finish()
