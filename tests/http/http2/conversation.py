"""A client that receives given frames, and the results of its streams."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from httpconn.http.http2 import HTTP2Connection, Stream
from httpconn.http.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    WINDOW_UPDATE,
    frame,
    settings,
    unpack_header,
)

FIELDS = [(b"Host", b"example.com"), (b"Accept", b"*/*"), (b"User-Agent", b"test")]
SETTINGS = settings({})


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is not put into the table (RFC 7541 section 6.2.2); both parts under 127 bytes."""
    return b"\x00%c%b%c%b" % (len(name), name, len(value), value)


OK = b"\x88"  # :status 200, from the static table


def head(block: bytes = OK, *fields: tuple[bytes, bytes], stream: int = 1, end: bool = False) -> bytes:
    block += b"".join(literal(*field) for field in fields)
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def status(code: bytes, *fields: tuple[bytes, bytes], stream: int = 1, end: bool = False) -> bytes:
    return head(literal(b":status", code), *fields, stream=stream, end=end)


def body(data: bytes, *, stream: int = 1, end: bool = False, flags: int = 0) -> bytes:
    return frame(DATA, flags | (END_STREAM if end else 0), stream, data)


def reset(code: int, stream: int = 1) -> bytes:
    return frame(RST_STREAM, 0, stream, code.to_bytes(4))


def goaway(last: int, code: int = 0) -> bytes:
    return frame(GOAWAY, 0, 0, last.to_bytes(4) + code.to_bytes(4))


def window_update(increment: int, stream: int = 0) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4))


PING_FRAME = frame(PING, 0, 0, b"12345678")


def continuation(block: bytes, *, last: bool = False, stream: int = 1) -> bytes:
    return frame(CONTINUATION, END_HEADERS if last else 0, stream, block)


class Outcome(NamedTuple):
    """What a client makes of a response, and of its connection."""

    status: int | None
    fields: list[tuple[bytes, bytes]] | None
    body: bytes
    complete: bool
    unprocessed: bool
    error: tuple[type[Exception], str] | None
    broken: tuple[type[Exception], str] | None
    output: bytes


def opened(**limits: int) -> HTTP2Connection:
    connection = HTTP2Connection(**limits)
    connection.take_output()
    return connection


def get(connection: HTTP2Connection, **more: object) -> Stream:
    return connection.request(b"GET", b"https", b"example.com", b"/", FIELDS, **more)


def said(error: Exception | None) -> tuple[type[Exception], str] | None:
    return None if error is None else (type(error), str(error))


def outcome(pieces: Iterable[bytes], *, method: bytes = b"GET", requests: int = 1, **limits: int) -> Outcome:
    """What becomes of the first of some requests when the server sends its settings and then the pieces."""
    connection = opened(**limits)
    connection.receive(SETTINGS)
    streams = [connection.request(method, b"https", b"example.com", b"/", FIELDS) for _ in range(requests)]
    connection.take_output()
    stream = streams[0]
    data = output = b""
    for piece in pieces:
        connection.receive(piece)
        data += connection.take_data(stream)
        output += connection.take_output()
    section = stream.head
    return Outcome(
        section and section.status,
        section and section.fields,
        data,
        stream.complete,
        stream.unprocessed,
        said(stream.error),
        said(connection.error),
        output,
    )


def whole(raw: bytes) -> list[bytes]:
    return [raw] if raw else []


def single_bytes(raw: bytes) -> list[bytes]:
    return [raw[i : i + 1] for i in range(len(raw))]


def split(raw: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[start:end] for start, end in pairwise(cuts)]


def frames_in(raw: bytes) -> list[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and payload of each frame."""
    found = []
    while raw:
        high, low, kind, flags, stream = unpack_header(raw)
        length = high << 8 | low
        found.append((kind, flags, stream, raw[9 : 9 + length]))
        raw = raw[9 + length :]
    return found
