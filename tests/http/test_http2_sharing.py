"""Calls that share an HTTP/2 connection: the first connection, waiting calls, and calls that end early."""

from __future__ import annotations

import queue
import threading

import h2.config
import h2.connection
import h2.events
import hyperframe.frame as frames
import pytest

import httpconn
from tests.http.frames import STATUS_200, Send, respond_on, responding_http2_peer, serving
from tests.servers.application import pattern
from tests.servers.faces import PATIENCE
from tests.servers.nginx import PROGRAM, serve_nginx
from tests.servers.scripted import Received, response

SETTINGS = frames.SettingsFrame(0).serialize()
MIB = 2**20


def connections(connection: httpconn.HTTPConnection) -> int:
    return connection.stats().connections.made


def all_of(face, connection, url: str, count: int) -> list[bytes]:
    calls = [face.start(connection, "get_bytes", url, timeout=PATIENCE) for _ in range(count)]
    return [call.result(PATIENCE) for call in calls]


def test_calls_wait_for_the_first_connection_and_share_it(face, connect, http2_server, certificates):
    connection = connect(http2=True, verify=certificates.trust(), retries=0)
    assert all_of(face, connection, f"{http2_server}/bytes/3", 32) == [pattern(3)] * 32
    assert connections(connection) == 1


def test_an_origin_that_declines_is_dialled_as_usual(face, connect, scripted, certificates):
    together = threading.Barrier(4)

    def respond(request: Received) -> bytes:
        if request.target != b"/first":
            together.wait(PATIENCE)  # so each needs a connection
        return response(body=b"ok")

    server = scripted(respond, tls=certificates.good)
    connection = connect(http2=True, verify=certificates.trust(), retries=0)
    assert face.get_bytes(connection, f"{server.url}/first") == b"ok"
    assert all_of(face, connection, server.url, 4) == [b"ok"] * 4
    assert server.connections == 4


def test_every_third_stream_is_refused(face, connect, certificates):
    asked: list[int] = []

    def respond(send: Send, stream: int) -> None:
        asked.append(stream)
        send(frames.RstStreamFrame(stream, 7).serialize() if len(asked) % 3 == 0 else respond_on(stream))

    with responding_http2_peer(certificates, SETTINGS, respond) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert all_of(face, connection, url, 10) == [b"late"] * 10
        assert [face.get_bytes(connection, url) for _ in range(10)] == [b"late"] * 10
        assert connections(connection) == 1
        face.close(connection)


def test_a_server_that_refuses_every_stream(face, connect, certificates):
    def refuse(send: Send, stream: int) -> None:
        send(frames.RstStreamFrame(stream, 7).serialize())

    with responding_http2_peer(certificates, SETTINGS, refuse) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        with pytest.raises(httpconn.ReadFailed, match="REFUSED_STREAM"):
            face.get_bytes(connection, url)
        face.close(connection)


def test_fewer_streams_than_calls(face, connect, certificates):
    one = frames.SettingsFrame(0, settings={frames.SettingsFrame.MAX_CONCURRENT_STREAMS: 1}).serialize()
    with responding_http2_peer(certificates, one, lambda send, stream: send(respond_on(stream))) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert all_of(face, connection, url, 20) == [b"late"] * 20
        assert connections(connection) == 1
        face.close(connection)


def test_an_unread_response_delays_no_other(face, connect, http2_server, certificates):
    connection = connect(http2=True, verify=certificates.trust(), retries=0, timeout=PATIENCE)
    size = 8 * MIB
    with face.enter(face.get_response(connection, f"{http2_server}/bytes/{size}", stream=True)) as unread:
        assert all_of(face, connection, f"{http2_server}/bytes/1000", 64) == [pattern(1000)] * 64
        assert face.read(unread) == pattern(size)
    assert connections(connection) == 1


