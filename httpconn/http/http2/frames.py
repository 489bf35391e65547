"""Encoding and decoding of HTTP/2 frames (RFC 9113 sections 4 and 6)."""

from collections.abc import Callable, Iterator
from struct import Struct

from .faults import ConnectionFault, ErrorCode

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE = 9
MAX_31_BITS = 2**31 - 1
MIN_FRAME_SIZE = 2**14
MAX_FRAME_SIZE = 2**24 - 1

# The 24-bit length of a frame is read and written as its upper 16 bits and its lower 8.
_header = Struct(">HBBBL")
unpack_header: Callable[[bytes | memoryview, int], tuple[int, int, int, int, int]] = _header.unpack_from
_setting = Struct(">HL")
read_settings: Callable[[bytes], Iterator[tuple[int, int]]] = _setting.iter_unpack  # identifiers and values
_number = Struct(">L")
_two_numbers = Struct(">LL")


def pack_header(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    return _header.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return pack_header(len(payload), kind, flags, stream_id) + payload


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_setting.pack(*item) for item in values.items()))


def window_update(stream_id: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, _number.pack(increment))


def reset(stream_id: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream_id, _number.pack(code))


def goaway(code: int) -> bytes:
    """Return a GOAWAY frame. Its last stream is 0, since a client accepts no streams from the server."""
    return frame(GOAWAY, 0, 0, _two_numbers.pack(0, code))


def field_block(stream_id: int, block: bytes, max_frame: int, *, end_stream: bool) -> bytes:
    """Return the HEADERS frame of a field block, and the CONTINUATION frames that it needs (section 4.3)."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame:
        return pack_header(len(block), HEADERS, flags | END_HEADERS, stream_id) + block
    parts = [frame(HEADERS, flags, stream_id, block[:max_frame])]
    for start in range(max_frame, len(block), max_frame):
        last = END_HEADERS if start + max_frame >= len(block) else 0
        parts.append(frame(CONTINUATION, last, stream_id, block[start : start + max_frame]))
    return b"".join(parts)


def body_frames(stream_id: int, data: memoryview, max_frame: int, *, end_stream: bool) -> Iterator[bytes | memoryview]:
    """Yield the headers and payloads of the DATA frames of a body. Empty data gives one empty frame."""
    starts = range(0, len(data) or 1, max_frame)
    for start in starts:
        part = data[start : start + max_frame]
        flags = END_STREAM if end_stream and start == starts[-1] else 0
        yield pack_header(len(part), DATA, flags, stream_id)
        yield part


def without_padding(flags: int, payload: bytes) -> bytes:
    """Return the field block in the payload of a HEADERS frame (section 6.2)."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "A padded HEADERS frame of the server is empty")
        start, end = 1, end - payload[0]
    if flags & WITH_PRIORITY:
        start += 5
    if start > end:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The padding of a HEADERS frame is longer than the frame")
    return payload[start:end] if flags & (PADDED | WITH_PRIORITY) else payload


def read_goaway(payload: bytes) -> tuple[int, int]:
    """Return the last stream and the error code of a GOAWAY frame (section 6.8)."""
    last, code = _two_numbers.unpack_from(payload)
    return last & MAX_31_BITS, code
