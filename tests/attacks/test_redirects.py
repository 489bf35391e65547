"""Redirects to denied or invalid URLs: each is a typed error without a further request."""

from __future__ import annotations

import pytest

import httpconn
from tests.http.frames import LOCATION, STATUS, headers, http2_peer, literal
from tests.servers.scripted import Forever, in_turn, response

INTERNAL_DENIED = httpconn.AccessPolicy.anywhere(denied_networks=["10.0.0.0/8"], trusted_proxy=True)
STRANGERS = httpconn.AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"], trusted_proxy=True)
INSIDE = "//10.0.0.1/?token=secret"

LOCATIONS = [
    *(b"file:///etc/passwd", b"gopher://127.0.0.1:70/", b"data:text/plain,x", b"javascript:x", b"ftp://x/", b"http://"),
    *(b"http://[::1", b"http://a b/", b"\\\\a b\\", b"http://a:99999/", b"http://a%00b/", b"/b\r\nLocation: /c"),
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_redirect_to_an_invalid_url_is_rejected(aim, outcome, location):
    target = aim([b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"])
    result = outcome(target.connection, target.url_for("/a"))
    assert isinstance(result, (httpconn.RedirectRefused, httpconn.ProtocolError)), result
    assert len(target.server.requests) == 1


def test_an_endless_chain_without_repetition_ends(aim, outcome):
    target = aim(lambda request: response(302, {"Location": request.target.decode() + "x"}))
    assert isinstance(outcome(target.connection, target.url_for("/a")), httpconn.TooManyRedirects)
    assert len(target.server.requests) == 21


def test_the_body_of_a_redirect_is_never_read(face, aim):
    endless = [
        b"HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n",
        Forever(b"1\r\nx\r\n" * 1000),
    ]
    target = aim(in_turn(endless, response(body=b"ok")))
    assert face.get_bytes(target.connection, target.url_for("/a"), timeout=100) == b"ok"


def assert_refused(error, url):
    """Check that the error names the hop, its target and the reason, and no secret."""
    assert isinstance(error, httpconn.AccessDenied), error
    assert error.request.url == url
    assert error.url == f"{error.request.url.scheme}://10.0.0.1/?token=***"
    assert error.rule == "private network 10.0.0.0/8 (RFC 1918)"
    assert "secret" not in str(error)
    assert "10.0.0.1" not in error.public_message


def test_a_redirect_to_an_internal_address_gets_no_connection(aim, outcome, dials):
    target = aim(in_turn(response(302, {"Location": "/b"}), response(302, {"Location": INSIDE})), access=STRANGERS)
    assert_refused(outcome(target.connection, target.url_for("/a")), target.url_for("/b"))
    assert len(target.server.requests) == 2
    assert set(dials) == {("127.0.0.1", target.server.port)}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [INSIDE, "http://[::ffff:10.0.0.1]/", "//0x0a000001/"])
def test_a_redirected_post_reaches_no_internal_address(face, aim, dials, status, location):
    target = aim(response(status, {"Location": location}), access=INTERNAL_DENIED)
    with pytest.raises((httpconn.AccessDenied, httpconn.RedirectRefused)):
        face.request(target.connection, "POST", target.url_for("/a"), content=b"body")
    assert [each.method for each in target.server.requests] == ["POST"]
    assert set(dials) == {("127.0.0.1", target.server.port)}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_the_public_policy_allows_no_other_method(face, aim, dials, method):
    target = aim(response(body=b"ok"), access=STRANGERS)
    with pytest.raises(httpconn.AccessDenied, match="Only GET and HEAD"):
        face.request(target.connection, method, target.url_for("/a"))
    assert dials == []


def test_an_http2_redirect_to_an_internal_address_gets_no_connection(face, connect, certificates, outcome, dials):
    moved = headers(literal(STATUS, b"302") + literal(LOCATION, INSIDE.encode()))
    with http2_peer(certificates, moved) as url:
        connection = connect(http2=True, access=STRANGERS, verify=certificates.trust(), retries=0)
        assert_refused(outcome(connection, url), f"{url}/")
        face.close(connection)
    assert len(dials) == 1