def begun_on(stream: int) -> bytes:
    """Return a response with an endless body."""
    head = frames.HeadersFrame(stream, STATUS_200, flags=["END_HEADERS"])
    return head.serialize() + frames.DataFrame(stream, b"begun").serialize()


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)  # no thread can be cancelled
def test_calls_that_are_cancelled_cost_no_connection(face, connect, certificates):
    asked: queue.Queue[int] = queue.Queue()

    def respond(send: Send, stream: int) -> None:
        send(begun_on(stream) if stream % 4 == 1 else respond_on(stream))
        asked.put(stream)

    with responding_http2_peer(certificates, SETTINGS, respond) as url:
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        for _ in range(300):
            call = face.start(connection, "get_bytes", url, timeout=PATIENCE)
            asked.get(timeout=PATIENCE)
            assert face.get_bytes(connection, url) == b"late"
            asked.get(timeout=PATIENCE)
            face.cancel(call)
        assert connections(connection) == 1
        face.close(connection)


def test_threads_that_are_interrupted_leave_the_connection_to_others(certificates):
    is_over = threading.Event()

    def respond(send: Send, stream: int) -> None:
        send(respond_on(stream) if stream == 1 or is_over.is_set() else begun_on(stream))

    with (
        responding_http2_peer(certificates, SETTINGS, respond) as url,
        httpconn.HTTPConnection(http2=True, verify=certificates.trust(), retries=0) as connection,
    ):
        with connection.get_many([url] * 5, concurrency=5) as results:
            assert next(iter(results)).error is None
        is_over.set()
        assert connection.get_bytes(url, timeout=PATIENCE) == b"late"
        assert connections(connection) == 1


def test_a_tunnel(face, connect, http2_server, certificates, proxy_server):
    connection = connect(http2=True, verify=certificates.trust(), proxy=proxy_server.url)
    received = face.get_response(connection, f"{http2_server}/bytes/100000")
    assert (received.http_version, received.content) == ("HTTP/2", pattern(100_000))


def echo(client) -> None:
    """Send each request's body back as it arrives."""
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    client.sendall(server.data_to_send())
    waiting = bytearray()
    ended = False
    while data := client.recv(65536):
        for event in server.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                server.send_headers(event.stream_id, [(":status", "200")])
            elif isinstance(event, h2.events.DataReceived):
                server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                waiting += event.data
            elif isinstance(event, h2.events.StreamEnded):
                ended = True
        while waiting and (room := min(server.local_flow_control_window(1), 16384)):
            server.send_data(1, bytes(waiting[:room]))
            del waiting[:room]
        if ended and not waiting:
            server.end_stream(1)
            ended = False
        client.sendall(server.data_to_send())


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_large_body_both_ways(face, user, certificates, in_parts):
    """The server reads no more until the client reads, so the client does both."""
    body = pattern(6 * MIB)
    parts = [body[at : at + MIB] for at in range(0, len(body), MIB)]

    async def async_parts():
        for part in parts:
            yield part

    with serving(certificates, echo) as url:
        made = user(http2=True, ssl_context=certificates.trust())
        content = (async_parts() if face.is_async else iter(parts)) if in_parts else body
        assert face.run(made.post, url, content).content == body
        face.run(made.leave)


def test_a_download(face, connect, http2_server, certificates, tmp_path):
    connection = connect(http2=True, verify=certificates.trust())
    path = face.download_file(connection, f"{http2_server}/bytes/{4 * MIB}", tmp_path / "file")
    assert path.read_bytes() == pattern(4 * MIB)


@pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed (Debian: nginx-light)")
def test_a_server_that_ends_connections_after_a_few_requests(face, connect, certificates, tmp_path):
    with serve_nginx(tmp_path, certificates) as nginx:
        (nginx.files / "file").write_bytes(b"content")
        connection = connect(http2=True, verify=certificates.trust(), retries=0)
        assert all_of(face, connection, f"{nginx.secure_url}/file", 100) == [b"content"] * 100
        face.close(connection)
