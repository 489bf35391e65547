"""Protocol violations of HTTP/2. A violation ends a stream or the connection, and has an error for the caller."""

from enum import IntEnum

from ...errors import HTTPConnError, ProtocolError


class ErrorCode(IntEnum):
    """The error codes of RFC 9113 section 7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


_NAMES = {code.value: code.name for code in ErrorCode}


def name_of(code: int) -> str:
    """Return the name of an error code, or its number in hexadecimal if RFC 9113 has no name for it."""
    return _NAMES.get(code, f"0x{code:x}")


class _Fault(Exception):
    def __init__(self, code: ErrorCode, error: HTTPConnError | str) -> None:
        super().__init__(code, error)
        self.code: ErrorCode = code
        self.error: HTTPConnError = ProtocolError(error) if isinstance(error, str) else error


class ConnectionFault(_Fault):
    """A violation that ends the connection with a GOAWAY frame (RFC 9113 section 5.4.1)."""


class StreamFault(_Fault):
    """A violation that ends one stream with a RST_STREAM frame (RFC 9113 section 5.4.2)."""


def require_size(payload: bytes, size: int) -> None:
    if len(payload) != size:
        message = f"The server sent a frame of {len(payload)} bytes, not {size}"
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, message)


def require_connection(stream_id: int) -> None:
    if stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "The server sent a connection-level frame on a stream")
