"""The HTTP/1.1 protocol: a caller gets the response to its request or an error, never another response."""

from __future__ import annotations

import weakref
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpconn.errors import Disconnected, HeaderTooLarge, MalformedRequest, ProtocolError
from httpconn.errors import TruncatedBody as Truncated
from httpconn.http.http1protocol import Head, HTTP11Connection
from tests.http.response_cases import BAD, CHUNKED, GOOD, HELLO, IRREGULAR, OK, Expected

HOST = [(b"Host", b"example.com")]
READABLE = {**GOOD, **IRREGULAR}
EVERY_RESPONSE = {name: raw for name, (raw, _) in [*READABLE.items(), *BAD.items()]}


class Outcome(NamedTuple):
    head: Head | None
    body: bytes
    complete: bool
    reusable: bool
    close_delimited: bool
    error: type[Exception] | None


def begun(method: bytes = b"GET", *, strict: bool = False) -> HTTP11Connection:
    connection = HTTP11Connection(strict=strict)
    connection.send_head(method, b"/", HOST)
    return connection


def outcome(parts: list[bytes], *, method: bytes = b"GET", strict: bool = False) -> Outcome:
    """Return the outcome of receiving the parts, and then the end of the connection if the response is incomplete."""
    connection = begun(method, strict=strict)
    body = b""
    error = None
    try:
        for part in parts:
            connection.receive(part)
            body += connection.take_body()
        if not connection.complete:
            connection.receive(b"")
    except (ProtocolError, HeaderTooLarge, Disconnected) as caught:
        error = type(caught)
        body += connection.take_body()
    return Outcome(
        connection.head, body, connection.complete, connection.is_reusable(), connection.close_delimited, error
    )


def whole(raw: bytes) -> list[bytes]:
    return [raw] if raw else []


def single_bytes(raw: bytes) -> list[bytes]:
    return [raw[i : i + 1] for i in range(len(raw))]


def split(raw: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[start:end] for start, end in pairwise(cuts)]


@pytest.mark.parametrize("cut", [whole, single_bytes])
@pytest.mark.parametrize(("raw", "expected"), READABLE.values(), ids=READABLE)
def test_a_response_with_one_meaning_is_accepted(raw, expected: Expected, cut):
    result = outcome(cut(raw))
    assert result.error is None
    assert result.head is not None
    assert (result.head.status, result.head.reason) == (expected.status, expected.reason)
    assert result.body == expected.body
    assert (result.reusable, result.close_delimited) == (expected.reusable, expected.close_delimited)
    if expected.headers is not None:
        assert result.head.fields == expected.headers


@pytest.mark.parametrize(("raw", "_"), IRREGULAR.values(), ids=IRREGULAR)
def test_strict_framing_rejects_irregular_responses(raw, _):
    assert outcome(whole(raw), strict=True) == outcome(single_bytes(raw), strict=True)
    assert outcome(whole(raw), strict=True).error is ProtocolError


@pytest.mark.parametrize(("raw", "_"), GOOD.values(), ids=GOOD)
def test_strict_framing_accepts_regular_responses(raw, _):
    assert outcome(whole(raw), strict=True) == outcome(whole(raw))


@pytest.mark.parametrize("raw", [raw for raw, _ in IRREGULAR.values()], ids=IRREGULAR)
def test_the_version_is_one_of_http_1(raw):
    head = outcome(whole(raw)).head
    assert head is not None
    assert head.version in (b"HTTP/1.0", b"HTTP/1.1")


@pytest.mark.parametrize("cut", [whole, single_bytes])
@pytest.mark.parametrize(("raw", "expected"), BAD.values(), ids=BAD)
def test_an_invalid_response_is_rejected(raw, expected, cut):
    result = outcome(cut(raw))
    assert issubclass(result.error, expected)
    assert (result.error is Truncated) is (expected is Truncated)
    assert not result.complete
    assert not result.reusable


