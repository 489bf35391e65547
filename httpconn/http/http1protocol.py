"""The client's side of an HTTP/1.1 connection, without I/O: bytes to send out, bytes received in.

A response's head is read in one piece. A body of known length is only counted, and may be received straight into a
buffer of the caller's. A chunked body has its own decoder.
"""

from __future__ import annotations

from collections.abc import Callable

from .chunked import ChunkedDecoder
from .faults import Disconnected, HeaderTooLarge, LocalProtocolError, RemoteProtocolError, truncated
from .headerblock import FieldBlock, head_begins
from .http1heads import (
    Fields,
    Framing,
    Head,
    RequestFields,
    read_framing,
    read_head,
    reframed,
    write_connect_line,
    write_fields,
    write_request_line,
)

__all__ = ["HTTP11Connection", "Head"]

MAX_INTERIM_RESPONSES = 64

_TUNNEL = Framing(0, False, True, "")


class HTTP11Connection:
    """One connection, over as many exchanges as it lasts for. An exchange at a time; no pipelining.

    Call ``send_head``, ``send_body`` any number of times and ``end_body``, and send what they return; give what the
    peer sends to ``receive``. The order of sending and receiving is free: an answer may come early.

    Args:
        max_headers: the number of header fields, and of trailer fields, that an answer may have.
        max_header_bytes: the size of an answer's head, of its trailer section, and of all interim heads before it, in
            bytes.
        strict: reject an irregular response. Without it the response is delivered, and its connection is not reused.

    Attributes:
        head: the head of the final answer, or None before it is there.
        complete: whether no answer is outstanding.
        ahead: whether bytes came behind an answer.
        answered: whether any byte came since the request was begun.
        chunked: whether the body of the answer is in chunks.
        close_delimited: whether the end of the connection is the only end of the body, so that a cut is not noticed.
    """

    __slots__ = (
        "_block",
        "_chunks",
        "_fields",
        "_fields_given",
        "_interim",
        "_interim_bytes",
        "_max_header_bytes",
        "_max_headers",
        "_method",
        "_parts",
        "_persistent",
        "_remaining",
        "_step",
        "_strict",
        "_unsent",
        "ahead",
        "answered",
        "chunked",
        "close_delimited",
        "complete",
        "head",
    )

    def __init__(self, *, max_headers: int = 100, max_header_bytes: int = 64 * 1024, strict: bool = False) -> None:
        self._max_headers = max_headers
        self._max_header_bytes = max_header_bytes
        self._strict = strict
        self._block = FieldBlock(head_begins, max_headers, max_header_bytes)
        self._chunks: ChunkedDecoder | None = None
        self._fields: RequestFields | None = None
        self._fields_given: Fields = []
        self._interim = self._interim_bytes = 0
        self._method = b""
        self._parts: list[bytes] = []
        self._persistent = True
        self._remaining = 0
        self._unsent: int | None = 0  # bytes of the request's body; None: chunked, and not ended
        # A function of the class, not a bound method: no cycle, so that a dropped connection is freed at once.
        self._step: Callable[[HTTP11Connection, bytes], None] = HTTP11Connection._unasked_bytes
        self.ahead: bool = False
        self.answered: bool = False
        self.chunked: bool = False
        self.close_delimited: bool = False
        self.complete: bool = True
        self.head: Head | None = None

    @property
    def reusable(self) -> bool:
        """Whether the next request may be sent: both messages ended, and the connection persists.

        RFC 9112 section 9.3: no ``Connection: close`` in either, and HTTP/1.1. An answer that ends with the
        connection, an irregular one, and bytes that came after a complete one, end it as well.
        """
        return self.complete and self._persistent and self._unsent == 0

    # The request.

    def send_head(self, method: bytes, target: bytes, headers: Fields) -> bytes:
        """Begin an exchange: the head of its request.

        The framing of a body is what ``headers`` declare: Content-Length, ``Transfer-Encoding: chunked``, or no body.
        LocalProtocolError: they or the rest are invalid, or the connection is not reusable.
        """
        if not self.reusable:
            raise LocalProtocolError("the connection cannot take another request")
        line = write_request_line(method, target)
        fields = self._fields
        if fields is None or headers != self._fields_given:
            fields = self._fields = write_fields(headers)
            self._fields_given = headers.copy()
        framing = fields.framing
        self._unsent = None if framing.chunked else framing.length or 0
        self.begin(method, keep_alive=framing.keep_alive)
        return line + fields.block

    def send_connect(self, authority: bytes, headers: Fields) -> bytes:
        """Begin the request for a tunnel (RFC 9110 section 9.3.6); the client sends first in one that was granted.

        LocalProtocolError: as for ``send_head``.
        """
        if not self.reusable:
            raise LocalProtocolError("the connection cannot take another request")
        line = write_connect_line(authority)
        block = write_fields([(b"Host", authority), *headers]).block
        self.begin(b"CONNECT", keep_alive=True)
        return line + block

    def begin(self, method: bytes, *, keep_alive: bool) -> None:
        """Begin an exchange whose request is written by somebody else."""
        self._method = method
        self._persistent = keep_alive
        self._interim = self._interim_bytes = 0
        self._parts = []
        self._step = HTTP11Connection._head_bytes
        self.answered = self.chunked = self.close_delimited = self.complete = False
        self.head = None

    def send_body(self, data: bytes) -> bytes:
        """A part of the request's body. LocalProtocolError: more than the head declared."""
        if self._unsent is None:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""  # an empty chunk would end the body
        if len(data) > self._unsent:
            raise LocalProtocolError("the body of the request is longer than declared")
        self._unsent -= len(data)
        return data

    def end_body(self) -> bytes:
        """The end of the request's body. LocalProtocolError: less than the head declared was sent."""
        if self._unsent is None:
            self._unsent = 0
            return b"0\r\n\r\n"
        if self._unsent:
            raise LocalProtocolError("the body of the request is shorter than declared")
        return b""

    # The answer.

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; ``b""`` says that it sends no more.

        ProtocolError, HeaderTooLarge: they break HTTP; TruncatedBody, Disconnected: they end too early. What came of
        the body before can still be taken.
        """
        try:
            if data:
                self.answered = True
                self._step(self, data)
            else:
                self._take_end()
        except (RemoteProtocolError, HeaderTooLarge, Disconnected):
            self._persistent = False
            self._step = HTTP11Connection._broken_bytes
            raise

    def take_body(self) -> bytes:
        """The bytes of the body that came since the last call."""
        parts = self._parts
        if not parts:
            return b""
        self._parts = []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def direct_remaining(self) -> int | None:
        """How many bytes the caller may receive straight into a buffer of its own, all of them body.

        None where the body's bytes must go through ``receive``. What has been received so far must be taken first.
        """
        return self._remaining or None

    def received_direct(self, count: int) -> None:
        """Say that ``count`` bytes of the body were received around ``receive``; not more than ``direct_remaining``."""
        if not 0 <= count <= self._remaining:
            raise LocalProtocolError("more was received than the body has")
        self._remaining -= count
        if not self._remaining:
            self._finish()

    def _head_bytes(self, data: bytes) -> None:
        while data:
            block, data = self._block.gather(data)
            if not block:
                return
            head, irregular = read_head(block)
            # RFC 9110 section 9.3.6: what frames a body has no meaning in a success to CONNECT.
            is_tunnel = self._method == b"CONNECT" and 200 <= head.status < 300
            framing = _TUNNEL if is_tunnel else read_framing(head.version, head.values)
            if framing.irregular:
                head, irregular = reframed(head, framing), framing.irregular
            if irregular:
                self._note_irregular(irregular)
            if head.status >= 200:
                self.head = head
                self._persistent = self._persistent and framing.keep_alive
                self._begin_body(head.status, framing, data)
                return
            self._skip_interim(head, len(block))

    def _note_irregular(self, what: str) -> None:
        """Rule out that the connection is reused, or under strict framing reject the response."""
        if self._strict:
            raise RemoteProtocolError(f"the response is irregular, which strict_framing rejects: {what}")
        self._persistent = False

    def _skip_interim(self, head: Head, size: int) -> None:
        # RFC 9110 section 15.2: any number may precede the final response, and a client may ignore them. A limit
        # keeps an endless row of them from passing for progress.
        self._interim += 1
        self._interim_bytes += size
        if self._interim > MAX_INTERIM_RESPONSES:
            raise RemoteProtocolError(
                f"more than {MAX_INTERIM_RESPONSES} interim responses, the last with {head.status}"
            )
        if self._interim_bytes > self._max_header_bytes:
            raise HeaderTooLarge("The interim responses are too large")

    def _begin_body(self, status: int, framing: Framing, data: bytes) -> None:
        """Decide how the body ends, by the rules of RFC 9112 section 6.3 in their order."""
        if self._method == b"HEAD" or status in (204, 304):  # rule 1; 1xx are skipped before
            self._begin_counted(0, data)
        elif framing.chunked:  # rules 3 and 4
            self.chunked = True
            self._chunks = ChunkedDecoder(self._max_headers, self._max_header_bytes)
            self._continue_with(HTTP11Connection._chunked_bytes, data)
        elif framing.length is not None:  # rules 5 and 6
            self._begin_counted(framing.length, data)
        else:  # rule 8
            self.close_delimited = True
            self._continue_with(HTTP11Connection._unbounded_bytes, data)

    def _begin_counted(self, length: int, data: bytes) -> None:
        self._remaining = length
        if length:
            self._continue_with(HTTP11Connection._counted_bytes, data)
            return
        self._finish()
        if data:
            self._unasked_bytes(data)

    def _continue_with(self, step: Callable[[HTTP11Connection, bytes], None], data: bytes) -> None:
        self._step = step
        if data:
            step(self, data)

    def _counted_bytes(self, data: bytes) -> None:
        left = self._remaining - len(data)
        if left > 0:
            self._parts.append(data)
            self._remaining = left
            return
        self._parts.append(data[: self._remaining] if left else data)
        self._remaining = 0
        self._finish()
        if left:
            self._unasked_bytes(data)

    def _chunked_bytes(self, data: bytes) -> None:
        chunks = self._chunks
        if chunks is None or not chunks.decode(data, self._parts):
            return
        if chunks.irregular:
            self._note_irregular(chunks.irregular)
        self._finish()
        if chunks.rest:
            self._unasked_bytes(chunks.rest)

    def _unbounded_bytes(self, data: bytes) -> None:
        self._parts.append(data)

    def _unasked_bytes(self, _: bytes) -> None:
        # Never the answer to a request that has yet to be sent: whatever it is, the connection is out of step.
        self.ahead = True
        self._persistent = False

    def _broken_bytes(self, _: bytes) -> None:
        raise RemoteProtocolError("the connection is broken")

    def _finish(self) -> None:
        self.complete = True
        self._chunks = None
        self._step = HTTP11Connection._unasked_bytes

    def _take_end(self) -> None:
        self._persistent = False
        if self.complete:
            return
        # RFC 9112 section 8: a message is incomplete unless its framing says that it has ended. A last chunk says
        # so; the empty line after it, which careless servers forget, adds nothing.
        if self._chunks is not None and self._chunks.may_end():
            self._note_irregular("no empty line after the last chunk")
        elif not self.close_delimited:
            raise truncated(answered=self.answered)
        self._finish()
