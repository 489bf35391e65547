"""Requests through the transports, on sync, asyncio and trio."""

from __future__ import annotations

import gc
import socket
import ssl
import threading

import httpx
import pytest

from httpconn.adapters.floattimeouts import FloatTimeout
from httpconn.errors import InvalidRequest
from httpconn.options import Limits
from httpconn.runtime.stepping import run_sync
from httpconn.transport import HTTPTransport
from tests.servers.scripted import Close, Pause, Reset, ScriptedServer, Stall, Until, in_turn, response

LONG = b"x" * 1_000_000


def test_a_plain_client_works_with_the_defaults(face, user, scripted):
    server = scripted(response(headers={"X-A": "1"}, body=b"ok"))
    received = face.run(user().get, server.url_for("/a%2Fb?x=%7e"))
    assert (received.status_code, received.headers["x-a"], received.content) == (200, "1", b"ok")
    assert server.requests[0].target == b"/a%2Fb?x=%7e"


def test_the_target_extension_is_sent_unchanged(face, user, scripted):
    server = scripted(response())
    made = user()

    async def visit():
        return await made.open(server.url, extensions={"target": b"/a/../%62"})

    face.run(made.close, face.run(visit))
    assert server.requests[0].target == b"/a/../%62"


def test_a_request_body_arrives(face, user, scripted):
    server = scripted(response())
    face.run(user().post, server.url, LONG)
    assert server.requests[0].body == LONG


def test_a_connection_is_used_again(face, user, scripted):
    server = scripted(response(body=b"ok"))
    made = user()
    for _ in range(3):
        face.run(made.get, server.url)
    assert server.connections == 1


def test_a_connection_that_the_server_ended_while_idle_is_replaced(face, user, scripted):
    server = scripted([response(body=b"ok"), Close()])
    made = user()
    for _ in range(3):
        assert face.run(made.get, server.url).content == b"ok"
        server.wait_for(lambda: server.open_connections == 0)
    assert server.connections == 3


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_limit_of_idle_connections(face, user, kept):
    with ScriptedServer(response()) as one, ScriptedServer(response()) as two, ScriptedServer(response()) as three:
        made = user(limits=Limits(max_connections=3, max_keepalive_connections=kept))
        servers = (one, two, three)
        for server in servers:
            face.run(made.get, server.url)
        for server in servers[: 3 - kept]:
            server.wait_for(lambda server=server: server.open_connections == 0)
        assert [server.open_connections for server in servers] == [0] * (3 - kept) + [1] * kept


def test_by_default_all_idle_connections_are_kept(face, user, scripted):
    server = scripted(response(body=b"ok"))
    made = user(limits=Limits(max_connections=30))
    for _ in range(2):
        responses = [face.run(made.open, server.url) for _ in range(30)]
        for each in responses:
            face.run(made.read, each)
    assert server.connections == 30


def test_busy_connections_do_not_count_as_idle(face, user, scripted):
    server = scripted(response(body=LONG))
    made = user(limits=Limits(max_connections=5, max_keepalive_connections=1))
    busy = [face.run(made.open, server.url) for _ in range(4)]
    face.run(made.get, server.url)
    face.run(made.get, server.url)
    assert server.connections == 5
    for received in busy:
        face.run(made.close, received)


def test_closing_an_incomplete_body_frees_the_slot_and_closes_the_connection(face, user, scripted):
    server = scripted(response(body=LONG * 5))
    made = user(limits=Limits(max_connections=1))
    for _ in range(3):
        received = face.run(made.open, server.url)
        assert face.run(made.first_bytes, received)
        face.run(made.close, received)
        del received
        gc.collect()
    server.wait_for(lambda: server.open_connections == 0)


def test_closing_the_client_ends_connections_in_use(face, user, scripted):
    server = scripted([response(headers={"Content-Length": "10"}, body=b"x"), Stall()])
    made = user()
    face.run(made.open, server.url)
    face.run(made.leave)
    server.wait_for(lambda: server.open_connections == 0)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([Reset()], httpx.ReadError),
        ([Close()], httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
        ([response(headers={"Content-Length": "10"}, body=b"x"), Close()], httpx.RemoteProtocolError),
        ([response(headers={"Content-Length": "10"}, body=b"x"), Pause(0.05), Reset()], httpx.ReadError),
    ],
)
def test_a_failed_exchange_raises_the_error_of_httpx_and_frees_the_slot(face, user, scripted, script, error):
    server = scripted(in_turn(script, script, response(body=b"ok")))
    made = user(limits=Limits(max_connections=1))
    for _ in range(2):
        with pytest.raises(error):
            face.run(made.get, server.url)
    assert face.run(made.get, server.url).content == b"ok"


