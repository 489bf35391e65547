"""The test servers behave as documented, because all other tests depend on them."""

from __future__ import annotations

import gc
import gzip
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio
import httpx
import pytest

from tests.servers.application import DOCUMENT, TEXT, app, pattern
from tests.servers.scripted import (
    Close,
    Drip,
    Forever,
    Pause,
    Reset,
    ScriptedServer,
    Stall,
    Until,
    chunked,
    in_turn,
    response,
)


def ask(server: ScriptedServer, context: ssl.SSLContext | None = None) -> socket.socket:
    """Return a connection on which one request was sent."""
    sock = socket.create_connection(("127.0.0.1", server.port), 5)
    if context:
        sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(b"GET /a%2Fb?x=%2F HTTP/1.1\r\nHost: x\r\nX-Odd:  Two Words \r\n\r\n")
    return sock


def read_to_end(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


class TestScripts:
    def test_one_response_for_all_requests(self, scripted):
        server = scripted(response(body=b"same"))
        with httpx.Client() as client:
            assert [client.get(server.url).content for _ in range(3)] == [b"same"] * 3
        assert server.connections == 1

    def test_responses_are_sent_in_order_and_the_last_repeats(self, scripted):
        server = scripted(in_turn(response(503), [response(body=b"ok")]))
        with httpx.Client() as client:
            assert [client.get(server.url).status_code for _ in range(3)] == [503, 200, 200]

    def test_responses_by_path_and_query(self, scripted):
        server = scripted({"/a": response(body=b"a"), "/a?b=%2F": lambda request: response(body=request.target)})
        with httpx.Client() as client:
            assert client.get(server.url_for("/a?c")).content == b"a"
            assert client.get(server.url_for("/a?b=%2F")).content == b"/a?b=%2F"
            assert client.get(server.url_for("/b")).status_code == 404

    def test_a_mistake_in_a_script_is_raised_when_the_server_is_left(self):
        with pytest.raises(ZeroDivisionError), ScriptedServer(lambda request: 1 // 0) as server, ask(server) as sock:
            assert read_to_end(sock) == b""


class TestRecord:
    def test_requests_are_kept_byte_for_byte(self, scripted):
        server = scripted([response(), Close()])
        with ask(server) as sock:
            read_to_end(sock)
            port = sock.getsockname()[1]
        (request,) = server.requests
        assert (request.method, request.target, request.path) == ("GET", b"/a%2Fb?x=%2F", "/a%2Fb")
        assert request.headers == ((b"Host", b"x"), (b"X-Odd", b"Two Words"))
        assert request.header("x-odd") == "Two Words"
        assert (request.connection, request.peer_port) == (1, port)

    def test_a_request_body_is_kept(self, scripted):
        server = scripted(response())
        httpx.post(server.url, content=b"payload")
        assert server.requests[0].body == b"payload"

    def test_connections_are_counted(self, scripted):
        server = scripted(response())
        with ask(server), ask(server):
            server.wait_for(lambda: len(server.requests) == 2)
            assert (server.connections, server.open_connections) == (2, 2)
        server.wait_for(lambda: server.open_connections == 0)
        assert server.connections == 2

    def test_waiting_in_vain_is_an_assertion_error(self, scripted):
        server = scripted(response())
        with pytest.raises(AssertionError, match="requests=0"):
            server.wait_for(lambda: bool(server.requests), timeout=0.01)


class TestSteps:
    def test_bytes_and_pauses(self, scripted):
        server = scripted([b"one ", Pause(0.01), b"two", Close()])
        with ask(server) as sock:
            assert read_to_end(sock) == b"one two"

    def test_reset_breaks_the_connection(self, scripted):
        server = scripted([b"half", Reset()])
        with ask(server) as sock, pytest.raises(ConnectionResetError):
            read_to_end(sock)

    def test_drip(self, scripted):
        server = scripted([Drip(b"abcde", every=0.001, size=2), Close()])
        with ask(server) as sock:
            assert read_to_end(sock) == b"abcde"

    def test_stall_ends_when_the_client_goes(self, scripted):
        server = scripted([b"start", Stall()])
        with ask(server) as sock:
            assert sock.recv(5) == b"start"
        server.wait_for(lambda: server.open_connections == 0)

    def test_forever_ends_at_its_limit(self, scripted):
        server = scripted([Forever(b"x" * 100, limit=1000)])
        with ask(server) as sock:
            assert read_to_end(sock) == b"x" * 1000

    def test_forever_ends_when_the_client_goes(self, scripted):
        server = scripted([Forever(b"x" * 65536)])
        with ask(server) as sock:
            sock.recv(1)
        server.wait_for(lambda: server.open_connections == 0)

    def test_until_delays_the_response(self, scripted):
        opened = threading.Event()
        server = scripted([Until(opened), b"now", Close()])
        with ask(server) as sock:
            server.wait_for(lambda: len(server.requests) == 1)
            opened.set()
            assert read_to_end(sock) == b"now"

    def test_steps_on_connect_come_before_any_request(self, scripted):
        server = scripted(on_connect=[b"early", Close()])
        with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
            assert read_to_end(sock) == b"early"

    def test_the_server_drops_idle_connections(self, scripted):
        server = scripted(response(body=b"ok"))
        with ask(server) as sock:
            assert sock.recv(1000).endswith(b"ok")
            server.drop_connections()
            assert sock.recv(1000) == b""
            assert server.open_connections == 0


class TestStopping:
    @pytest.mark.parametrize("step", [Stall(), Pause(60), Forever(b"x" * 65536), Until(threading.Event()), b""])
    def test_a_server_stops_whatever_it_does(self, step):
        with ScriptedServer([step]) as server:
            sock = ask(server)
            server.wait_for(lambda: len(server.requests) == 1)
        with sock, pytest.raises(ConnectionRefusedError):
            ask(server)
        assert server.open_connections == 0

    def test_a_tls_server_stops_whatever_it_does(self, certificates):
        with ScriptedServer([Stall()], tls=certificates.good) as server:
            sock = ask(server, certificates.trust())
            stranger = socket.create_connection(("127.0.0.1", server.port))  # never shakes hands
            server.wait_for(lambda: len(server.requests) == 1 and server.connections == 2)
        sock.close()
        stranger.close()
        assert server.open_connections == 0

    def test_a_thousand_connections_at_once(self, scripted):
        opened = threading.Event()
        server = scripted([Until(opened), response(body=b"ok")])
        socks = [ask(server) for _ in range(1000)]
        server.wait_for(lambda: len(server.requests) == 1000)
        opened.set()
        for sock in socks:
            with sock:
                assert sock.recv(1000).endswith(b"ok")
        server.wait_for(lambda: server.open_connections == 0)
        assert server.connections == 1000


class TestResponse:
    def test_length(self):
        expected = b"HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 2\r\n\r\nno"
        assert response(404, {"A": "b"}, b"no") == expected

    def test_a_given_length_can_be_wrong(self):
        assert response(headers={"content-length": "9"}).count(b"ontent-") == 1

    @pytest.mark.parametrize("status", [100, 204, 304])
    def test_no_length_where_there_is_no_body(self, status):
        assert b"Content-Length" not in response(status)

    def test_close_delimited(self):
        assert response(reason="Fine", body=b"x", framing="close") == b"HTTP/1.1 200 Fine\r\n\r\nx"

    def test_chunked(self):
        assert response(body=b"abc", framing="chunked").endswith(b"chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert chunked(b"abcd", size=3) == b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"

    def test_headers_may_repeat(self):
        assert response(headers=[("A", "1"), (b"A", b"2")]).count(b"A: ") == 2


class TestTLS:
    def test_good(self, scripted, certificates):
        server = scripted(response(body=b"safe"), tls=certificates.good)
        for host in ("127.0.0.1", "localhost"):
            url = server.url.replace("127.0.0.1", host)
            assert httpx.get(url, verify=certificates.trust()).content == b"safe"

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("wrong_host", "IP address mismatch"),
            ("expired", "certificate has expired"),
            ("unknown_authority", "unable to get local issuer"),
        ],
    )
    def test_bad(self, scripted, certificates, kind, reason):
        server = scripted(response(), tls=getattr(certificates, kind))
        with pytest.raises(httpx.ConnectError, match=reason):
            httpx.get(server.url, verify=certificates.trust())
        assert server.requests == []

    def test_a_client_certificate_is_demanded(self, scripted, certificates):
        server = scripted(response(), tls=certificates.client_required)
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url, verify=certificates.trust())
        identified = certificates.trust()
        identified.load_cert_chain(certificates.files.client)
        assert httpx.get(server.url, verify=identified).status_code == 200

    def test_close_can_omit_the_closure_alert(self, scripted, certificates):
        for notify in (True, False):
            server = scripted([b"x", Close(notify=notify)], tls=certificates.good)
            with ask(server, certificates.trust()) as sock:
                sock.suppress_ragged_eofs = False
                assert sock.recv(10) == b"x"
                if notify:
                    assert sock.recv(10) == b""
                else:
                    with pytest.raises(ssl.SSLEOFError):
                        sock.recv(10)

    def test_a_handshake_may_stall(self, scripted, certificates):
        server = scripted(tls=certificates.good, on_connect=[Stall()])
        with pytest.raises(httpx.ConnectTimeout):
            httpx.get(server.url, verify=certificates.trust(), timeout=0.05)


