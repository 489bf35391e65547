"""The end of a response, and bytes in place of its end."""

from __future__ import annotations

import gzip

import pytest

import httpconn
from tests.servers.scripted import Close, Forever, Reset, chunked, response

BODY = b"0123456789" * 3
PACKED = gzip.compress(BODY, mtime=0)
TRAILED = chunked(BODY)[:-2] + b"Digest: x\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
TO_THE_END = HEAD + b"\r\n" + BODY
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

# Bytes that may be missing at the end of a complete response: see the differences in tests/transport.
FRAMINGS = {
    "length": (response(body=BODY), 0),
    "chunked with a trailer": (HEAD + CHUNKED + TRAILED, 2 + len(b"Digest: x\r\n")),
    "gzip, length": (HEAD + GZIP + b"Content-Length: %d\r\n\r\n" % len(PACKED) + PACKED, 0),
    "gzip, chunked": (HEAD + GZIP + CHUNKED + chunked(PACKED, size=10), 2),
    "gzip, to the end": (HEAD + GZIP + b"\r\n" + PACKED, 0),
}


@pytest.mark.parametrize(("end", "step"), [(Close(), 1), (Reset(), 3)], ids=["closed", "reset"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_response_cut_at_any_byte_is_complete_or_an_error(face, connect, scripted, outcome, framing, end, step):
    whole, spare = FRAMINGS[framing]
    server = scripted(lambda request: [whole[: int(request.path[1:])], end])
    connection = connect(retries=0)
    for length in range(0, len(whole) + 1, step):
        result = outcome(connection, server.url_for(f"/{length}"))
        if result == BODY:
            assert length >= len(whole) - spare, length
        else:
            assert isinstance(result, (httpconn.ReadFailed, httpconn.TruncatedBody)), (length, result)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_response_cut_on_any_route_is_an_error(aim, outcome, framing):
    whole, spare = FRAMINGS[framing]
    target = aim(lambda request: [whole[: int(request.path.rpartition("/")[2])], Close()])
    for length in range(0, len(whole), 5):
        result = outcome(target.connection, target.url_for(f"/{length}"))
        assert length >= len(whole) - spare or isinstance(result, httpconn.HTTPConnError), length


def test_a_reset_does_not_end_a_body_without_a_length(face, connect, scripted, outcome):
    server = scripted([TO_THE_END, Reset()])
    for _ in range(5):
        result = outcome(connect(retries=0), server.url)
        assert isinstance(result, httpconn.TransportError), result


def test_a_missing_closure_alert_does_not_end_a_body_without_a_length(face, connect, scripted, certificates, outcome):
    server = scripted([TO_THE_END, Close(notify=False)], tls=certificates.good)
    result = outcome(connect(retries=0, verify=certificates.trust()), server.url)
    assert isinstance(result, httpconn.HTTPConnError), result


BROKEN = {
    "size above 64 bits": b"1" + b"0" * 16 + b"\r\n",
    "size -1": b"-1\r\nx\r\n",
    "size 0x1": b"0x1\r\nx\r\n",
    "no end of a chunk": b"1\r\nxx\r\n0\r\n\r\n",
    "size of 63 bits": b"7fffffffffffffff\r\nx",
}


@pytest.mark.parametrize("chunks", BROKEN.values(), ids=BROKEN)
def test_a_broken_chunk_is_an_error(aim, outcome, chunks):
    target = aim([HEAD + CHUNKED + chunks, Close()])
    assert isinstance(outcome(target.connection, target.url), httpconn.HTTPConnError)


# Each can be read in only one way, though its form is irregular.
IRREGULAR = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    HEAD + b"Content-Length: 9\r\n" + CHUNKED + chunked(b"hello"),
    HEAD + CHUNKED[:-2] + CHUNKED + chunked(b"hello"),
    b"HTTP/1.0 200 OK\r\n" + CHUNKED + chunked(b"hello"),
    b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: \x1b$B\x7f\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 103 X\nX: y\n\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    HEAD + CHUNKED + chunked(b"hello")[:-2] + b"X: y\n\n",
    b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
]


def irregular(request):
    return [IRREGULAR[int(request.path.rpartition("/")[2])]]


def test_an_irregular_response_is_the_last_on_its_connection(face, aim):
    target = aim(irregular)
    for number in range(len(IRREGULAR)):
        assert face.get_bytes(target.connection, target.url_for(f"/{number}")) == b"hello", IRREGULAR[number]
    assert target.server.connections == len(IRREGULAR)


def test_strict_framing_rejects_an_irregular_response(aim, outcome):
    target = aim(irregular, limits=httpconn.Limits(strict_framing=True))
    for number in range(len(IRREGULAR)):
        result = outcome(target.connection, target.url_for(f"/{number}"))
        assert isinstance(result, httpconn.ProtocolError), IRREGULAR[number]


@pytest.mark.parametrize("field", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_content_that_a_204_declares_never_becomes_the_next_response(face, aim, field):
    target = aim(b"HTTP/1.1 204 No Content\r\n%b\r\n\r\n" % field.encode())
    for _ in range(2):
        assert face.get_bytes(target.connection, target.url) == b""
    assert target.server.connections == 2


def test_a_status_above_599_is_an_error_of_the_server(face, aim):
    target = aim([b"HTTP/1.1 999 Request denied\r\nContent-Length: 5\r\n\r\nhello"])
    with pytest.raises(httpconn.StatusError) as caught:
        face.get_bytes(target.connection, target.url)
    assert (caught.value.status_code, caught.value.fault, caught.value.retryable) == (999, "upstream", False)


REFUSED = {
    "length -1": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
    "length +5": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    "length of 30 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\nhello",
    "lengths that differ": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/0.9": b"hello",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    "CR in a value": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 5\r\n\r\nhello",
    "obs-fold of the first field": b"HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 5\r\n\r\nhello",
    "a blank fold": HEAD + b"X: y\r\n \r\nContent-Length: 5\r\n\r\nhello",
    "a blank fold at the end": HEAD + b"Content-Length: 5\r\nX: y\n\t\n\r\nhello",
    "a framing field in a fold": HEAD + b"Content-Length: 5\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\nhello",
    "a folded length": HEAD + b"Content-Length:\r\n 5\r\n\r\nhello",
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n" + chunked(b"hello"),
    "101 fields": HEAD + b"X: y\r\n" * 100 + b"Content-Length: 5\r\n\r\nhello",
    "70 KB of fields": HEAD + (b"X: " + b"y" * 7000 + b"\r\n") * 10 + b"Content-Length: 5\r\n\r\nhello",
    "a coding below chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(b"hello"),
    "LF for the end of a chunk": HEAD + CHUNKED + b"5\nhello\n0\n\n",
    "65 interim responses": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 65 + response(body=b"hello"),
    "70 KB of interim responses": (b"HTTP/1.1 103 X\r\nX: " + b"y" * 7000 + b"\r\n\r\n") * 10 + response(body=b"hello"),
    "a chunk extension without a name": HEAD + CHUNKED + b"5;\r\nhello\r\n0\r\n\r\n",
    "a chunk extension with an open quote": HEAD + CHUNKED + b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "status 199 at the end": b"HTTP/1.1 199 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "ESC in the reason": b"HTTP/1.1 200 \x1b[2J\r\nContent-Length: 5\r\n\r\nhello",
    "ESC in a name": b"HTTP/1.1 200 OK\r\n\x1b[2J: X\r\nContent-Length: 5\r\n\r\nhello",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_a_response_that_violates_http_is_an_error(face, aim, raw):
    target = aim([raw, Close()])
    for method in ("get_bytes", "get_response"):
        with pytest.raises((httpconn.ProtocolError, httpconn.LimitExceeded, httpconn.ReadFailed)):
            face.call(target.connection, method, target.url, timeout=30)


FLOODS = {
    "chunks": b"400\r\n" + b"x" * 1024 + b"\r\n",
    "chunks of a byte": b"1\r\nx\r\n" * 1000,
    "chunk extensions": (b"1;" + b"x" * 1000 + b"\r\nx\r\n") * 10,
    "trailers": b"0\r\n" + b"X: y\r\n" * 1000,
    "a trailer": b"0\r\nX: " + b"y" * 65536,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_chunked_flood_ends_at_a_limit(aim, outcome, flood):
    target = aim([HEAD + CHUNKED, flood, Forever(flood.removeprefix(b"0\r\n"))])
    result = outcome(target.connection, target.url, max_bytes=50_000)
    assert isinstance(result, (httpconn.LimitExceeded, httpconn.ProtocolError)), result
