"""Response bodies: DATA frames and receive windows (RFC 9113 sections 5.2 and 6.1)."""

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
    """The receiver of DATA frames. It passes on payloads as they arrive."""

    __slots__ = ("_ends", "_growth", "_left", "_padding", "_stream", "_streams", "_window")

    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams
        self._stream: Stream | None = None  # the stream of the current frame; None drops the payload
        self._ends = False
        self._left = 0  # missing bytes of the current frame
        self._padding = 0
        self._window = CONNECTION_WINDOW  # bytes that the server may still send
        self._growth = GROWTH

    @property
    def is_within_frame(self) -> bool:
        """Whether a part of the current frame is missing."""
        return self._left > 0 or self._padding > 0

    def receive_frame(self, data: bytes, start: int, length: int, flags: int, stream_id: int) -> int:
        """Process the received part of a DATA frame, and return the position of its end.

        Args:
            data: the received bytes.
            start: the position of the payload. The padding length of a padded frame must have arrived.
            length: the length of the payload in bytes.
            flags: the flags of the frame.
            stream_id: the stream of the frame.

        Raises:
            ConnectionFault: the frame violates the protocol.
        """
        end = start + length
        stream = self._streams.by_id.get(stream_id)
        if not flags and stream is not None and end <= len(data) and stream.expects(length):
            self._queue_frame(stream, data, start, end)
            return end
        size, padding = length, 0
        if flags & frames.PADDED:
            padding = data[start] if length else 0
            start += 1
            size = length - 1 - padding
            if size < 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The padding of a DATA frame is longer than the frame")
        self._count(length)
        streams = self._streams
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
        if size != length and stream is not None:  # padding does not wait for a reader
            self._acknowledge(stream, length - size)
        return self.receive_payload(data, start)

    def _queue_frame(self, stream: Stream, data: bytes, start: int, end: int) -> None:
        """Process a complete frame without flags or padding. This path costs half as much as the general one."""
        length = end - start
        self._count(length)
        stream.window -= length
        stream.left -= length
        self._streams.idle_frames = 0
        self._queue(stream, data, start, end)

    def _count(self, length: int) -> None:
        self._window -= length
        if self._window <= CONNECTION_WINDOW - CONNECTION_REFILL:
            self._streams.output.append(frames.window_update(0, CONNECTION_WINDOW - self._window))
            self._window = CONNECTION_WINDOW

    def _queue(self, stream: Stream, data: bytes, start: int, end: int) -> None:
        # A view avoids a copy, but keeps all received bytes in memory. So a small part is copied.
        is_large = end - start >= _LARGE and (end - start) * _MOST_KEPT >= len(data)
        stream.add((memoryview(data) if is_large else data)[start:end])
        if not stream.is_noted and stream.queued >= stream.wanted:
            self._streams.note(stream)

    def receive_payload(self, data: bytes, start: int) -> int:
        """Process the received part of a payload, and return the position of its end."""
        stream = self._stream
        left = self._left
        if left:
            size = min(left, len(data) - start)
            if stream is not None and size:
                self._queue(stream, data, start, start + size)
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
        """Complete a response, or end its stream with an error."""
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
        """Open the window of a large body when its head arrives. A small window would cost round trips."""
        if stream.left > stream.window:
            growth = growth_of(stream.window_size, 0, self._growth, stream.left)
            if growth:
                self._update_window(stream, growth)

    def take(self, stream: Stream) -> bytes:
        """Return the queued data, and open the window by its size."""
        stream.wanted = 1
        chunks = stream.chunks
        if not chunks:
            return b""
        first = chunks[0]
        data = first if len(chunks) == 1 and isinstance(first, bytes) else b"".join(chunks)
        chunks.clear()
        self._consume(stream, len(data))
        return data

    def take_into(self, stream: Stream, buffer: memoryview, wanted: int) -> int:
        """Move queued data into a buffer, open the window by its size, and return the number of bytes.

        Args:
            stream: the stream.
            buffer: a buffer of at least ``wanted`` bytes.
            wanted: the minimum number of bytes, unless the body ends before. If fewer are queued, the method returns 0,
                and the stream progresses when enough have arrived.
        """
        stream.wanted = wanted
        if stream.queued < wanted and not stream.complete and stream.error is None:
            return 0
        chunks, count, position = stream.chunks, 0, 0
        for chunk in chunks:
            end = position + len(chunk)
            if end > len(buffer):
                break
            buffer[position:end] = chunk
            position, count = end, count + 1
        room = len(buffer) - position
        if room and count < len(chunks):
            view = memoryview(chunks[count])
            buffer[position:] = view[:room]
            chunks[count] = view[room:]
            position += room
        del chunks[:count]
        self._consume(stream, position)
        return position

    def _consume(self, stream: Stream, size: int) -> None:
        stream.unread -= size
        if stream.complete or stream.error is not None:
            stream.queued -= size
            if not stream.queued:
                self._return_growth(stream)
        else:
            stream.largest_read = max(stream.largest_read, stream.queued)
            stream.queued -= size
            self._acknowledge(stream, size)

    def drop(self, stream: Stream) -> None:
        """Drop the queued data of a closed stream and the remaining payload of its current frame."""
        stream.chunks.clear()
        stream.queued = 0
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
        """Open the window by the bytes read since the last update and by its growth."""
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
