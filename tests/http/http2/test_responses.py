"""What a caller relies on: the response that the server meant, or an error; however its bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.errors import HeaderTooLarge, ProtocolError, StreamReset, TruncatedBody
from httpconn.http.http2.frames import (
    CONTINUATION,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    frame,
    settings,
)
from tests.http.http2.conversation import (
    OK,
    PING_FRAME,
    SETTINGS,
    body,
    continuation,
    goaway,
    head,
    literal,
    opened,
    outcome,
    reset,
    single_bytes,
    split,
    status,
    whole,
    window_update,
)

LENGTH = b"content-length"
END_HEADERS = 0x4

GOOD = {
    "a body": (head() + body(b"hello", end=True), b"hello"),
    "a body in parts": (head() + body(b"he") + body(b"llo", end=True), b"hello"),
    "an end of its own": (head() + body(b"hello") + body(b"", end=True), b"hello"),
    "no body": (head(end=True), b""),
    "a declared length": (head(OK, (LENGTH, b"5")) + body(b"hello", end=True), b"hello"),
    "a length declared twice": (head(OK, (LENGTH, b"5"), (LENGTH, b"5")) + body(b"hello", end=True), b"hello"),
    "a length repeated in a field": (head(OK, (LENGTH, b"5, 5")) + body(b"hello", end=True), b"hello"),
    "padding": (head() + body(b"\x03hello\0\0\0", flags=PADDED, end=True), b"hello"),
    "padding alone": (head() + body(b"\x03\0\0\0", flags=PADDED) + body(b"hello", end=True), b"hello"),
    "trailers": (head() + body(b"hello") + head(b"", (b"checksum", b"1"), end=True), b"hello"),
    "an interim response": (status(b"103", (b"link", b"</a>")) + head() + body(b"hello", end=True), b"hello"),
    "many interim responses": (status(b"102") * 64 + head() + body(b"hello", end=True), b"hello"),
    "a header in parts": (
        frame(HEADERS, 0, 1, OK)
        + continuation(literal(b"a", b"b"))
        + continuation(b"", last=True)
        + body(b"", end=True),
        b"",
    ),
    "a padded header": (frame(HEADERS, END_HEADERS | PADDED | END_STREAM, 1, b"\x02" + OK + b"\0\0"), b""),
    "a header with priority": (
        frame(HEADERS, END_HEADERS | WITH_PRIORITY | END_STREAM, 1, b"\0\0\0\0\x10" + OK),
        b"",
    ),
    "frames of the connection between": (
        head() + PING_FRAME + body(b"he") + SETTINGS + frame(PRIORITY, 0, 1, b"\0" * 5) + body(b"llo", end=True),
        b"hello",
    ),
    "unknown frames": (head() + frame(0xFA, 0, 0, b"abc") + body(b"hello", end=True), b"hello"),
    "unknown settings": (settings({0x7A7A: 1}) + head() + body(b"hello", end=True), b"hello"),
    "control characters in a value": (head(OK, (b"a", b"\x1b$B\x7f\x0b")) + body(b"hello", end=True), b"hello"),
    "space around a value": (head(OK, (b"a", b" b ")) + body(b"hello", end=True), b"hello"),
    "a graceful end of the connection": (goaway(1) + head() + body(b"hello", end=True), b"hello"),
    "a reset after the end": (head() + body(b"hello", end=True) + reset(0), b"hello"),
    "the end of the connection": (head() + body(b"hello", end=True) + goaway(1), b"hello"),
}


@pytest.mark.parametrize("cut", [whole, single_bytes])
@pytest.mark.parametrize(("raw", "expected"), GOOD.values(), ids=GOOD)
def test_a_good_response_is_read(raw, expected, cut):
    result = outcome(cut(raw))
    assert result.error is None
    assert result.broken is None
    assert (result.status, result.body, result.complete) == (200, expected, True)


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (b"HEAD", head(OK, (LENGTH, b"5"), end=True)),
        (b"HEAD", head(OK, (LENGTH, b"5")) + body(b"", end=True)),
        (b"GET", status(b"304", (LENGTH, b"5"), end=True)),
        (b"GET", status(b"204", end=True)),
    ],
)
def test_a_response_without_a_body_may_declare_a_length(method, raw):
    result = outcome(whole(raw), method=method)
    assert (result.error, result.complete, result.body) == (None, True, b"")


def test_fields_are_given_in_their_order_and_without_space_around_them():
    result = outcome(whole(head(OK, (b"b", b"1"), (b"a", b"\t2 "), (b"b", b"3"))))
    assert result.fields == [(b"b", b"1"), (b"a", b"2"), (b"b", b"3")]


def test_fields_are_given_by_name():
    connection = opened()
    stream = connection.request(b"GET", b"https", b"example.com", b"/", [])
    connection.receive(SETTINGS + head(OK, (b"b", b"1"), (b"a", b"2"), (b"b", b"3")))
    assert stream.head.values == {b"b": b"1, 3", b"a": b"2"}


# What ends the stream alone: the frames, the error and a part of its message.
MALFORMED = {
    "no status": (head(b"", (b"a", b"b")), ProtocolError, "trailers"),
    "an invalid status": (status(b"2x0"), ProtocolError, "status"),
    "a status of two digits": (status(b"99"), ProtocolError, "status"),
    "a status repeated": (head(OK + OK), ProtocolError, "pseudo-header"),
    "a status behind a field": (head(literal(b"a", b"b") + OK), ProtocolError, "pseudo-header"),
    "a pseudo-header field of requests": (head(OK, (b":path", b"/")), ProtocolError, "pseudo-header"),
    "upper-case letters": (head(OK, (b"Server", b"x")), ProtocolError, "upper-case"),
    "a name with a space": (head(OK, (b"a b", b"x")), ProtocolError, "invalid characters"),
    "an empty name": (head(OK, (b"", b"x")), ProtocolError, "invalid characters"),
    "a line break in a value": (head(OK, (b"a", b"x\r\nb: y")), ProtocolError, "invalid characters"),
    "a NUL in a value": (head(OK, (b"a", b"x\0")), ProtocolError, "invalid characters"),
    "a field of HTTP/1.1 connections": (head(OK, (b"connection", b"close")), ProtocolError, "HTTP/1.1"),
    "a transfer coding": (head(OK, (b"transfer-encoding", b"chunked")), ProtocolError, "HTTP/1.1"),
    "a length that is not a number": (head(OK, (LENGTH, b"-1")), ProtocolError, "Content-Length"),
    "two lengths": (head(OK, (LENGTH, b"1"), (LENGTH, b"2")), ProtocolError, "Content-Length"),
    "a length of many digits": (head(OK, (LENGTH, b"9" * 20)), ProtocolError, "Content-Length"),
    "a longer body than declared": (head(OK, (LENGTH, b"4")) + body(b"hello", end=True), ProtocolError, "longer"),
    "a shorter body than declared": (head(OK, (LENGTH, b"6")) + body(b"hello", end=True), TruncatedBody, "1 bytes"),
    "no body as declared": (head(OK, (LENGTH, b"6"), end=True), TruncatedBody, "6 bytes"),
    "a body before its header": (body(b"hello", end=True), ProtocolError, "before its header"),
    "a body where none may be": (status(b"204") + body(b"hello", end=True), ProtocolError, "longer"),
    "two heads": (head() + head(), ProtocolError, "two heads"),
    "trailers in mid-body": (head() + head(b"", (b"a", b"b")) + body(b"x"), ProtocolError, "trailers"),
    "trailers with a status": (head() + head(OK, end=True), ProtocolError, "two heads"),
    "an interim response at the end": (status(b"103", end=True), ProtocolError, "interim"),
    "too many interim responses": (status(b"103") * 65, ProtocolError, "64 interim"),
    "large interim responses": (status(b"103", (b"a", b"b" * 100)) * 40, HeaderTooLarge, "interim"),
    "a change of protocols": (status(b"101"), ProtocolError, "protocols"),
    "too many fields": (head(OK + literal(b"a", b"b") * 21), HeaderTooLarge, "21 fields"),
    "too large a header": (head(OK + literal(b"a", b"b" * 100) * 20), HeaderTooLarge, "2,020 bytes"),
    "large trailers": (head() + head(literal(b"a", b"b" * 100) * 20, end=True), HeaderTooLarge, "2,020 bytes"),
    "a reset": (head() + reset(2), StreamReset, "INTERNAL_ERROR"),
    "a reset with an unknown code": (reset(0xABC), StreamReset, "0xabc"),
    "a reset with no error": (head() + reset(0), StreamReset, "NO_ERROR"),
    "a refusal after a response": (head() + reset(7), StreamReset, "REFUSED_STREAM"),
    "an empty window update": (window_update(0, 1), ProtocolError, "window"),
    "a window beyond its limit": (window_update(2**31 - 1, 1), ProtocolError, "window"),
}

LIMITS = {"max_headers": 20, "max_header_bytes": 2000}


@pytest.mark.parametrize("cut", [whole, single_bytes])
@pytest.mark.parametrize(("raw", "kind", "message"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_response_ends_its_stream_alone(raw, kind, message, cut):
    connection = opened(**LIMITS)
    connection.receive(SETTINGS)
    bad, good = (connection.request(b"GET", b"https", b"example.com", b"/", []) for _ in range(2))
    for piece in cut(raw + head(stream=3) + body(b"hello", stream=3, end=True)):
        connection.receive(piece)
    assert type(bad.error) is kind
    assert message in str(bad.error)
    assert not bad.complete
    assert connection.error is None
    assert (good.complete, connection.take_data(good)) == (True, b"hello")
    assert connection.available == connection.max_streams


# What ends the connection.
BROKEN = {
    "no settings first": (None, b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/2"),
    "a frame before the settings": (None, PING_FRAME + SETTINGS, "HTTP/2"),
    "a reply before the settings": (None, frame(4, 1, 0, b""), "SETTINGS"),
    "settings on a stream": (1, frame(4, 0, 1, b""), "SETTINGS"),
    "settings of a wrong size": (6, frame(4, 0, 0, b"12345"), "SETTINGS"),
    "a reply with settings": (6, frame(4, 1, 0, b"123456"), "SETTINGS"),
    "an invalid frame size": (1, settings({5: 100}), "frame size"),
    "a window that is too large": (3, settings({4: 2**31}), "window"),
    "push from a client": (1, settings({2: 1}), "ENABLE_PUSH"),
    "a push": (1, frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + OK), "pushed"),
    "a frame that is too large": (6, frame(DATA, 0, 1, bytes(65537)), "64 KiB"),
    "a ping of a wrong size": (6, frame(PING, 0, 0, b"1234567"), "frame of 7 bytes"),
    "a ping on a stream": (1, frame(PING, 0, 1, b"12345678"), "on a stream"),
    "a GOAWAY of a wrong size": (6, frame(GOAWAY, 0, 0, b"1234567"), "GOAWAY"),
    "a GOAWAY on a stream": (1, frame(GOAWAY, 0, 1, b"12345678"), "on a stream"),
    "a reset of a wrong size": (6, frame(RST_STREAM, 0, 1, b"123"), "frame of 3 bytes"),
    "a reset of an unknown stream": (1, reset(0, 3), "not opened"),
    "a reset of the connection": (1, reset(0, 0), "not opened"),
    "a header on an unknown stream": (1, head(stream=3), "not opened"),
    "a header on a stream of the server": (1, head(stream=2), "not opened"),
    "a body on an unknown stream": (1, body(b"x", stream=3), "not opened"),
    "a body on the connection": (1, body(b"x", stream=0), "not opened"),
    "a window of an unknown stream": (1, window_update(1, 3), "not opened"),
    "a window update of a wrong size": (6, frame(WINDOW_UPDATE, 0, 0, b"123"), "frame of 3 bytes"),
    "an empty window update": (1, window_update(0), "window"),
    "a window beyond its limit": (3, window_update(2**31 - 1), "window"),
    "a window opened by settings beyond its limit": (
        3,
        window_update(2**31 - 1 - 65535, 1) + settings({4: 65536}),
        "window",
    ),
    "padding longer than its frame": (1, head() + body(b"\x06hello", flags=PADDED), "padding"),
    "padding in an empty frame": (1, head() + body(b"", flags=PADDED), "padding"),
    "padding longer than its header": (1, frame(HEADERS, END_HEADERS | PADDED, 1, b"\x02" + OK), "padding"),
    "an empty padded header": (6, frame(HEADERS, END_HEADERS | PADDED, 1, b""), "padded"),
    "a header without room for its priority": (1, frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, b"\0"), "padding"),
    "a continuation of nothing": (1, continuation(OK), "CONTINUATION"),
    "a continuation of another header": (1, frame(HEADERS, 0, 1, OK) + continuation(b"", stream=3), "CONTINUATION"),
    "a header that is interrupted": (1, frame(HEADERS, 0, 1, OK) + PING_FRAME, "another frame within a header"),
    "a header that cannot be decoded": (9, head(b"\xff\xff\xff\xff\xff\xff"), "field block"),
    "a header with an unknown index": (9, head(b"\xbe"), "field block"),
    "data after the end": (5, head() + body(b"x", end=True) + body(b"x"), "has ended"),
}


@pytest.mark.parametrize("cut", [whole, single_bytes])
@pytest.mark.parametrize(("code", "raw", "message"), BROKEN.values(), ids=BROKEN)
def test_a_violation_ends_the_connection_with_its_code(code, raw, message, cut):
    connection = opened()
    if code is not None:
        connection.receive(SETTINGS)
    stream = connection.request(b"GET", b"https", b"example.com", b"/", [])
    connection.take_output()
    for piece in cut(raw):
        connection.receive(piece)
    assert type(connection.error) is ProtocolError
    assert message in str(connection.error)
    assert stream.complete or str(stream.error) == str(connection.error)
    assert connection.take_output().endswith(frame(GOAWAY, 0, 0, bytes(4) + (code or 1).to_bytes(4)))
    assert connection.available == 0


EVERY = {
    **{name: raw for name, (raw, _) in GOOD.items()},
    **{name: raw for name, (raw, _, _) in MALFORMED.items()},
    **{name: raw for name, (code, raw, _) in BROKEN.items() if code is not None},
}


@given(st.sampled_from(sorted(EVERY)), st.lists(st.integers(0, 10_000), max_size=8))
def test_the_place_of_the_cuts_changes_nothing(name, places):
    raw = EVERY[name]
    once = outcome(whole(raw), **LIMITS)
    assert outcome(split(raw, places), **LIMITS) == once


KINDS = st.sampled_from([DATA, HEADERS, RST_STREAM, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, 4, 5, 99])
FRAMES = st.builds(frame, KINDS, st.integers(0, 255), st.integers(0, 5), st.binary(max_size=40))
PIECES = st.one_of(FRAMES, st.sampled_from(sorted(EVERY)).map(EVERY.__getitem__), st.binary(max_size=20))


@given(st.lists(PIECES, max_size=6).map(b"".join), st.lists(st.integers(0, 1000), max_size=6))
def test_any_input_gives_a_response_or_an_error_of_httpconn(raw, places):
    once = outcome([*whole(raw), b""], requests=2)
    assert once.complete or once.error is not None
    assert outcome([*split(raw, places), b""], requests=2)[:-1] == once[:-1]
