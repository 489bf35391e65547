"""Closing a transport at any moment: no call hangs, and no connection stays open."""

from __future__ import annotations

import httpx
import pytest

from httpconn.options import Limits
from httpconn.runtime.stepping import run_sync
from tests.servers.scripted import Stall, in_turn, response

HALF = [response(headers={"Content-Length": "9"}, body=b"x"), Stall()]
ENDLESS = [response(body=b"x", framing="close"), Stall()]
ENDED = (httpx.TransportError, httpx.StreamClosed)


class Reader:
    """Calls of a user that run concurrently with the test."""

    def __init__(self, made):
        self._made = made

    def step(self, name, argument):
        return run_sync(self.async_step(name, argument))

    async def async_step(self, name, argument):
        return await getattr(self._made, name)(argument, **({"timeout": None} if name == "get" else {}))


@pytest.fixture(params=["direct", "direct TLS", "forwarded", "HTTP/2"])
def server_and_user(request, user, scripted, certificates):
    """Return a function that makes a scripted server and a user with one kind of connection to it."""

    def make(script, **options):
        secure = request.param in ("direct TLS", "HTTP/2")
        server = scripted(script, tls=certificates.good if secure else None)
        proxy = server.url if request.param == "forwarded" else None
        trust = certificates.trust()
        return server, user(proxy=proxy, http2=request.param == "HTTP/2", ssl_context=trust, **options)

    return make


def test_a_request_after_closing_fails(face, server_and_user):
    server, made = server_and_user(response(body=b"ok"))
    face.run(made.get, server.url)
    face.run(made.shut)
    with pytest.raises(httpx.ConnectError, match="The transport is closed"):
        face.run(made.get, server.url)
    server.wait_for(lambda: server.open_connections == 0)
    assert server.connections == 1


@pytest.mark.parametrize("script", [HALF, ENDLESS])
def test_a_reader_gets_an_error_for_the_incomplete_body(face, server_and_user, script):
    server, made = server_and_user(script)
    received = face.run(made.open, server.url)
    reading = face.start(Reader(made), "step", "read", received)
    face.run(made.shut)
    with pytest.raises(ENDED):
        reading.result(200)
    server.wait_for(lambda: server.open_connections == 0)


def test_a_caller_waiting_for_a_response_gets_an_error(face, server_and_user):
    server, made = server_and_user([Stall()])
    pending = face.start(Reader(made), "step", "get", server.url)
    server.wait_for(lambda: bool(server.requests))
    face.run(made.shut)
    with pytest.raises(httpx.TransportError):
        pending.result(200)
    server.wait_for(lambda: server.open_connections == 0)


def test_a_caller_waiting_for_a_connection_gets_an_error(face, server_and_user):
    server, made = server_and_user(HALF, limits=Limits(max_connections=1))
    holder = face.run(made.open, server.url)
    waiting = face.start(Reader(made), "step", "get", server.url)
    face.run(made.shut)
    with pytest.raises(httpx.ConnectError, match="The transport is closed"):
        waiting.result(200)
    face.run(made.close, holder)
    assert server.connections == 1


def test_a_response_closed_later_leaves_no_connection(face, server_and_user):
    server, made = server_and_user(in_turn(response(body=b"ok")))
    received = face.run(made.open, server.url)
    face.run(made.shut)
    face.run(made.close, received)
    server.wait_for(lambda: server.open_connections == 0)


@pytest.mark.parametrize("http2", [False, True])
def test_an_unfinished_handshake_leaves_no_connection(face, user, scripted, http2):
    server = scripted(on_connect=[Stall()])
    made = user(http2=http2)
    pending = face.start(Reader(made), "step", "get", server.url.replace("http:", "https:"))
    server.wait_for(lambda: server.connections == 1)
    face.run(made.shut)
    with pytest.raises(httpx.ConnectError):
        pending.result(200)
    server.wait_for(lambda: server.open_connections == 0)
