"""Response bodies: DATA frames and receive windows (RFC 9113 sections 5.2 and 6.1)."""

from . import frames
from .faults import ConnectionFault, ErrorCode, StreamFault
from .openstreams import OpenStreams
from .streams import Stream
from .windows import CONNECTION_REFILL, CONNECTION_WINDOW, GROWTH, STREAM_WINDOW, UPDATES, growth_of


class BodyReceiver:
    """The receiver of DATA frames. It delivers payloads as they arrive."""

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
        return self._left > 0 or self._padding > 0

    def receive_frame(self, data: memoryview, start: int, length: int, flags: int, stream_id: int) -> int:
        """Process the received part of a DATA frame, and return the position of its end.

        The payload begins at ``start``. The padding length of a padded frame must have arrived.
        """
        streams = self._streams
        stream = streams.by_id.get(stream_id)
        self._window -= length
        if self._window <= CONNECTION_WINDOW - CONNECTION_REFILL:
            streams.output.append(frames.window_update(0, CONNECTION_WINDOW - self._window))
            self._window = CONNECTION_WINDOW
        end = start + length
        if not flags and stream is not None and end <= len(data) and stream.expects(length):
            # Most frames are whole, and need no other check.
            stream.window -= length
            stream.left -= length
            streams.idle_frames = 0
            if stream.sink is not None and stream.filled + length < stream.wanted:
                self._fill(stream, stream.sink, data[start:end])
            else:
                self._deliver(stream, data[start:end])
            return end
        return self._receive_other(stream, data, start, length, flags, stream_id)

    def _receive_other(
        self, stream: Stream | None, data: memoryview, start: int, length: int, flags: int, stream_id: int
    ) -> int:
        """Process a frame that has flags or padding, is not whole, or belongs to no stream that expects it."""
        streams = self._streams
        size, padding = length, 0
        if flags & frames.PADDED:
            padding = data[start] if length else 0
            start += 1
            size = length - 1 - padding
            if size < 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The padding of a DATA frame is longer than the frame")
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
            stream.unacknowledged += length - size
            self._acknowledge(stream)
        return self.receive_payload(data, start)

    def _deliver(self, stream: Stream, data: memoryview) -> None:
        """Pass data to the reader: into its buffer if the reader waits with a buffer, otherwise into the queue."""
        if stream.sink is not None:
            room = len(stream.sink) - stream.filled
            self._fill(stream, stream.sink, data[:room])
            data = data[room:]
        if data:
            stream.add(data)
        if not stream.is_noted and stream.queued + stream.filled >= stream.wanted:
            self._streams.note(stream)

    def _fill(self, stream: Stream, sink: memoryview, data: memoryview) -> None:
        size = len(data)
        end = stream.filled + size
        sink[stream.filled : end] = data
        stream.filled = end
        stream.unread -= size
        stream.unacknowledged += size
        if stream.left > stream.window or stream.left < 0:
            self._acknowledge(stream)

    def receive_payload(self, data: memoryview, start: int) -> int:
        """Process the received part of a payload, and return the position of its end."""
        stream = self._stream
        size = min(self._left, len(data) - start)
        if size:
            self._left -= size
            if stream is not None:
                self._deliver(stream, data[start : start + size])
            start += size
        skipped = min(self._padding, len(data) - start)
        self._padding -= skipped
        if not self.is_within_frame:
            self._stream = None
            if stream is not None and self._ends:
                self.end_response(stream)
        return start + skipped

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
        """Move data into a buffer, open the window by its size, and return the number of bytes.

        The method returns 0 if fewer bytes than ``wanted`` have arrived and the body has not ended. Data that arrives
        later then goes into the buffer, the stream progresses when enough has arrived, and the next call must pass the
        same buffer.
        """
        stream.wanted = wanted
        if stream.sink is None:
            stream.sink, stream.filled = buffer, 0
            if stream.queued:
                self._move(stream, buffer)
        if stream.filled < wanted and not stream.complete and stream.error is None:
            return 0
        count, stream.sink, stream.filled = stream.filled, None, 0
        return count

    def _move(self, stream: Stream, buffer: memoryview) -> None:
        chunks, size = stream.chunks, 0
        while chunks and size < len(buffer):
            chunk = memoryview(chunks.popleft())
            end = min(size + len(chunk), len(buffer))
            buffer[size:end] = chunk[: end - size]
            if end - size < len(chunk):
                chunks.appendleft(chunk[end - size :])
            size = end
        stream.filled = size
        self._consume(stream, size)

    def _consume(self, stream: Stream, size: int) -> None:
        stream.unread -= size
        stream.largest_read = max(stream.largest_read, stream.queued)
        stream.queued -= size
        if not (stream.complete or stream.error is not None):
            stream.unacknowledged += size
            self._acknowledge(stream)
        elif not stream.queued:
            self._return_growth(stream)

    def drop(self, stream: Stream) -> None:
        """Drop the queued data of a closed stream and the remaining payload of its current frame."""
        stream.chunks.clear()
        stream.queued = stream.filled = 0
        stream.sink = None
        self._return_growth(stream)
        if self._stream is stream:
            self._stream = None

    def _acknowledge(self, stream: Stream) -> None:
        """Open the window if enough bytes were read and the server needs it."""
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
