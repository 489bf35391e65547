"""The bodies of responses: DATA frames and receive windows (RFC 9113 sections 5.2 and 6.1)."""

from __future__ import annotations

from . import frames
from .faults import ConnectionFault, ErrorCode, StreamFault
from .openstreams import OpenStreams
from .streams import Stream
from .windows import CONNECTION_REFILL, CONNECTION_WINDOW, GROWTH, STREAM_WINDOW, UPDATES, growth_of

__all__ = ["BodyReceiver"]

_LARGE = 8 * 1024
_MOST_KEPT = 4


class BodyReceiver:
    """Receives DATA frames. Their payload is passed on as it arrives."""

    __slots__ = ("_ends", "_growth", "_left", "_padding", "_stream", "_streams", "_window")

    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams
        self._stream: Stream | None = None  # of the frame that is arriving; None: drop the payload
        self._ends = False
        self._left = 0  # of the frame that is arriving
        self._padding = 0
        self._window = CONNECTION_WINDOW  # what the server may still send
        self._growth = GROWTH

    @property
    def is_within_frame(self) -> bool:
        """Whether a part of a frame's payload has yet to arrive."""
        return self._left > 0 or self._padding > 0

    def receive_frame(self, data: bytes, start: int, length: int, flags: int, stream_id: int) -> int:
        """Take the received part of a DATA frame; return where it ends.

        Args:
            data: the received bytes.
            start: where the payload begins. Of a padded frame, the length of the padding has arrived.
            length: the length of the payload.
            flags: the frame's flags.
            stream_id: the frame's stream.

        Raises:
            ConnectionFault: the frame breaks the protocol.
        """
        size, padding = length, 0
        if flags & frames.PADDED:
            padding = data[start] if length else 0
            start += 1
            size = length - 1 - padding
            if size < 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The padding of a DATA frame is longer than the frame")
        self._window -= length
        if self._window <= CONNECTION_WINDOW - CONNECTION_REFILL:
            self._refill()
        streams = self._streams
        stream = streams.by_id.get(stream_id)
        if stream is None or stream.complete:
            streams.count_late(stream_id, length)
            stream = None
        else:
            try:
                stream.receive_data_frame(length, size)
            except StreamFault as fault:
                streams.end_with(stream, fault)
                stream = None
        self._stream = stream
        self._left, self._padding, self._ends = size, padding, bool(flags & frames.END_STREAM)
        if not size and (stream is None or not self._ends):
            streams.count_idle_frame()
        elif stream is not None:
            streams.idle_frames = 0
        if size != length and stream is not None:  # padding needs no reader
            self._acknowledge(stream, length - size)
        return self.receive_payload(data, start)

    def receive_payload(self, data: bytes, start: int) -> int:
        """Take the received part of a frame's payload; return where it ends."""
        stream = self._stream
        left = self._left
        if left:
            size = min(left, len(data) - start)
            if stream is not None and size:
                # A view saves a copy. It keeps all of the received bytes in memory, so a small part is copied.
                is_large = size >= _LARGE and size * _MOST_KEPT >= len(data)
                stream.add((memoryview(data) if is_large else data)[start : start + size])
                if not stream.is_noted:
                    self._streams.note(stream)
            start += size
            self._left = left - size
            if self._left:
                return start
        if self._padding:
            skipped = min(self._padding, len(data) - start)
            self._padding -= skipped
            start += skipped
            if self._padding:
                return start
        self._stream = None
        if stream is not None and self._ends:
            self.end_response(stream)
        return start

    def end_response(self, stream: Stream) -> None:
        """Take the end of a response."""
        try:
            stream.check_end()
        except StreamFault as fault:
            self._streams.end_with(stream, fault)
            return
        stream.complete = True
        if stream.request_ended:
            self._streams.forget(stream)
        if not stream.chunks:
            self._return_growth(stream)
        self._streams.note(stream)

    def begin(self, stream: Stream) -> None:
        """Open the window of a large body when its head arrives: a small window would cost it round trips."""
        if stream.left > stream.window:
            growth = growth_of(stream.window_size, 0, self._growth, stream.left)
            if growth:
                self._update_window(stream, growth)

    def take(self, stream: Stream) -> bytes:
        """Return the queued data, and open the window by as much."""
        chunks = stream.chunks
        if not chunks:
            return b""
        first = chunks[0]
        data = first if len(chunks) == 1 and isinstance(first, bytes) else b"".join(chunks)
        chunks.clear()
        if stream.complete or stream.error is not None:
            self._return_growth(stream)
        else:
            size = len(data)
            stream.largest_read = max(stream.largest_read, size)
            self._acknowledge(stream, size)
        return data

    def drop(self, stream: Stream) -> None:
        """Drop the queued data of a closed stream, and the rest of its frame."""
        stream.chunks.clear()
        self._return_growth(stream)
        if self._stream is stream:
            self._stream = None

    def _acknowledge(self, stream: Stream, size: int) -> None:
        stream.unacknowledged += size
        if 0 <= stream.left <= stream.window:
            return
        if UPDATES * stream.unacknowledged >= stream.window_size:
            growth = growth_of(stream.window_size, stream.largest_read, self._growth, stream.left)
            self._update_window(stream, growth)

    def _update_window(self, stream: Stream, growth: int) -> None:
        """Open the window by the data that was read and by its growth."""
        self._growth -= growth
        stream.window_size += growth
        increment = stream.unacknowledged + growth
        stream.window += increment
        stream.unacknowledged = stream.largest_read = 0
        self._streams.output.append(frames.window_update(stream.id, increment))

    def _return_growth(self, stream: Stream) -> None:
        if stream.window_size != STREAM_WINDOW:
            self._growth += stream.window_size - STREAM_WINDOW
            stream.window_size = STREAM_WINDOW

    def _refill(self) -> None:
        self._streams.output.append(frames.window_update(0, CONNECTION_WINDOW - self._window))
        self._window = CONNECTION_WINDOW
