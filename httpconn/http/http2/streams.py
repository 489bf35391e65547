"""One request and its response on an HTTP/2 connection (RFC 9113 sections 5.1 and 8.1)."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ...core.messages import BODILESS, Head
from ...errors import HeaderTooLarge, HTTPConnError, ProtocolError, TruncatedBody
from .faults import ConnectionFault, ErrorCode, StreamFault
from .messages import Section
from .windows import STREAM_WINDOW

MAX_INTERIM_RESPONSES = 64

SPARE = 100_000  # maximum number of body frames with less data than their own header, unless larger frames arrive

_FRAME_HEADER = 9

SMALL = 512  # bytes below which data is joined with the previous data, so that single bytes do not need an object each


@dataclass(slots=True, eq=False, repr=False)
class Stream:
    """The state of a stream. Only its connection changes it; callers read the attributes."""

    id: int
    send_window: int
    unsent: int  # bytes of the request's body; negative: not declared
    without_body: bool
    request_ended: bool  # whether the whole request has been sent
    head: Head | None = None  # the head of the final response, or None before it has arrived
    complete: bool = False  # whether the whole response has arrived
    error: HTTPConnError | None = None  # the error that ended the stream. Data that arrived before can still be taken.
    responded: bool = False  # whether the server sent anything on the stream
    unprocessed: bool = False  # whether the server cannot have processed the request (RFC 9113 section 8.7)
    requires_http1: bool = False  # whether the server requires HTTP/1.1 for the request (HTTP_1_1_REQUIRED)
    waiter: Any = None  # an object of the caller, which the connection does not use
    is_noted: bool = False
    chunks: deque[bytes | bytearray | memoryview] = field(default_factory=deque)
    sink: memoryview | None = None  # the buffer of a waiting reader, and the number of bytes in it
    filled: int = 0
    left: int = -1  # bytes of the response's body; negative: not declared
    window: int = STREAM_WINDOW  # bytes that the server may still send
    window_size: int = STREAM_WINDOW
    unacknowledged: int = 0  # bytes read since the last WINDOW_UPDATE
    largest_read: int = 0
    queued: int = 0  # bytes of the body that have arrived and were not taken
    unread: int = 0  # bytes of the body that were not taken, also those that have not arrived; 0 or less if unknown
    wanted: int = 1  # bytes that arrive before the stream counts as progressed
    spare: int = SPARE
    interim: int = 0
    interim_size: int = 0

    def receive_section(self, section: Section, max_interim_size: int, *, ends: bool) -> None:
        """Process a header section or the trailer section. Raises StreamFault: the response is malformed."""
        self.responded = True
        if self.head is not None:
            if section.head.status:
                raise _malformed("has two heads")
            if not ends:
                raise _malformed("continues after its trailers")
        elif (status := section.head.status) >= 200:
            self.head = section.head
            # RFC 9110 section 6.4.1: these have no body, whatever the Content-Length says.
            self.left = 0 if self.without_body or status in BODILESS else section.length
            self.unread = self.left
        elif status and not ends:
            self._skip_interim(section, max_interim_size)
        else:
            raise _malformed("begins with trailers or ends with an interim response")

    def _skip_interim(self, section: Section, max_size: int) -> None:
        # RFC 9110 section 15.2: any number of interim responses may precede the final response, and a client may ignore
        # them.
        self.interim += 1
        self.interim_size += section.head.size
        if self.interim > MAX_INTERIM_RESPONSES:
            raise _malformed(f"has more than {MAX_INTERIM_RESPONSES} interim responses before it")
        if self.interim_size > max_size:
            message = f"The interim responses have headers of more than {max_size:,} bytes"
            raise StreamFault(ErrorCode.CANCEL, HeaderTooLarge(message, "size", max_size, self.interim_size))

    def expects(self, length: int) -> bool:
        """Return whether a DATA frame of this length without flags breaks no rule and needs no other check."""
        return SMALL <= length <= self.left and length <= self.window and self.spare == SPARE

    def receive_data_frame(self, length: int, size: int) -> None:
        """Process the header of a DATA frame: its length, and the size of its data without padding."""
        self.window -= length
        if self.window < 0:
            message = "The server sent more than the window of the stream allows"
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, message)
        if self.head is None:
            raise _malformed("has a body before its header")
        if size < _FRAME_HEADER or self.spare < SPARE:
            self._spend(size)
        if self.left >= 0:
            if size > self.left:
                raise _malformed("has a longer body than declared")
            self.left -= size

    def _spend(self, size: int) -> None:
        # RFC 9113 section 10.5: a flood of small frames costs more than its data. A stream of events has many small
        # frames, so the limit is high.
        self.spare = min(SPARE, self.spare + size // _FRAME_HEADER - 1)
        if self.spare < 0:
            message = "The response has too many frames with little data"
            raise StreamFault(ErrorCode.ENHANCE_YOUR_CALM, HeaderTooLarge(message))

    def add(self, data: memoryview) -> None:
        """Queue a copy of data of the body for the reader."""
        self.queued += len(data)
        chunks = self.chunks
        if len(data) >= SMALL:
            chunks.append(bytes(data))
        elif chunks and isinstance(chunks[-1], bytearray):
            chunks[-1] += data
        else:
            chunks.append(bytearray(data))

    def check_end(self) -> None:
        if self.head is None:
            raise _malformed("ends before its header")
        if self.left > 0:
            message = f"The server ended the response {self.left:,} bytes before its declared end"
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, TruncatedBody(message))


def _malformed(fault: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, ProtocolError(f"The response {fault}"))
