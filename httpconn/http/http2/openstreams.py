"""The open streams of an HTTP/2 connection, their progress and their end."""

from collections.abc import Sequence
from copy import copy

from ...errors import HTTPConnError, ReadFailed
from . import frames
from .faults import ConnectionFault, ErrorCode, StreamFault
from .streams import Stream

MAX_IDLE_FRAMES = 1000
"""Maximum number of consecutive frames without a part of a response, such as PING, SETTINGS, WINDOW_UPDATE and empty
DATA. Also the maximum number of queued replies to such frames."""


class OpenStreams:
    """The streams of a connection, and its queue of frames to send."""

    def __init__(self) -> None:
        self.by_id: dict[int, Stream] = {}
        self.blocked: set[Stream] = set()  # the streams with a request body that waits for a send window
        self.output: list[bytes | memoryview] = []
        self.progressed: list[Stream] = []  # the streams that progressed since ``take_progressed`` was called
        self.idle_frames: int = 0  # the number of consecutive frames without a part of a response
        self._late = 0  # bytes that the server may still send before it learns that streams are closed
        self.next_id: int = 1
        self._replies = 0

    # Streams open and progress.

    def require_used(self, stream_id: int) -> None:
        """Reject a frame on a stream in the idle state (section 5.1)."""
        if stream_id >= self.next_id or not stream_id & 1:
            message = "The server sent a frame on a stream that the client has not opened"
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, message)

    def note(self, stream: Stream) -> None:
        """Record that a stream progressed."""
        if not stream.is_noted:
            stream.is_noted = True
            self.progressed.append(stream)

    def unblock(self, streams: Sequence[Stream]) -> None:
        """Record that the request bodies of streams can continue."""
        for stream in streams:
            self.blocked.discard(stream)
            self.note(stream)

    def take_progressed(self) -> list[Stream]:
        progressed = self.progressed
        if progressed:
            self.progressed = []
            for stream in progressed:
                stream.is_noted = False
        return progressed

    # Streams end.

    def forget(self, stream: Stream) -> None:
        """Close a stream. The server may still send up to its window before it learns of this."""
        self.by_id.pop(stream.id, None)
        self.blocked.discard(stream)
        if not stream.complete:
            self._late += stream.window

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        if stream.id in self.by_id:
            self.forget(stream)
            self.output.append(frames.reset(stream.id, code))

    def end_with(self, stream: Stream, fault: StreamFault) -> None:
        self.reset(stream, fault.code)
        self.end_with_error(stream, fault.error)

    def end_unprocessed(self, stream: Stream, message: str) -> None:
        """Close a stream with a request that the server did not process (section 8.7)."""
        stream.unprocessed = True
        self.end_with_error(stream, ReadFailed(message))

    def end_with_error(self, stream: Stream, error: HTTPConnError) -> None:
        """Close a stream with an error instead of its remaining response."""
        if stream.id in self.by_id:
            self.forget(stream)
        stream.error = error
        self.note(stream)

    def end_all(self, error: HTTPConnError) -> None:
        """Close all streams. Each incomplete response gets a copy of the error, which its caller raises."""
        for stream in [*self.by_id.values()]:
            if stream.complete:
                self.forget(stream)
                self.note(stream)
            else:
                self.end_with_error(stream, copy(error))

    # Floods.

    def count_idle_frame(self) -> None:
        """Count a frame that carries no part of a response. Too many in a row end the connection."""
        self.idle_frames += 1
        if self.idle_frames > MAX_IDLE_FRAMES:
            raise _flooded(f"sent {MAX_IDLE_FRAMES:,} frames in a row that carry no response")

    def count_late(self, stream_id: int, length: int) -> None:
        """Count data on an ended stream. The server may not have received the reset yet (section 5.1)."""
        # Data beyond the windows of ended streams ends the connection.
        self.require_used(stream_id)
        self._late -= length
        if self._late < 0:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "The server sent data on a stream that has ended")

    def reply(self, frame: bytes) -> None:
        """Queue a reply to a frame of the server. Too many unread replies end the connection."""
        self._replies += 1
        if self._replies > MAX_IDLE_FRAMES:
            raise _flooded(f"does not read {MAX_IDLE_FRAMES:,} replies to its frames")
        self.output.append(frame)

    def take_output(self) -> bytes:
        output = self.output
        if not output:
            return b""
        data = b"".join(output)
        output.clear()
        self._replies = 0
        return data


def _flooded(fault: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"The server {fault}")