@settings(deadline=None)
@given(
    method=st.sampled_from([b"GET", b"HEAD"]),
    name=st.sampled_from(sorted(EVERY_RESPONSE)),
    places=st.lists(st.integers(0, 80_000), max_size=12),
)
def test_the_division_into_parts_does_not_matter(method, name, places):
    raw = EVERY_RESPONSE[name]
    assert outcome(split(raw, places), method=method) == outcome(whole(raw), method=method)


FRAGMENTS = [
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"204", b"100", b" OK", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b" ", b"\t"),
    *(b"Content-Length: ", b"Transfer-Encoding: ", b"Connection: ", b"chunked", b"close", b"5", b"0", b"a", b":", b";"),
    *(OK, CHUNKED, HELLO, b"5\r\nhello\r\n", b"0\r\n", b"\0", b"\xff"),
]


@settings(deadline=None)
@given(raw=st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=3))).map(b"".join), opening=st.booleans())
def test_garbage_has_one_meaning_or_is_an_error(raw, opening):
    raw = OK + raw if opening else raw
    assert outcome(single_bytes(raw)) == outcome(whole(raw))


SHORT = {name: case for name, case in READABLE.items() if len(case[0]) < 1000}


@pytest.mark.parametrize(("raw", "expected"), SHORT.values(), ids=SHORT)
def test_truncation_at_any_byte_is_an_error(raw, expected: Expected):
    for end in range(len(raw)):
        result = outcome(whole(raw[:end]))
        if result.error is None:
            assert result.head is not None
            assert result.close_delimited or result.body == expected.body
        else:
            assert result.error is (Truncated if end else Disconnected)
            assert expected.body.startswith(result.body)


@pytest.mark.parametrize(("raw", "_"), SHORT.values(), ids=SHORT)
def test_a_response_may_arrive_in_any_two_parts(raw, _):
    in_one = outcome([raw])
    assert all(outcome([raw[:place], raw[place:]]) == in_one for place in range(1, len(raw)))


@pytest.mark.parametrize("raw", [OK + b"Content-Length: 5\r\n\r\n", CHUNKED, OK + b"\r\n"])
def test_a_response_to_head_has_no_body(raw):
    assert outcome([raw], method=b"HEAD")[1:] == (b"", True, True, False, None)
    assert outcome([raw + b"hello"], method=b"HEAD")[1:] == (b"", True, False, False, None)


def test_one_connection_serves_many_exchanges():
    connection = HTTP11Connection()
    for number, raw in enumerate([raw for raw, expected in GOOD.values() if expected.reusable] * 2):
        connection.send_head(b"GET", b"/%d" % number, HOST)
        assert not connection.complete
        assert not connection.has_response
        assert connection.head is None
        for part in split(raw, [number, number * 7]):
            connection.receive(part)
        assert connection.is_reusable()


def test_untaken_bytes_never_become_part_of_the_next_body():
    connection = begun()
    connection.receive(OK + HELLO)
    connection.send_head(b"GET", b"/", HOST)
    connection.receive(OK + b"Content-Length: 3\r\n\r\nbye")
    assert connection.take_body() == b"bye"


@pytest.mark.parametrize("late", [OK + HELLO, b"\r\n", b""])
def test_bytes_and_the_end_between_exchanges_end_the_connection(late):
    connection = begun()
    connection.receive(OK + HELLO)
    connection.receive(late)
    assert connection.complete
    assert not connection.is_reusable()
    with pytest.raises(MalformedRequest):
        connection.send_head(b"GET", b"/", HOST)
    assert connection.take_body() == b"hello"


def test_bytes_before_the_first_request_end_the_connection():
    connection = HTTP11Connection()
    assert connection.is_reusable()
    connection.receive(OK + HELLO)
    assert not connection.is_reusable()


