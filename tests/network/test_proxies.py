"""Through proxies, on sync, asyncio and trio: a real one, and scripted ones."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import httpx
import pytest

from httpconn.adapters.floattimeouts import FloatTimeout
from httpconn.network.pins import Pinned, pin_of
from httpconn.network.security import Security
from httpconn.options import Limits
from tests.http.acceptor import Acceptor
from tests.servers.scripted import Stall, response

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_http_and_https_through_a_real_proxy(face, user, scripted, certificates, proxy_server):
    plain, secure = scripted(response(body=b"ok")), scripted(response(body=b"ok"), tls=certificates.good)
    made = user(proxy=proxy_server.url, ssl_context=certificates.trust())
    for server in (plain, secure):
        assert face.run(made.get, server.url).content == b"ok"
    assert ("CONNECT", f"127.0.0.1:{secure.port}") in proxy_server.requests


def test_credentials_of_the_proxys_url_are_used(face, user, scripted, certificates, guarded_proxy_server):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    made = user(proxy=guarded_proxy_server.url, ssl_context=certificates.trust())
    assert face.run(made.get, server.url).content == b"ok"
    bare = user(proxy=guarded_proxy_server.bare_url, ssl_context=certificates.trust())
    with pytest.raises(httpx.ProxyError, match="407"):
        face.run(bare.get, server.url)


def test_https_inside_the_tls_of_an_https_proxy(face, user, scripted, certificates):
    server = scripted(response(body=b"x" * 500_000), tls=certificates.good)
    with tunnelling_proxy(certificates.good) as url:
        proxy = httpx.Proxy(url, ssl_context=certificates.trust())
        made = user(proxy=proxy, ssl_context=certificates.trust())
        for _ in range(2):
            received = face.run(made.get, server.url)
            assert len(received.content) == 500_000
        assert received.extensions["network_stream"].get_extra_info("ssl_object").version() == "TLSv1.3"
        face.run(made.leave)


def test_a_pinned_key_inside_the_tls_of_a_proxy_that_has_another(face, user, scripted, certificates):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    pin, other = pin_of(certificates.leaf), "sha256/" + "A" * 43 + "="
    with tunnelling_proxy(certificates.unknown_authority) as url:
        proxy = httpx.Proxy(url, ssl_context=ssl.create_default_context(cafile=certificates.files.other_authority))
        made, refused = (user(proxy=proxy, ssl_context=Security(Pinned(each, ca=False))) for each in (pin, other))
        assert face.run(made.get, server.url).content == b"ok"
        face.run(made.leave)
        with pytest.raises(httpx.ConnectError, match="pin"):
            face.run(refused.get, server.url)
        assert len(server.requests) == 1


def test_an_https_proxy_with_a_bad_certificate(face, user, scripted, certificates):
    proxy = scripted(response(), tls=certificates.unknown_authority)
    made = user(proxy=httpx.Proxy(proxy.url, ssl_context=certificates.trust()))
    with pytest.raises(httpx.ConnectError):
        face.run(made.get, "https://anything.example/")
    assert proxy.requests == []


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
@pytest.mark.parametrize("url", ["http://anything.example/", "https://anything.example/"])
def test_an_error_says_that_the_proxy_could_not_be_reached(face, user, scheme, url):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match=f"proxy could not be reached: No connection to 127.0.0.1 port {port}"):
        face.run(user(proxy=f"{scheme}://127.0.0.1:{port}").get, url)


def test_an_error_says_that_the_handshake_with_the_proxy_failed(face, user, scripted):
    proxy = scripted(on_connect=[b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    with pytest.raises(httpx.ConnectError, match="proxy could not be reached: The TLS handshake"):
        face.run(user(proxy=proxy.url.replace("http:", "https:")).get, "https://anything.example/")


def test_a_refused_tunnel_frees_its_slot_and_its_connection(face, user, scripted):
    proxy = scripted(response(403))
    made = user(proxy=proxy.url, limits=Limits(max_connections=1))
    for _ in range(3):
        with pytest.raises(httpx.ProxyError, match="403"):
            face.run(made.get, "https://anything.example/")
    proxy.wait_for(lambda: proxy.open_connections == 0)


def test_a_failed_handshake_in_a_tunnel_frees_its_slot_and_its_connection(face, user, scripted):
    proxy = scripted([ESTABLISHED, Stall()])
    made = user(proxy=proxy.url, limits=Limits(max_connections=1))
    for _ in range(3):
        with pytest.raises(httpx.ConnectTimeout):
            face.run(lambda: made.get("https://anything.example/", timeout=httpx.Timeout(5, connect=0.05)))
    proxy.wait_for(lambda: proxy.open_connections == 0)


def test_socks(face, user, scripted, certificates):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    with socks_proxy(b"\x05\x00\x00\x01\0\0\0\0\0\0") as proxy:
        made = user(proxy=proxy.url, ssl_context=certificates.trust())
        assert face.run(made.get, server.url).content == b"ok"
        face.run(made.leave)


def test_a_refusing_socks_proxy_frees_slot_and_connection(face, user):
    with socks_proxy(b"\x05\x04\x00\x01\0\0\0\0\0\0") as proxy:
        made = user(proxy=proxy.url, limits=Limits(max_connections=1))
        for _ in range(3):
            with pytest.raises(httpx.ProxyError, match="Host unreachable"):
                face.run(made.get, "http://anything.example/")
        proxy.join_threads()


def test_socks5_resolves_names_on_this_machine(face, user, scripted):
    server = scripted(response(body=b"ok"))
    names = {"one.example": ["::1", "127.0.0.1"]}
    with socks_proxy(b"\x05\x00\x00\x01\0\0\0\0\0\0") as proxy:
        made = user(proxy=proxy.url.replace("socks5h", "socks5"), resolver=lambda host, _: names.get(host, []))
        with pytest.raises(httpx.ConnectError, match="socks5h://"):
            face.run(made.get, "http://other.example/")
        assert face.run(made.get, f"http://one.example:{server.port}/").content == b"ok"
        face.run(made.leave)


def test_a_proxy_that_speaks_no_socks(face, user, scripted):
    proxy = scripted(on_connect=[b"HTTP/1.1 400 Bad Request\r\n\r\n", Stall()])
    made = user(proxy=proxy.url.replace("http:", "socks5h:"))
    with pytest.raises(httpx.ProxyError):
        face.run(made.get, "http://anything.example/")
    proxy.wait_for(lambda: proxy.open_connections == 0)


def test_a_silent_socks_proxy_times_out(face, user, scripted):
    proxy = scripted(on_connect=[Stall()])
    made = user(proxy=proxy.url.replace("http:", "socks5h:"))

    async def visit():
        # httpcore counts the handshake as connecting, httpcore2 as reading.
        timeouts = {"connect": FloatTimeout(0.1), "read": FloatTimeout(0.1)}
        return await made.open("http://anything.example/", extensions={"timeout": timeouts})

    with pytest.raises(httpx.TimeoutException):
        face.run(visit)
    proxy.wait_for(lambda: proxy.open_connections == 0)


@contextmanager
def tunnelling_proxy(context: ssl.SSLContext):
    """An https proxy that knows CONNECT."""

    def meet(sock):
        with context.wrap_socket(sock, server_side=True) as client:
            target = client.recv(10_000).split(b" ")[1].decode()
            host, _, port = target.rpartition(":")
            client.sendall(ESTABLISHED)
            relay(client, host, int(port))

    with Acceptor(meet) as acceptor:
        yield f"https://127.0.0.1:{acceptor.port}"


@contextmanager
def socks_proxy(reply: bytes):
    """A SOCKS5 proxy (RFC 1928) that sends this reply and then relays; it reaches no IPv6 address."""

    def meet(client):
        client.recv(100)
        client.sendall(b"\x05\x00")
        request = client.recv(1000)
        if request[3] == 4:
            client.sendall(b"\x05\x03\x00\x01" + bytes(6))
            return
        client.sendall(reply)
        if not reply[1]:
            relay(client, socket.inet_ntoa(request[4:8]), int.from_bytes(request[8:10]))
        client.recv(100)

    with Acceptor(meet) as acceptor:
        acceptor.url = f"socks5h://127.0.0.1:{acceptor.port}"
        yield acceptor


def relay(client: socket.socket, host: str, port: int) -> None:
    with socket.create_connection((host, port)) as server:
        back = threading.Thread(target=copy, args=(server, client))
        back.start()
        copy(client, server)
        back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for sock in (source, target):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
