"""Hostile proxies: the tunnel is an error in time, and the server behind it receives nothing."""

from __future__ import annotations

import gzip

import pytest

import httpconn
from tests.servers.scripted import Close, Forever, Stall, response

HEAD = b"HTTP/1.1 200 Connection established\r\n"

CONNECT_RESPONSES = {
    "an endless header": [HEAD, Forever(b"X: y\r\n" * 1000)],
    "an endless line": [HEAD + b"X: ", Forever(b"y" * 65536)],
    "interim responses": [Forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)],
    "nothing": [Stall()],
    "half a header": [HEAD, Stall()],
    "no HTTP": [b"\x16\x03\x01\x02\x00", Close()],
    "an end": [Close()],
    "407 with a bomb": [response(407, {"Content-Encoding": "gzip"}, gzip.compress(bytes(20_000_000)))],
    "407 without an end": [b"HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n", Forever(b"1\r\nx\r\n" * 1000)],
    "a redirect": [response(302, {"Location": "http://victim.example/"})],
    "101": [b"HTTP/1.1 101 Switching\r\n\r\n", Stall()],
    "bytes behind it": [HEAD + b"\r\n" + response(body=b"poison"), Stall()],
    "a response without TLS": [HEAD + b"\r\n", response(body=b"poison"), Close()],
}


@pytest.mark.parametrize("script", CONNECT_RESPONSES.values(), ids=CONNECT_RESPONSES)
def test_a_hostile_tunnel_is_an_error(connect, scripted, outcome, script):
    proxy = scripted(script)
    result = outcome(connect(proxy=proxy.url, retries=0), "https://victim.example/", timeout=0.3)
    assert isinstance(result, (httpconn.TransportError, httpconn.ResponseError, httpconn.LimitExceeded)), result
    assert all(request.method == "CONNECT" for request in proxy.requests)


SOCKS = {
    "nothing": [Stall()],
    "an end": [Close()],
    "no method": [b"\x05\xff", Stall()],
    "another version": [b"\x04\x00" + bytes(20), Stall()],
    "an odd address": [b"\x05\x00" + b"\x05\x00\x00\x09" + bytes(20), Stall()],
    "a cut reply": [b"\x05\x00" + b"\x05\x00\x00", Close()],
    "an endless reply": [b"\x05\x00", Forever(b"\x05\x00\x00\x03\xff" + b"x" * 65536)],
    "noise": [Forever(bytes(range(256)) * 256)],
}


@pytest.mark.parametrize("script", SOCKS.values(), ids=SOCKS)
def test_a_hostile_socks_proxy_is_an_error(connect, scripted, outcome, script):
    proxy = scripted(on_connect=script)
    connection = connect(proxy=proxy.url.replace("http:", "socks5h:"), retries=0)
    assert isinstance(outcome(connection, "http://victim.example/", timeout=0.3), httpconn.HTTPConnError)
