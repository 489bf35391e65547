"""The settings of both sides (RFC 9113 section 6.5)."""

from collections.abc import Iterable
from dataclasses import dataclass

from . import frames
from .faults import ConnectionFault, ErrorCode
from .windows import INITIAL_WINDOW, STREAM_WINDOW

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
