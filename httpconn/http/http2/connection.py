"""The client side of an HTTP/2 connection, without I/O (RFC 9113)."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from ...errors import (
    HeaderTooLarge,
    HTTPConnError,
    MalformedRequest,
    ProtocolError,
    ReadFailed,
    StreamReset,
    TruncatedBody,
)
from . import frames
from .bodies import BodyReceiver
from .compression import Field
from .faults import ConnectionFault, ErrorCode, StreamFault, name_of, require_connection, require_size
from .messages import RequestWriter, ResponseReader
from .openstreams import OpenStreams
from .sending import MAX_RECEIVED_FRAME, MAX_SETTINGS, BodySender, PeerSettings, own_settings
from .streams import Stream
from .windows import CONNECTION_WINDOW, INITIAL_WINDOW

RESENT = frozenset({ErrorCode.REFUSED_STREAM, ErrorCode.HTTP_1_1_REQUIRED})
"""The codes of resets that mean that the request was not processed (sections 7 and 8.7)."""


class HTTP2Connection:
    """The state of one HTTP/2 connection and its streams.

    Pass received bytes to ``receive``. After each call of a method, send the bytes that ``take_output`` returns. No
    method blocks. The caller ensures that only one thread calls at a time. ``max_header_bytes`` limits the names and
    values of a header, and those of the interim responses to one request.
    """

    def __init__(self, *, max_headers: int = 100, max_header_bytes: int = 64 * 1024) -> None:
        self._max_header_bytes = max_header_bytes
        self._reader = ResponseReader(max_headers, max_header_bytes)
        self._writer = RequestWriter()
        self._peer = PeerSettings()
        self._streams = OpenStreams()
        self._bodies = BodyReceiver(self._streams)
        self._sender = BodySender(self._streams, self._peer)
        self.send_data: Callable[..., int] = self._sender.send
        self.take_data: Callable[[Stream], bytes] = self._bodies.take
        self.take_into: Callable[[Stream, memoryview, int], int] = self._bodies.take_into
        self.take_output: Callable[[], bytes] = self._streams.take_output
        self._held = b""  # the received part of an incomplete frame
        self._only: int | None = frames.SETTINGS  # the only frame type allowed next (sections 3.4 and 4.3)
        self._block = b""  # the received part of a header block
        self._block_ends = False
        self._block_stream = 0
        self._reason = ErrorCode.NO_ERROR.value  # the error code of the server's GOAWAY
        self._streams.output += (
            frames.PREFACE,
            own_settings(self._reader.max_list),
            frames.window_update(0, CONNECTION_WINDOW - INITIAL_WINDOW),
        )
        self.error: HTTPConnError | None = None  # the error that broke the connection, or None
        # Whether the connection takes no more requests, because it broke or ended, or because the server sent GOAWAY.
        self.is_closing: bool = False

    @property
    def max_streams(self) -> int:
        return self._peer.max_streams

    @property
    def has_output(self) -> bool:
        return bool(self._streams.output)

    @property
    def available(self) -> int:
        """The number of streams that can be opened now; 0 if the server lowered its limit below the open streams."""
        return 0 if self.is_closing else max(0, self._peer.max_streams - len(self._streams.by_id))

    # Requests.

    def request(
        self,
        method: bytes,
        scheme: bytes,
        authority: bytes,
        target: bytes,
        headers: Sequence[Field],
        *,
        end_stream: bool = True,
    ) -> Stream:
        """Open a stream with the header section of a request. Host and connection-specific fields are not sent."""
        if not self.available:
            raise MalformedRequest("The HTTP/2 connection cannot take another request")
        block, length = self._writer.write(method, scheme, authority, target, headers)
        streams, peer = self._streams, self._peer
        stream_id, streams.next_id = streams.next_id, streams.next_id + 2
        stream = Stream(stream_id, peer.initial_window, length, method == b"HEAD", end_stream)
        streams.by_id[stream_id] = stream
        streams.output.append(frames.field_block(stream_id, block, peer.max_frame, end_stream=end_stream))
        self.is_closing = streams.next_id > frames.MAX_31_BITS  # no number is left (section 5.1.1)
        return stream

    def cancel(self, stream: Stream) -> None:
        """Reset a stream if it is open, and drop its queued data. Later calls have no effect."""
        self._streams.reset(stream, ErrorCode.CANCEL)
        self._bodies.drop(stream)

    # Responses.

    def receive(self, data: bytes | memoryview) -> Sequence[Stream]:
        """Process received bytes, and return the streams that progressed; ``b""`` means the end of the connection.

        A stream progresses when its head, data, end or error arrives, or when more of its request body can be sent.
        Protocol violations raise no exception here. Each stream that they end has an ``error``.
        """
        if self.error is None:
            try:
                if data:
                    self._receive(memoryview(data))
                else:
                    self._receive_end()
            except ConnectionFault as fault:
                self._streams.output.append(frames.goaway(fault.code))
                self._break(fault.error)
        return self._streams.take_progressed()

    def fail(self, error: HTTPConnError) -> Sequence[Stream]:
        """End all streams with copies of an error, such as a socket error, and return the streams."""
        self._break(error)
        return self._streams.take_progressed()

    def _receive(self, data: memoryview) -> None:
        bodies = self._bodies
        position = bodies.receive_payload(data, 0) if bodies.is_within_frame else 0
        if self._held:
            data, self._held = memoryview(self._held + data), b""
        end = len(data)
        while end - position >= frames.HEADER_SIZE:
            high, low, kind, flags, stream_id = frames.unpack_header(data, position)
            length = high << 8 | low
            stream_id &= frames.MAX_31_BITS
            if length > MAX_RECEIVED_FRAME or (self._only is not None and kind != self._only):
                raise self._out_of_order(length)
            start = position + frames.HEADER_SIZE
            if kind == frames.DATA:
                if flags & frames.PADDED and length and start == end:
                    break
                position = bodies.receive_frame(data, start, length, flags, stream_id)
            elif start + length > end:
                break
            else:
                position = start + length
                self._receive_frame(kind, flags, stream_id, bytes(data[start:position]))
        self._held = bytes(data[position:])

    def _out_of_order(self, length: int) -> ConnectionFault:
        if not self._peer.received:  # section 3.4
            return ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server does not speak HTTP/2")
        if length > MAX_RECEIVED_FRAME:  # section 4.2
            return ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "The server sent a frame of more than 64 KiB")
        return ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server sent another frame within a header")

    def _receive_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, flags, stream_id, payload)
        else:  # sections 4.1 and 5.5: unknown frames and PRIORITY are ignored
            self._streams.count_idle_frame()

    # Header blocks.

    def _receive_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._streams.require_used(stream_id)
        self._block = frames.without_padding(flags, payload)
        self._block_stream, self._block_ends = stream_id, bool(flags & frames.END_STREAM)
        self._continue_block(flags)

    def _receive_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._only is None or stream_id != self._block_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server sent a CONTINUATION frame out of order")
        self._streams.count_idle_frame()
        self._block += payload
        limit = self._reader.max_block
        if len(self._block) > limit:
            error = HeaderTooLarge(f"The server sent a header of more than {limit:,} bytes")
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, error)
        self._continue_block(flags)

    def _continue_block(self, flags: int) -> None:
        if not flags & frames.END_HEADERS:
            self._only = frames.CONTINUATION
            return
        self._only = None
        streams, ends = self._streams, self._block_ends
        stream = streams.by_id.get(self._block_stream)
        if stream is None or stream.complete:
            streams.count_idle_frame()
            with suppress(StreamFault):
                self._reader.read(self._block)  # keeps the dynamic table in sync with the server (section 4.3)
            return
        try:
            stream.receive_section(self._reader.read(self._block), self._max_header_bytes, ends=ends)
        except StreamFault as fault:
            streams.end_with(stream, fault)
            return
        if stream.head is None:  # an interim response
            return
        streams.idle_frames = 0
        if ends:
            self._bodies.end_response(stream)
        else:
            self._bodies.begin(stream)
            streams.note(stream)

    # Other frames.

    def _receive_reset(self, _: int, stream_id: int, payload: bytes) -> None:
        require_size(payload, 4)
        streams = self._streams
        streams.require_used(stream_id)
        code = int.from_bytes(payload)
        stream = streams.by_id.get(stream_id)
        if stream is None:
            streams.count_idle_frame()
        elif stream.complete:  # section 8.1: the server does not need the remaining request body
            streams.forget(stream)
            streams.note(stream)
        elif code in RESENT and not stream.responded:
            stream.requires_http1 = code == ErrorCode.HTTP_1_1_REQUIRED
            streams.end_unprocessed(stream, f"The server did not process the request: {name_of(code)}")
        else:
            streams.end_with_error(stream, StreamReset(f"The server reset the stream: {name_of(code)}"))

    def _receive_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        is_ack = flags & frames.ACK
        if stream_id or (is_ack and not self._peer.received):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server sent SETTINGS on a stream or out of order")
        if len(payload) % 6 or (is_ack and payload):
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "The server sent SETTINGS of a wrong size")
        if len(payload) > 6 * MAX_SETTINGS:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"The server sent more than {MAX_SETTINGS} settings")
        self._streams.count_idle_frame()
        if not is_ack:
            self._sender.receive_settings(payload)
            self._streams.reply(frames.frame(frames.SETTINGS, frames.ACK, 0, b""))
            self._only = None

    def _receive_push(self, *_: object) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server pushed a response, which the client has disabled")

    def _receive_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        require_size(payload, 8)
        require_connection(stream_id)
        self._streams.count_idle_frame()
        if not flags & frames.ACK:
            self._streams.reply(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _receive_goaway(self, _: int, stream_id: int, payload: bytes) -> None:
        """Process GOAWAY. Streams up to the last one continue. The server did not process later ones."""
        require_connection(stream_id)
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "The server sent a GOAWAY frame of a wrong size")
        streams = self._streams
        streams.count_idle_frame()
        last, self._reason = frames.read_goaway(payload)
        self.is_closing = True
        for stream in [*streams.by_id.values()]:
            stream.requires_http1 = self._reason == ErrorCode.HTTP_1_1_REQUIRED and not stream.responded
            if stream.id > last and not stream.responded:
                streams.end_unprocessed(stream, "The server closed the connection and did not process the request")
            elif stream.id > last and self._reason and not stream.complete:
                streams.end_with_error(stream, self._closed_with_reason())

    def _receive_window_update(self, _: int, stream_id: int, payload: bytes) -> None:
        require_size(payload, 4)
        self._streams.count_idle_frame()
        self._sender.receive_window_update(stream_id, int.from_bytes(payload) & frames.MAX_31_BITS)

    # The end of the connection.

    def _receive_end(self) -> None:
        if self._reason:
            self._break(self._closed_with_reason())
            return
        for stream in [*self._streams.by_id.values()]:
            if stream.responded and not stream.complete:
                self._streams.end_with_error(stream, TruncatedBody("The connection ended within the response"))
        self._break(ReadFailed("The connection ended without a response"))

    def _closed_with_reason(self) -> ProtocolError:
        return ProtocolError(f"The server closed the connection: {name_of(self._reason)}", retryable=True)

    def _break(self, error: HTTPConnError) -> None:
        self.error = error
        self.is_closing = True
        self._streams.end_all(error)


# Plain functions instead of bound methods avoid a reference cycle, so a dropped connection is freed at once.
_HANDLERS: dict[int, Callable[[HTTP2Connection, int, int, bytes], None]] = {
    frames.HEADERS: HTTP2Connection._receive_headers,  # section 6.2
    frames.RST_STREAM: HTTP2Connection._receive_reset,  # section 6.4
    frames.SETTINGS: HTTP2Connection._receive_settings,  # section 6.5
    frames.PUSH_PROMISE: HTTP2Connection._receive_push,  # section 6.6
    frames.PING: HTTP2Connection._receive_ping,  # section 6.7
    frames.GOAWAY: HTTP2Connection._receive_goaway,  # section 6.8
    frames.WINDOW_UPDATE: HTTP2Connection._receive_window_update,  # section 6.9
    frames.CONTINUATION: HTTP2Connection._receive_continuation,  # section 6.10
}
