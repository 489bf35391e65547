"""Requests to proxies, their responses, and reuse of connections; on sync, asyncio and trio."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager

import anyio
import anyio.to_thread
import httpx
import pytest

import httpconn
from httpconn import Proxy
from httpconn.http import http1body
from httpconn.options import Limits
from httpconn.transport import AsyncHTTPTransport
from tests.http.acceptor import Acceptor
from tests.network.test_proxies import relay
from tests.servers.faces import PATIENCE
from tests.servers.scripted import Close, Drip, Forever, Stall, response

CHALLENGE = {"Proxy-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}


class Steps:
    """An authentication scheme with several rounds."""

    def __init__(self) -> None:
        self.challenges: list[list[str]] = []

    def authenticate(self, method, target):
        for value in ("Step 1", "Step 2", "Step 3"):
            self.challenges.append((yield value))


class Endless:
    """An authentication scheme with endless rounds."""

    def authenticate(self, method, target):
        while True:
            yield "Again"


def values(server):
    return [request.header("proxy-authorization") for request in server.requests]


def in_turn(*responses):
    """Return a script: one response for each request, and the last one for all others."""
    left = list(responses)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def test_a_request_is_forwarded_in_absolute_form(face, connect, scripted):
    proxy = scripted(response(body=b"ok"))
    connection = connect(proxy=Proxy(proxy.url, auth=("u", "p"), headers={"X-Tag": "1", "Accept": "no"}))
    assert face.get_bytes(connection, "http://example.com:8080/a?b=%7E", extra_headers={"Accept": "*/*"}) == b"ok"
    [request] = proxy.requests
    assert (request.target, request.header("host")) == (b"http://example.com:8080/a?b=%7E", "example.com:8080")
    assert (request.header("x-tag"), request.header("proxy-authorization")) == ("1", "Basic dTpw")
    assert request.header("accept") == "*/*"


def test_a_connection_to_a_proxy_serves_all_hosts(face, connect, scripted):
    proxy = scripted(response(body=b"ok"))
    for limits, connections in ((Limits(), 1), (Limits(max_per_host=1), 3)):
        before = proxy.connections
        connection = connect(proxy=proxy.url, limits=limits)
        for host in "abcabc":
            assert face.get_bytes(connection, f"http://{host}.example/") == b"ok"
        assert proxy.connections - before == connections


def test_digest_credentials_are_sent_after_a_407(face, connect, scripted):
    proxy = scripted(in_turn(response(407, CHALLENGE, b"x" * 1000), response(body=b"ok")))
    connection = connect(proxy=Proxy(proxy.url, auth=("u", "p")), retries=0)
    assert face.get_bytes(connection, "http://example.com/") == b"ok"
    assert [value.partition(" ")[0] for value in values(proxy)] == ["Basic", "Digest"]
    assert face.get_bytes(connection, "http://example.com/") == b"ok"
    assert "nc=00000002" in values(proxy)[2]
    assert proxy.connections == 1


def test_a_final_407_is_the_response(face, connect, scripted):
    proxy = scripted(response(407, {"Proxy-Authenticate": "Basic"}, b"no"))
    with pytest.raises(httpconn.StatusError) as caught:
        face.get_bytes(connect(proxy=Proxy(proxy.url, auth=("u", "p"))), "http://example.com/")
    assert caught.value.status_code == 407
    assert len(proxy.requests) == 1


def test_an_endless_body_of_a_407_is_not_awaited(face, connect, scripted):
    endless = [b"HTTP/1.1 407 No\r\nProxy-Authenticate: X\r\n\r\n", Forever(b"x" * 10_000)]
    proxy = scripted(in_turn(endless, response(body=b"ok")))
    connection = connect(proxy=Proxy(proxy.url, auth=Steps()), retries=0)
    assert face.get_bytes(connection, "http://example.com/") == b"ok"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("framing", [b"", b"Connection: close\r\nContent-Length: 20\r\n"])
def test_a_body_of_a_407_is_not_awaited_if_its_end_closes_the_connection(
    face, connect, scripted, scheme, framing, monkeypatch
):
    monkeypatch.setattr(http1body, "DISCARD_TIME", 60.0)
    proxy = scripted(in_turn([b"HTTP/1.1 407 No\r\n" + framing + b"\r\nx", Stall()], response(503)))
    connection = connect(proxy=Proxy(proxy.url, auth=Steps()), retries=0)
    with pytest.raises((httpconn.StatusError, httpconn.ProxyFailed), match="503"):
        face.get_bytes(connection, f"{scheme}://example.com/", timeout=3)
    assert proxy.connections == 2


def refusal_in_parts(every):
    return [b"HTTP/1.1 407 No\r\nContent-Length: 20\r\n\r\n", Drip(b"x" * 20, every=every)]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_body_of_a_407_in_many_parts_keeps_the_connection(face, connect, scripted, scheme, monkeypatch):
    monkeypatch.setattr(http1body, "DISCARD_TIME", PATIENCE)  # a busy machine may take longer than the real limit
    proxy = scripted(in_turn(refusal_in_parts(0.001), response(503)))
    connection = connect(proxy=Proxy(proxy.url, auth=Steps()), retries=0)
    with pytest.raises((httpconn.StatusError, httpconn.ProxyFailed), match="503"):
        face.get_bytes(connection, f"{scheme}://example.com/")
    assert proxy.connections == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_slow_body_of_a_407_closes_the_connection(face, connect, scripted, scheme):
    proxy = scripted(in_turn(refusal_in_parts(0.5), response(503)))
    connection = connect(proxy=Proxy(proxy.url, auth=Steps()), retries=0)
    with pytest.raises((httpconn.StatusError, httpconn.ProxyFailed), match="503"):
        face.get_bytes(connection, f"{scheme}://example.com/", timeout=6)
    assert proxy.connections == 2


def test_the_number_of_authentication_rounds_is_limited(face, connect, scripted):
    proxy = scripted(response(407))
    connection = connect(proxy=Proxy(proxy.url, auth=Endless()), retries=0)
    with pytest.raises(httpconn.StatusError):
        face.get_bytes(connection, "http://example.com/")
    with pytest.raises(httpconn.ProxyFailed):
        face.get_bytes(connection, "https://example.com/")
    assert len(proxy.requests) == 10


def test_authentication_rounds_of_a_request_share_a_connection(face, connect, scripted):
    """Other calls wait for a connection, and must not get one between two rounds, as NTLM requires."""
    last: dict[int, str] = {}

    def respond(request):
        value, before = request.header("proxy-authorization"), last.get(request.connection, "")
        last[request.connection] = value
        if value != "Step 1" and int(value[-1]) != int(before[-1]) + 1:
            return response(400)
        return response(body=b"ok") if value == "Step 3" else response(407, {"Proxy-Authenticate": value}, b"no")

    proxy = scripted(respond)
    connection = connect(proxy=Proxy(proxy.url, auth=Steps()), retries=0, limits=Limits(max_connections=3))
    started = [face.start(connection, "get_bytes", f"http://{host}.example/") for host in "abcd" * 5]
    assert [each.result(PATIENCE) for each in started] == [b"ok"] * 20
    assert proxy.connections <= 3
    assert connection.stats().connections.open == connection.stats().connections.idle


def test_a_proxy_that_closes_the_connection_between_rounds(face, connect, scripted):
    refusal = [response(407, {"Connection": "close"}, b"no"), Close()]
    proxy = scripted(in_turn(refusal, refusal, response(body=b"ok")))
    connection = connect(proxy=Proxy(proxy.url, auth=Steps()), retries=0, limits=Limits(max_connections=1))
    assert face.get_bytes(connection, "http://example.com/") == b"ok"
    assert values(proxy) == ["Step 1", "Step 2", "Step 3"]
    assert [request.connection for request in proxy.requests] == [1, 2, 3]


@pytest.mark.parametrize("value", [b"bytes", "a\r\nX: S3CRET"])
def test_a_scheme_that_yields_an_invalid_field_value(face, connect, scripted, value):
    class Wrong:
        def authenticate(self, method, target):
            yield value

    proxy = scripted(response())
    connection = connect(proxy=Proxy(proxy.url, auth=Wrong()), retries=0)
    for url in ("http://example.com/", "https://example.com/"):
        with pytest.raises(httpconn.InvalidRequest) as caught:
            face.get_bytes(connection, url)
        assert "S3CRET" not in str(caught.value)
    assert proxy.requests == []


def test_a_request_with_a_bytes_body_is_repeated(face, user, scripted):
    proxy = scripted(in_turn(response(407), response(body=b"ok")))
    made = user(proxy=Proxy(proxy.url, auth=Steps()))
    assert face.run(made.post, "http://example.com/", b"data").content == b"ok"
    assert [request.body for request in proxy.requests] == [b"data"] * 2


class Origin:
    """A tunnelling proxy that sends the given responses to CONNECT, and records the requests."""

    def __init__(self, *responses: bytes) -> None:
        self.heads: list[bytes] = []
        self._responses = iter(responses)
        self._lock = threading.Lock()

    def meet(self, sock) -> None:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                data = sock.recv(10_000)
                if not data:
                    return
                head += data
            with self._lock:
                self.heads.append(head)
                head_sent = next(self._responses, b"HTTP/1.1 200 OK\r\n\r\n")
            sock.sendall(head_sent)
            if not head_sent.startswith(b"HTTP/1.1 407"):
                target = head.split(b" ")[1].decode()
                host, _, port = target.rpartition(":")
                relay(sock, host, int(port))
                return
            if b"close" in head_sent:
                return


@contextmanager
def tunnelling(*responses: bytes):
    origin = Origin(*responses)
    with Acceptor(origin.meet) as acceptor:
        yield origin, f"http://127.0.0.1:{acceptor.port}"


REFUSAL = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Step %d\r\nContent-Length: 2\r\n%b\r\nno"


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_authentication_rounds_of_a_tunnel(face, connect, scripted, certificates, closing):
    server, auth = scripted(response(body=b"ok"), tls=certificates.good), Steps()
    with tunnelling(REFUSAL % (1, closing), REFUSAL % (2, closing)) as (proxy, url):
        made = Proxy(url, auth=auth, headers={"X-Tag": "1"})
        connection = connect(proxy=made, verify=certificates.trust(), retries=0)
        for _ in range(2):
            got = face.get_bytes(connection, server.url, extra_headers={"Authorization": "S3CRET"})
            assert got == b"ok"
        face.close(connection)
    assert [head.split(b"Step ")[1][:1] for head in proxy.heads] == [b"1", b"2", b"3"]
    assert auth.challenges == [["Step 1"], ["Step 2"]]
    assert all(b"S3CRET" not in head and b"X-Tag: 1" in head and b"User-Agent" not in head for head in proxy.heads)
    assert all(request.header(name) is None for request in server.requests for name in ("x-tag", "proxy-authorization"))
    assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200\r\n\r\n",
    ],
    ids=["length", "chunked", "nonsense", "HTTP/1.0", "close", "interim"],
)
def test_framing_fields_of_a_tunnel_are_ignored(face, connect, scripted, certificates, head):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    with tunnelling(head) as (_, url):
        connection = connect(proxy=url, verify=certificates.trust(), retries=0)
        assert face.get_bytes(connection, server.url) == b"ok"
        face.close(connection)


@pytest.mark.parametrize(("status", "retryable"), [(403, False), (407, False), (502, True), (504, True)])
def test_the_error_of_a_refused_tunnel_has_its_status(face, connect, scripted, status, retryable):
    proxy = scripted(response(status))
    with pytest.raises(httpconn.ProxyFailed, match=f"{status}.*") as caught:
        face.get_bytes(connect(proxy=proxy.url, retries=0), "https://example.com/")
    assert (caught.value.status_code, caught.value.retryable) == (status, retryable)
    assert isinstance(caught.value, httpx.ProxyError)


def test_a_proxy_that_closes_the_connection_is_an_error(face, connect, scripted):
    proxy = scripted([Close()])
    with pytest.raises(httpconn.ProxyFailed) as caught:
        face.get_bytes(connect(proxy=proxy.url, retries=0), "https://example.com/")
    assert (caught.value.status_code, caught.value.retryable) == (None, True)


def test_a_tunnel_is_reused_for_its_origin_only(face, connect, scripted, certificates):
    first, second = (scripted(response(body=b"ok"), tls=certificates.good) for _ in range(2))
    with tunnelling() as (proxy, url):
        connection = connect(proxy=url, verify=certificates.trust())
        for server in (first, second, first, second):
            assert face.get_bytes(connection, server.url) == b"ok"
        face.close(connection)
    assert len(proxy.heads) == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_call_that_is_cancelled_leaves_no_connection(backend, scheme, scripted):
    proxy = scripted([Stall()], on_connect=[Stall()] if scheme == "socks5h" else [])
    url = proxy.url.replace("http:", f"{scheme}:")

    async def main() -> None:
        limits = Limits(max_connections=1)
        async with httpx.AsyncClient(transport=AsyncHTTPTransport(proxy=url, limits=limits)) as client:
            for number in range(1, 4):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.get, "https://example.com/")
                    await anyio.to_thread.run_sync(proxy.wait_for, lambda number=number: proxy.connections == number)
                    tasks.cancel_scope.cancel()
                await anyio.to_thread.run_sync(proxy.wait_for, lambda: proxy.open_connections == 0)

    anyio.run(main, backend=backend)


def test_an_https_proxy_is_verified_by_its_own_context(face, connect, scripted, certificates):
    proxy = scripted(response(body=b"ok"), tls=certificates.good)
    trusting = Proxy(proxy.url, ssl_context=ssl.create_default_context(cafile=certificates.files.authority))
    assert face.get_bytes(connect(proxy=trusting), "http://example.com/") == b"ok"
    with pytest.raises(httpconn.TLSFailed):
        face.get_bytes(connect(proxy=proxy.url, verify=certificates.trust(), retries=0), "http://example.com/")


def test_a_target_that_would_change_the_host_is_rejected(face, user, scripted):
    proxy = scripted(response())
    made = user(proxy=proxy.url)
    with pytest.raises(httpx.LocalProtocolError):
        face.run(lambda: made.open("http://example.com/", extensions={"target": b"@evil.example/"}))
    assert proxy.requests == []


def test_the_error_of_a_refused_tunnel_does_not_repeat_the_proxys_text(face, connect, scripted):
    proxy = scripted(b"HTTP/1.1 403 no access for user:secret\r\nContent-Length: 0\r\n\r\n")
    connection = connect(proxy=proxy.url.replace("://", "://user:secret@"), retries=0)
    with pytest.raises(httpconn.ProxyFailed, match="403 Forbidden") as caught:
        face.get_bytes(connection, "https://origin.example/")
    assert "secret" not in str(caught.value)
