"""Requests that an HTTP/2 server does not process are sent again, without the use of an attempt."""

from __future__ import annotations

import socket

import hyperframe.frame as frames
import pytest

from tests.http.frames import respond_on, respond_streams, responding_http2_peer, serving

SETTINGS = frames.SettingsFrame(0).serialize()
HTTP_1_1_REQUIRED = 0xD
REFUSALS = {
    "reset": lambda stream: frames.RstStreamFrame(stream, error_code=HTTP_1_1_REQUIRED),
    "goaway": lambda _: frames.GoAwayFrame(0, last_stream_id=0, error_code=HTTP_1_1_REQUIRED),
    "goaway that names the stream": lambda stream: frames.GoAwayFrame(
        0, last_stream_id=stream, error_code=HTTP_1_1_REQUIRED
    ),
}


@pytest.fixture(params=REFUSALS)
def server(request, certificates):
    """A server that accepts HTTP/2 and then requires HTTP/1.1."""
    refuse = REFUSALS[request.param]

    def respond(send, stream):
        send(refuse(stream).serialize())
        if request.param != "reset":
            raise ConnectionError

    def meet(client):
        if client.selected_alpn_protocol() != "h2":
            respond_http1(client)
            return
        try:
            respond_streams(client, SETTINGS, respond)
        except ConnectionError:
            client.shutdown(socket.SHUT_WR)
            while client.recv(10_000):
                pass

    with serving(certificates, meet, "h2", "http/1.1") as url:
        yield url


def respond_http1(client) -> None:
    received = b""
    while data := client.recv(10_000):
        received += data
        for _ in range(received.count(b"\r\n\r\n")):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        received = received.rpartition(b"\r\n\r\n")[2]


def test_an_origin_that_requires_http_1_gets_it(face, server, connect, certificates):
    connection = connect(http2=True, verify=certificates.trust(), retries=0)
    started = [face.start(connection, "get_response", server) for _ in range(6)]
    assert [(each.result().http_version, each.result().content) for each in started] == [("HTTP/1.1", b"ok")] * 6
    made = connection.stats().connections.made
    assert face.get_bytes(connection, server) == b"ok"
    pool = connection.stats().connections
    assert (pool.made, pool.open, pool.waiting) == (made, pool.idle, 0)


@pytest.fixture
def refusing(certificates):
    """A server that refuses every third stream."""

    def respond(send, stream):
        refused = frames.RstStreamFrame(stream, error_code=7).serialize()
        send(refused if stream // 2 % 3 == 0 else respond_on(stream))

    with responding_http2_peer(certificates, SETTINGS, respond) as url:
        yield url


def test_streams_that_the_server_refuses_now_and_then(face, refusing, connect, certificates):
    """RFC 9113 section 8.7: a refused request was not processed."""
    connection = connect(http2=True, verify=certificates.trust(), retries=0)
    started = [face.start(connection, "get_bytes", refusing) for _ in range(30)]
    assert [each.result() for each in started] == [b"late"] * 30
    pool = connection.stats().connections
    assert pool.made == 1
    assert pool.reused in (29, 30)  # requests that were refused do not count; the first one may be among them