class TestApplication:
    @pytest.fixture(params=["http1", "http2", "asgi"])
    def client(self, request, certificates) -> Iterator[httpx.Client | httpx.AsyncClient]:
        if request.param == "asgi":
            yield httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
            return
        if request.param == "http1":
            client = httpx.Client(base_url=request.getfixturevalue("application"))
        else:
            url = request.getfixturevalue("http2_server")
            client = httpx.Client(base_url=url, http2=True, verify=certificates.trust())
        with client:
            yield client

    @staticmethod
    def get(client: httpx.Client | httpx.AsyncClient, path: str) -> httpx.Response:
        if isinstance(client, httpx.Client):
            return client.get(path, follow_redirects=True)

        return anyio.run(partial(client.get, path, follow_redirects=True))

    def test_routes(self, client):
        assert self.get(client, "/bytes/100000").content == pattern(100_000)
        assert self.get(client, "/gzip/1000").content == pattern(1000)
        assert self.get(client, "/json").json() == DOCUMENT
        assert self.get(client, "/text/latin-1").text == TEXT
        assert self.get(client, "/text/utf-8").text == TEXT
        assert len(self.get(client, "/redirect/3").history) == 3
        assert self.get(client, "/status/418").status_code == 418
        assert self.get(client, "/echo-headers").json()["accept-encoding"]
        assert self.get(client, "/slow?seconds=0").content == b"at last"

    def test_http2_is_spoken(self, http2_server, certificates):
        with httpx.Client(http2=True, verify=certificates.trust()) as client:
            assert client.get(f"{http2_server}/json").http_version == "HTTP/2"

    def test_gzip_on_the_wire(self, application):
        with httpx.stream("GET", f"{application}/gzip/1000") as received:
            assert gzip.decompress(b"".join(received.iter_raw())) == pattern(1000)