def test_has_response_after_the_first_byte():
    connection = begun()
    with pytest.raises(Disconnected):
        connection.receive(b"")
    assert not connection.has_response
    connection = begun()
    connection.receive(b"H")
    with pytest.raises(Truncated):
        connection.receive(b"")
    assert connection.has_response


def test_a_broken_connection_stays_broken():
    connection = begun()
    with pytest.raises(ProtocolError):
        connection.receive(CHUNKED + b"nonsense")
    with pytest.raises(ProtocolError):
        connection.receive(b"5\r\nhello\r\n0\r\n\r\n")
    assert connection.take_body() == b""
    assert not connection.complete


def test_a_chunked_body_does_not_affect_the_next_response():
    connection = begun()
    connection.receive(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
    connection.send_head(b"GET", b"/", HOST)
    connection.receive(OK + b"Content-Length: 6\r\n\r\nhello")
    with pytest.raises(Truncated):
        connection.receive(b"")


def test_custom_limits():
    connection = HTTP11Connection(max_headers=1, max_header_bytes=100)
    connection.send_head(b"GET", b"/", HOST)
    connection.receive(OK + HELLO)
    connection.send_head(b"GET", b"/", HOST)
    with pytest.raises((ProtocolError, HeaderTooLarge)):
        connection.receive(OK + b"A: b\r\n" + HELLO)
    connection = HTTP11Connection(max_header_bytes=100)
    connection.send_head(b"GET", b"/", HOST)
    with pytest.raises((ProtocolError, HeaderTooLarge)):
        connection.receive(OK + b"A: " + b"x" * 81)


def test_data_offsets_chunk_extensions():
    connection = begun()
    connection.receive(CHUNKED)
    for _ in range(1000):
        connection.receive(b"800;" + b"x" * 1000 + b"\r\n" + b"!" * 2048 + b"\r\n")
    connection.receive(b"0\r\n\r\n")
    assert connection.complete


def test_a_body_is_received_directly():
    connection = begun()
    assert connection.direct_remaining == 0
    connection.receive(OK + b"Content-Length: 10\r\n\r\nabc")
    assert connection.take_body() == b"abc"
    assert connection.direct_remaining == 7
    connection.received_direct(4)
    connection.receive(b"d")
    assert connection.direct_remaining == 2
    for wrong in (3, -1):
        with pytest.raises(MalformedRequest):
            connection.received_direct(wrong)
    connection.received_direct(2)
    assert connection.direct_remaining == 0
    assert connection.is_reusable()


def test_a_body_received_directly_can_be_truncated():
    connection = begun()
    connection.receive(OK + b"Content-Length: 10\r\n\r\n")
    connection.received_direct(9)
    with pytest.raises(Truncated):
        connection.receive(b"")


@pytest.mark.parametrize("raw", [CHUNKED + b"5\r\nhe", OK + b"\r\nhe"])
def test_other_bodies_are_not_received_directly(raw):
    connection = begun()
    connection.receive(raw)
    assert connection.direct_remaining == 0


def test_a_dropped_connection_is_freed_without_the_garbage_collector():
    connection = HTTP11Connection()
    connection.send_head(b"GET", b"/", HOST)
    connection.receive(CHUNKED + b"5\r\nhe")
    watched = weakref.ref(connection)
    del connection
    assert watched() is None


# Requests.


def test_a_request_is_encoded_unchanged():
    head = HTTP11Connection().send_head(b"GET", b"/a%2Fb?c=d", [(b"Host", b"h:8080"), (b"X-y", b"\xe4"), (b"Z", b"")])
    assert head == b"GET /a%2Fb?c=d HTTP/1.1\r\nHost: h:8080\r\nX-y: \xe4\r\nZ: \r\n\r\n"


def test_a_request_with_changed_headers_is_encoded_again():
    connection = begun()
    for headers in (HOST, [*HOST, (b"A", b"1")], [*HOST, (b"A", b"2")], HOST):
        connection.receive(OK + HELLO)
        head = connection.send_head(b"GET", b"/", headers)
        assert head == b"GET / HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % field for field in headers) + b"\r\n"


def test_changes_of_the_header_list_are_noticed():
    headers = HOST.copy()
    connection = HTTP11Connection()
    connection.send_head(b"GET", b"/", headers)
    connection.receive(OK + HELLO)
    headers.append((b"A", b"1"))
    assert b"A: 1\r\n" in connection.send_head(b"GET", b"/", headers)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *[(b"", b"/"), (b"GET", b""), (b"GET /", b"/"), (b"GET", b"/ HTTP/1.1\r\nA: b"), (b"GET", b"/a b")],
        *[(b"GET", b"/\n"), (b"GET", b"/\0"), (b"GET", b"/\xe4"), (b"G\rT", b"/"), (b"CONNECT", b"example.com:443")],
    ],
)
def test_an_invalid_request_line_is_rejected(method, target):
    with pytest.raises(MalformedRequest):
        HTTP11Connection().send_head(method, target, HOST)


