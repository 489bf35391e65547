"""Redirects to where nobody should go: a typed error, and nothing more is asked."""

from __future__ import annotations

import pytest

import httpconn
from tests.servers.scripted import Forever, in_turn, response

LOCATIONS = [
    *(b"file:///etc/passwd", b"gopher://127.0.0.1:70/", b"data:text/plain,x", b"javascript:x", b"ftp://x/", b"http:"),
    *(b"http://[::1", b"http://a b/", b"http://a\\b/", b"http://a:99999/", b"http://a%00b/", b"/\tx"),
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_redirect_to_nowhere_is_refused(aim, outcome, location):
    target = aim([b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"])
    result = outcome(target.connection, target.url_for("/a"))
    assert isinstance(result, (httpconn.RedirectRefused, httpconn.ProtocolError)), result
    assert len(target.server.requests) == 1


def test_a_chain_that_never_repeats_itself_ends(aim, outcome):
    target = aim(lambda request: response(302, {"Location": request.target.decode() + "x"}))
    assert isinstance(outcome(target.connection, target.url_for("/a")), httpconn.TooManyRedirects)
    assert len(target.server.requests) == 21


def test_the_body_of_a_redirect_is_never_read(face, aim):
    endless = [
        b"HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n",
        Forever(b"1\r\nx\r\n" * 1000),
    ]
    target = aim(in_turn(endless, response(body=b"ok")))
    assert face.get_bytes(target.connection, target.url_for("/a"), timeout=3) == b"ok"