class TestProxy:
    def test_http_arrives_in_absolute_form(self, proxy_server, scripted):
        server = scripted(response(body=b"through"))
        assert httpx.get(server.url_for("/a?b"), proxy=proxy_server.url).content == b"through"
        assert ("GET", server.url_for("/a?b")) in proxy_server.requests
        assert "proxy.py" in (server.requests[0].header("via") or "")

    def test_https_arrives_by_connect(self, proxy_server, scripted, certificates):
        server = scripted(response(body=b"through"), tls=certificates.good)
        assert httpx.get(server.url, proxy=proxy_server.url, verify=certificates.trust()).content == b"through"
        assert ("CONNECT", f"127.0.0.1:{server.port}") in proxy_server.requests

    def test_a_guarded_proxy_requires_its_user(self, guarded_proxy_server, scripted):
        server = scripted(response(body=b"through"))
        assert httpx.get(server.url, proxy=guarded_proxy_server.bare_url).status_code == 407
        assert httpx.get(server.url, proxy=guarded_proxy_server.url).content == b"through"


def test_the_environment_holds_no_proxy_and_no_certificates():
    assert not {"HTTP_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSLKEYLOGFILE"} & set(os.environ)


def test_nothing_is_left_open(certificates):
    before = set(threading.enumerate())
    with ThreadPoolExecutor(4) as pool, ScriptedServer(response(body=b"x"), tls=certificates.good) as server:
        context = certificates.trust()
        for received in pool.map(lambda _: httpx.get(server.url, verify=context), range(20)):
            assert received.content == b"x"
    gc.collect()  # an unclosed socket would warn here
    assert set(threading.enumerate()) <= before