def test_a_read_timeout_limits_each_wait(face, user, scripted):
    server = scripted([Stall()])
    made = user()
    with pytest.raises(httpx.ReadTimeout):
        face.run(lambda: made.get(server.url, timeout=httpx.Timeout(5, read=0.05)))


def test_a_float_timeout_limits_the_whole_head(face, user, scripted):
    # Each byte arrives in time, but the head never completes.
    server = scripted([b"HTTP/1.1 200 OK\r\nX: ", *(step for _ in range(2000) for step in (b"x", Pause(0.01)))])
    made = user()

    async def visit():
        return await made.open(server.url, extensions={"timeout": {"read": FloatTimeout(0.2)}})

    with pytest.raises(httpx.ReadTimeout):
        face.run(visit)


def test_an_expired_float_timeout_fails_at_once(face, user, scripted):
    server = scripted(response())
    made = user()

    async def visit(phase):
        return await made.open(server.url, extensions={"timeout": {phase: FloatTimeout(10, at=0.0)}})

    for phase in ("connect", "write", "read"):
        with pytest.raises(httpx.TimeoutException):
            face.run(visit, phase)


def test_the_pool_timeout_limits_the_wait_for_a_connection(face, user, scripted):
    server = scripted([response(headers={"Content-Length": "10"}, body=b"x"), Stall()])
    made = user(limits=Limits(max_connections=1))
    holder = face.run(made.open, server.url)
    with pytest.raises(httpx.PoolTimeout):
        face.run(lambda: made.get(server.url, timeout=httpx.Timeout(5, pool=0.05)))
    face.run(made.close, holder)


def test_waiting_requests_get_the_slot_of_a_closed_response(face, user, scripted):
    server = scripted(in_turn(response(body=LONG), response(body=b"ok")))
    made = user(limits=Limits(max_connections=1))
    holder = face.run(made.open, server.url)
    waiting = [_start(face, made, server.url) for _ in range(10)]
    face.run(made.close, holder)
    assert [future.result(200).content for future in waiting] == [b"ok"] * 10
    assert server.connections == 2


def test_many_requests_share_five_connections(face, user, scripted):
    server = scripted(response(body=b"ok"))
    made = user(
        limits=Limits(max_connections=5, keepalive_expiry=600)
    )  # on a slow machine, a connection is idle for long
    count = 300 if face.is_async else 100
    futures = [_start(face, made, server.url) for _ in range(count)]
    assert all(future.result(200).content == b"ok" for future in futures)
    assert server.connections <= 5


def test_two_requests_for_one_idle_connection(face, user, scripted):
    asked_for = threading.Event()
    server = scripted({"/": response(body=b"ok"), "/slow": [Until(asked_for), response(body=b"slow")]})
    made = user()
    face.run(made.get, server.url)
    slow = _start(face, made, server.url_for("/slow"))
    server.wait_for(lambda: len(server.requests) == 2)
    assert face.run(made.get, server.url).content == b"ok"
    asked_for.set()
    assert slow.result(200).content == b"slow"
    assert server.connections == 2


def test_a_host_that_does_not_resolve_is_named(face, user):
    with pytest.raises(httpx.ConnectError, match=r"nowhere\.invalid could not be resolved"):
        face.run(user().get, "http://nowhere.invalid/")


def test_a_refused_connection_names_host_and_reason(face, user):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match=rf"127\.0\.0\.1 port {port}: Connection refused") as caught:
        face.run(user().get, f"http://127.0.0.1:{port}/")
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_names_are_resolved(face, user, scripted):
    server = scripted(response(body=b"ok"))
    assert face.run(user().get, f"http://localhost:{server.port}/").content == b"ok"


def test_an_invalid_host_name_is_a_connect_error(face, user):
    with pytest.raises(httpx.ConnectError):
        face.run(user().get, f"http://{'a' * 64}.example/")


def test_local_address_and_socket_options_are_honoured(face, user, scripted):
    server = scripted(response())
    made = user(local_address="127.0.0.2", socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)])

    async def visit():
        received = await made.open(server.url)
        stream = received.extensions["network_stream"]
        sock = stream.get_extra_info("socket")
        found = stream.get_extra_info("client_addr")[0], stream.get_extra_info("server_addr")[1]
        options = [
            sock.getsockopt(*option)
            for option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        ]
        await made.close(received)
        return found, options

    (local, port), options = face.run(visit)
    assert (local, port) == ("127.0.0.2", server.port)
    assert all(options)


