"""Endless and slow response headers, and request headers that would smuggle a request, on each route."""

from __future__ import annotations

import pytest

import httpconn
from tests.servers.scripted import Drip, Forever, response

HEAD = b"HTTP/1.1 200 OK\r\n"

FLOODS = {
    "fields": [HEAD, Forever(b"X: y\r\n" * 10_000)],
    "a line": [HEAD + b"X: ", Forever(b"y" * 65536)],
    "a reason": [b"HTTP/1.1 200 ", Forever(b"y" * 65536)],
    "6000 small fields": [HEAD + b"X: y\r\n" * 6000 + b"\r\n"],
    "cookies": [HEAD + b"Set-Cookie: a=b\r\n" * 1000 + b"\r\n"],
    "a long Location": [response(302, {"Location": "/" + "x" * 90_000})],
}


@pytest.mark.parametrize("script", FLOODS.values(), ids=FLOODS)
def test_a_header_ends_at_its_limits(aim, outcome, script):
    target = aim(script)
    result = outcome(target.connection, target.url)
    assert isinstance(result, (httpconn.LimitExceeded, httpconn.ProtocolError)), result
    assert len(target.server.requests) == 1


SLOW = {
    "a dripped header": [Drip(HEAD + b"X: " + b"y" * 10_000)],
    "a dripped body": [HEAD + b"Content-Length: 10000\r\n\r\n", Drip(b"x" * 10_000)],
    "dripped interim responses": [Drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, size=28)],
    "interim responses": [Forever(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)],
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_a_call_with_an_endless_response_ends_in_time(aim, outcome, script):
    target = aim(script)
    result = outcome(target.connection, target.url, timeout=0.15)
    assert isinstance(result, (httpconn.DeadlineExceeded, httpconn.ProtocolError)), result


SMUGGLED = [
    *({"Host": "x"}, {"content-length": "5"}, {"Transfer-Encoding": "chunked"}, {"Connection": "close"}),
    *({"X": "a\r\nHost: b"}, {"X": "a\nb"}, {"X": "a\0b"}, {"X\r\nY": "a"}, {"X\0": "a"}, {"X ": "a"}, {"": "a"}),
    {":authority": "x"},
]


@pytest.mark.parametrize("headers", SMUGGLED, ids=repr)
def test_framing_and_smuggling_headers_are_rejected_before_connecting(face, aim, headers):
    target = aim(response())
    with pytest.raises(httpconn.InvalidRequest):
        face.get_bytes(target.connection, target.url, extra_headers=headers)
    assert target.server.connections == 0
