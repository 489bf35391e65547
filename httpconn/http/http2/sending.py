"""The bodies of requests and the settings of both sides (RFC 9113 sections 5.2, 6.5 and 6.9)."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import MalformedRequest
from . import frames
from .faults import ConnectionFault, ErrorCode, StreamFault
from .openstreams import OpenStreams
from .streams import Stream
from .windows import INITIAL_WINDOW, STREAM_WINDOW

MAX_ACCEPTED = 256 * 1024  # maximum bytes of a request body that one call queues

ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 2, 3, 4, 5, 6

MAX_STREAMS = 256  # maximum number of open streams, even if the server allows more

STREAMS_BEFORE_SETTINGS = 100
"""Maximum number of open streams until the server sends its limit, which should be at least 100 (section 6.5.2)."""

MAX_RECEIVED_FRAME = 2**16
"""Maximum payload in bytes of a frame from the server. Payloads of DATA frames are passed on as they arrive."""

MAX_SETTINGS = 64  # Maximum number of settings in a frame. RFC 9113 defines six. A changed window updates every stream.


def own_settings(max_list_size: int) -> bytes:
    """Return the SETTINGS frame that begins a connection. The server must not push (section 8.4)."""
    return frames.settings(
        {
            ENABLE_PUSH: 0,
            INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            MAX_FRAME_SIZE: MAX_RECEIVED_FRAME,
            MAX_HEADER_LIST_SIZE: max_list_size,
        }
    )


@dataclass(slots=True, eq=False, repr=False)
class PeerSettings:
    """The settings of the server."""

    max_streams: int = STREAMS_BEFORE_SETTINGS  # the maximum number of open streams
    initial_window: int = INITIAL_WINDOW  # the send window of a new stream, in bytes
    max_frame: int = frames.MIN_FRAME_SIZE  # the maximum payload of a frame to the server, in bytes
    received: bool = False  # whether the server has sent its settings

    def update(self, values: Iterable[tuple[int, int]]) -> None:
        """Apply a SETTINGS frame. Unknown settings are ignored."""
        if not self.received:
            self.received = True
            self.max_streams = MAX_STREAMS  # the default, if the frame sets no limit
        for name, value in values:
            if name == MAX_CONCURRENT_STREAMS:
                self.max_streams = min(value, MAX_STREAMS)
            elif name == INITIAL_WINDOW_SIZE:
                if value > frames.MAX_31_BITS:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "The server set a window beyond 2 GiB")
                self.initial_window = value
            elif name == MAX_FRAME_SIZE:
                if not frames.MIN_FRAME_SIZE <= value <= frames.MAX_FRAME_SIZE:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server set an invalid frame size")
                self.max_frame = value
            elif name == ENABLE_PUSH and value:
                fault = "The server set ENABLE_PUSH, which only clients may set"
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, fault)


class BodySender:
    """The sender of request bodies, within the send windows that the server opens."""

    def __init__(self, streams: OpenStreams, peer: PeerSettings) -> None:
        self._streams = streams
        self._peer = peer
        self._window = INITIAL_WINDOW

    def send(self, stream: Stream, data: bytes, *, end: bool = False) -> int:
        """Queue a part of a body, and return the number of accepted bytes.

        If the windows are full, fewer bytes are accepted: send the remaining bytes when the stream has progressed. A
        closed stream accepts no bytes. ``end`` takes effect only when the whole part is accepted.
        """
        if stream.request_ended:
            raise MalformedRequest("The body of the request has ended")
        if stream.id not in self._streams.by_id:
            return 0
        size = max(0, min(len(data), stream.send_window, self._window, MAX_ACCEPTED))
        ends = end and size == len(data)
        _count_sent(stream, size, ends=ends)
        if size or ends:
            self._streams.idle_frames = 0
            stream.send_window -= size
            self._window -= size
            part = memoryview(data)[:size]
            self._streams.output += frames.body_frames(stream.id, part, self._peer.max_frame, end_stream=ends)
        if ends:
            stream.request_ended = True
            if stream.complete:
                self._streams.forget(stream)
        elif size < len(data):
            self._streams.blocked.add(stream)
        return size

    def receive_settings(self, payload: bytes) -> None:
        """Apply a SETTINGS frame. A new initial window changes those of open streams (section 6.9.2)."""
        before = self._peer.initial_window
        self._peer.update(frames.read_settings(payload))
        change = self._peer.initial_window - before
        if not change:
            return
        for stream in self._streams.by_id.values():
            stream.send_window += change  # may become negative
            if stream.send_window > frames.MAX_31_BITS:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "The server opened a window beyond 2 GiB")
        self._streams.unblock([*self._streams.blocked])

    def receive_window_update(self, stream_id: int, increment: int) -> None:
        """Open a window (section 6.9). It must not grow by zero or beyond 2 GiB."""
        streams = self._streams
        code = ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
        if not stream_id:
            self._window += increment
            if not increment or self._window > frames.MAX_31_BITS:
                raise ConnectionFault(code, "The server sent a WINDOW_UPDATE of 0, or one beyond a window of 2 GiB")
            streams.unblock([*streams.blocked])
            return
        streams.require_used(stream_id)
        stream = streams.by_id.get(stream_id)
        if stream is not None:
            stream.send_window += increment
            if not increment or stream.send_window > frames.MAX_31_BITS:
                fault = "The server sent a WINDOW_UPDATE of 0 for a stream, or one beyond a window of 2 GiB"
                streams.end_with(stream, StreamFault(code, fault))
            elif stream in streams.blocked:
                streams.unblock([stream])


def _count_sent(stream: Stream, size: int, *, ends: bool) -> None:
    if stream.unsent < 0:
        return
    if size > stream.unsent:
        raise MalformedRequest("The body of the request is longer than declared")
    if ends and size < stream.unsent:
        raise MalformedRequest("The body of the request is shorter than declared")
    stream.unsent -= size