@pytest.mark.parametrize(
    "fields",
    [
        *[[], HOST * 2, [*HOST, (b"A", b"b\r\nC: d")], [*HOST, (b"A", b"b\nC: d")], [*HOST, (b"A", b"b\r")]],
        *[[*HOST, (b"A", b"\0")], [*HOST, (b"A: b\r\nC", b"d")], [*HOST, (b"A:", b"b")], [*HOST, (b"", b"b")]],
        *[[*HOST, (b"A ", b"b")], [*HOST, (b"Content-Length", b"-1")], [*HOST, (b"Content-Length", b"")]],
        [*HOST, (b"Content-Length", b"1"), (b"Content-Length", b"2")],
        [*HOST, (b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")],
        [*HOST, (b"Transfer-Encoding", b"gzip")],
    ],
)
def test_invalid_request_headers_are_rejected(fields):
    connection = HTTP11Connection()
    with pytest.raises(MalformedRequest):
        connection.send_head(b"GET", b"/", fields)
    assert connection.is_reusable()


def test_a_body_of_declared_length():
    connection = HTTP11Connection()
    connection.send_head(b"POST", b"/", [*HOST, (b"Content-Length", b"5")])
    assert connection.send_body(b"hel") == b"hel"
    with pytest.raises(MalformedRequest):
        connection.end_body()
    with pytest.raises(MalformedRequest):
        connection.send_body(b"lo!")
    assert connection.send_body(b"lo") == b"lo"
    assert connection.end_body() == b""


def test_a_body_in_chunks():
    connection = HTTP11Connection()
    connection.send_head(b"POST", b"/", [*HOST, (b"transfer-encoding", b"Chunked")])
    assert connection.send_body(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert connection.send_body(b"") == b""
    assert connection.end_body() == b"0\r\n\r\n"
    with pytest.raises(MalformedRequest):
        connection.send_body(b"more")


def test_no_body_is_sent_unless_declared():
    connection = begun()
    with pytest.raises(MalformedRequest):
        connection.send_body(b"x")
    assert connection.end_body() == b""


@pytest.mark.parametrize("framing", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])
def test_after_an_early_response_the_request_can_be_completed(framing):
    connection = HTTP11Connection()
    connection.send_head(b"POST", b"/", [*HOST, framing])
    connection.receive(OK + HELLO)
    assert connection.complete
    assert not connection.is_reusable()
    connection.send_body(b"hello")
    connection.end_body()
    assert connection.is_reusable()


def test_a_request_with_connection_close_is_the_last():
    connection = HTTP11Connection()
    connection.send_head(b"GET", b"/", [*HOST, (b"Connection", b"close")])
    connection.receive(OK + HELLO)
    assert connection.complete
    assert not connection.is_reusable()


def test_requests_are_not_pipelined():
    connection = begun()
    with pytest.raises(MalformedRequest):
        connection.send_head(b"GET", b"/", HOST)