def test_a_unix_socket_is_dialled_instead_of_the_host(face, user, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve():
            sock, _ = listener.accept()
            with sock:
                sock.recv(10_000)
                sock.sendall(response(body=b"ok"))

        server = threading.Thread(target=serve)
        server.start()
        assert face.run(user(uds=path).get, "http://anything.example/").content == b"ok"
        server.join()


def test_a_missing_unix_socket_is_a_connect_error(face, user, tmp_path):
    with pytest.raises(httpx.ConnectError, match="No such file"):
        face.run(user(uds=str(tmp_path / "none")).get, "http://anything.example/")


def test_https(face, user, scripted, certificates):
    server = scripted(response(body=LONG), tls=certificates.good)
    made = user(ssl_context=certificates.trust())
    for host in ("127.0.0.1", "localhost"):
        assert face.run(made.get, f"https://{host}:{server.port}/").content == LONG


def test_the_network_stream_has_the_tls_object(face, user, scripted, certificates):
    server = scripted(response(), tls=certificates.good)
    made = user(ssl_context=certificates.trust())
    received = face.run(made.open, server.url)
    tls = received.extensions["network_stream"].get_extra_info("ssl_object")
    assert tls.version() == "TLSv1.3"
    face.run(made.close, received)


@pytest.mark.parametrize("which", ["wrong_host", "expired", "unknown_authority"])
def test_a_bad_certificate_is_a_connect_error_before_anything_is_sent(face, user, scripted, certificates, which):
    server = scripted(response(), tls=getattr(certificates, which))
    made = user(ssl_context=certificates.trust(), limits=Limits(max_connections=1))
    for _ in range(2):
        with pytest.raises(httpx.ConnectError) as caught:
            face.run(made.get, server.url)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert server.requests == []
    server.wait_for(lambda: server.open_connections == 0)


def test_a_server_without_tls_is_a_connect_error(face, user, scripted):
    server = scripted(on_connect=[b"220 hello\r\n", Stall()])
    with pytest.raises(httpx.ConnectError):
        face.run(user().get, server.url.replace("http:", "https:"))


def test_the_connect_timeout_includes_the_handshake(face, user, scripted):
    server = scripted(on_connect=[Stall()])
    made = user()

    async def visit():
        url = server.url.replace("http:", "https:")
        return await made.open(url, extensions={"timeout": {"connect": FloatTimeout(0.1)}})

    with pytest.raises(httpx.ConnectTimeout):
        face.run(visit)
    server.wait_for(lambda: server.open_connections == 0)


def test_http2(face, user, http2_server, certificates):
    made = user(ssl_context=certificates.trust(), http2=True)
    received = face.run(made.get, http2_server)
    assert received.http_version == "HTTP/2"


def test_an_invalid_proxy_is_rejected_without_its_secrets():
    for proxy in ("ftp://user:secret@host:1", "http://user:secret@", "http://user:secret@h:x", 5):
        with pytest.raises(InvalidRequest) as caught:
            HTTPTransport(proxy=proxy)
        assert "secret" not in str(caught.value)


def _start(face, made, url):
    """Start a GET that runs concurrently with the test."""
    return face.start(_Getter(made), "fetch", url)


class _Getter:
    def __init__(self, made):
        self._made = made

    def fetch(self, url):
        return run_sync(self._made.get(url))

    async def async_fetch(self, url):
        return await self._made.get(url, timeout=None)


@pytest.mark.parametrize(
    "step",
    [
        "connection.connect_tcp",
        "connection.start_tls",
        "http11.send_request_headers",
        "http11.send_request_body",
        "http11.receive_response_headers",
    ],
)
@pytest.mark.parametrize("moment", ["started", "complete"])
def test_a_failing_trace_callback_leaves_no_connection_open(face, user, certificates, step, moment):
    class Failure(Exception):
        pass

    def told(event, info):
        if event == f"{step}.{moment}":
            raise Failure

    async def awaited(event, info):
        told(event, info)

    with ScriptedServer(response(body=b"ok"), tls=certificates.good) as server:
        made = user(ssl_context=certificates.trust())

        async def visit():
            return await made.open(server.url, extensions={"trace": awaited if face.is_async else told})

        with pytest.raises(Failure):
            face.run(visit)
        gc.collect()
        server.wait_for(lambda: server.open_connections == 0)
        assert face.run(made.get, server.url).content == b"ok"
