"""Real proxies: squid with Digest and TLS, tinyproxy with Basic, microsocks and Dante."""

from __future__ import annotations

import ssl
from urllib.parse import quote

import pytest

import httpconn
from httpconn import HTTPConnection, Proxy
from tests.servers import real_proxies
from tests.servers.real_proxies import HOST, PASSWORD, PLAIN_PASSWORD, PLAIN_USER, PROGRAMS, USER
from tests.servers.scripted import response

CREDENTIALS = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"


def installed(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(PROGRAMS[name] is None, reason=f"{name} is not installed")


@pytest.fixture
def servers(scripted, certificates):
    """Return a server for http and one for https."""
    return scripted(response(body=b"ok")), scripted(response(body=b"ok"), tls=certificates.good)


@pytest.fixture
def through(connect, certificates):
    def make(proxy: str | Proxy) -> HTTPConnection:
        return connect(proxy=proxy, verify=certificates.trust(), retries=0)

    return make


@pytest.fixture(scope="module")
def squid(certificates):
    with real_proxies.squid(certificates.files) as ports:
        yield ports


@pytest.fixture(scope="module")
def tinyproxy():
    with real_proxies.tinyproxy() as port:
        yield port


@pytest.fixture(scope="module")
def microsocks():
    with real_proxies.microsocks() as port:
        yield port


@pytest.fixture(scope="module")
def dante():
    with real_proxies.dante() as port:
        yield port


def fetch(face, connection, servers) -> None:
    """Fetch twice from each server, on kept connections; the origin never sees the proxy's credentials."""
    for server in servers:
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"ok"] * 2
        assert server.connections == 1
        assert all(request.header("proxy-authorization") is None for request in server.requests)


def fetch_by_http2(face, connection, server: str) -> None:
    """Several requests at the same time, on one connection through one tunnel."""
    assert face.get_response(connection, f"{server}/json").http_version == "HTTP/2"
    made = connection.stats().connections.made  # the proxy's challenge may have taken one
    started = [face.start(connection, "get_response", f"{server}/json") for _ in range(5)]
    assert {each.result().http_version for each in started} == {"HTTP/2"}
    assert connection.stats().connections.made == made


@installed("squid")
class TestSquid:
    @pytest.mark.parametrize("source", ["option", "environment"])
    def test_http2(self, face, connect, http2_server, squid, certificates, monkeypatch, source):
        proxy = f"http://{CREDENTIALS}@{HOST}:{squid[0]}"
        options = {"proxy": proxy} if source == "option" else {}
        if source == "environment":
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        connection = connect(**options, verify=certificates.trust(), retries=0, http2=True)
        fetch_by_http2(face, connection, http2_server)
        assert connection.proxy_for(http2_server) is not None

    def test_digest(self, face, through, servers, squid):
        fetch(face, through(f"http://{CREDENTIALS}@{HOST}:{squid[0]}"), servers)

    def test_by_tls(self, face, through, servers, squid, certificates):
        context = certificates.trust()
        proxy = Proxy(f"https://{HOST}:{squid[1]}", auth=(USER, PASSWORD), ssl_context=context)
        fetch(face, through(proxy), servers)

    def test_a_certificate_that_is_not_trusted(self, face, through, servers, squid):
        proxy = Proxy(f"https://{HOST}:{squid[1]}", ssl_context=ssl.create_default_context())
        for server in servers:
            with pytest.raises(httpconn.TLSFailed, match=HOST):
                face.get_bytes(through(proxy), server.url)

    @pytest.mark.parametrize("auth", [None, (USER, "wrong")], ids=["none", "wrong"])
    def test_credentials_that_are_refused(self, face, through, servers, squid, auth):
        plain, secure = servers
        connection = through(Proxy(f"http://{HOST}:{squid[0]}", auth=auth))
        with pytest.raises(httpconn.ProxyFailed, match="407") as refused:
            face.get_bytes(connection, secure.url)
        assert (refused.value.status_code, refused.value.retryable) == (407, False)
        with pytest.raises(httpconn.StatusError) as answered:
            face.get_bytes(connection, plain.url)
        assert answered.value.status_code == 407
        assert plain.requests == secure.requests == []

    def test_a_server_that_is_not_there(self, face, through, scripted, squid):
        with scripted(b"") as gone:
            url = gone.url.replace("http:", "https:")
        with pytest.raises(httpconn.ProxyFailed) as caught:
            face.get_bytes(through(f"http://{CREDENTIALS}@{HOST}:{squid[0]}"), url)
        assert (caught.value.status_code, caught.value.retryable) == (503, True)


@installed("tinyproxy")
class TestTinyproxy:
    def test_basic(self, face, through, servers, tinyproxy):
        connection = through(f"http://{PLAIN_USER}:{PLAIN_PASSWORD}@{HOST}:{tinyproxy}")
        assert [face.get_bytes(connection, server.url) for server in servers] == [b"ok"] * 2

    def test_no_credentials(self, face, through, servers, tinyproxy):
        with pytest.raises(httpconn.ProxyFailed, match="in the proxy's URL") as caught:
            face.get_bytes(through(f"http://{HOST}:{tinyproxy}"), servers[1].url)
        assert caught.value.status_code == 407


@installed("microsocks")
class TestMicrosocks:
    @pytest.mark.parametrize("source", ["option", "environment"])
    def test_http2(self, face, connect, http2_server, microsocks, certificates, monkeypatch, source):
        proxy = f"socks5h://{CREDENTIALS}@{HOST}:{microsocks}"
        if source == "environment":
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        options = {"proxy": proxy} if source == "option" else {}
        connection = connect(**options, verify=certificates.trust(), retries=0, http2=True)
        fetch_by_http2(face, connection, http2_server)
        assert connection.proxy_for(http2_server) is not None

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    def test_user_and_password(self, face, through, servers, microsocks, scheme):
        fetch(face, through(f"{scheme}://{CREDENTIALS}@{HOST}:{microsocks}"), servers)

    @pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks"])
    def test_a_name(self, face, through, servers, microsocks, scheme):
        # Nothing listens at ::1, which the name may lead to as well.
        connection = through(f"{scheme}://{CREDENTIALS}@{HOST}:{microsocks}")
        assert [face.get_bytes(connection, each.url.replace(HOST, "localhost")) for each in servers] == [b"ok"] * 2

    @pytest.mark.parametrize("credentials", ["", "user:wrong@"])
    def test_credentials_that_are_refused(self, face, through, servers, microsocks, credentials):
        with pytest.raises(httpconn.ProxyFailed) as caught:
            face.get_bytes(through(f"socks5://{credentials}{HOST}:{microsocks}"), servers[0].url)
        assert not caught.value.retryable


@installed("danted")
class TestDante:
    @pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
    def test_no_credentials(self, face, through, servers, dante, scheme):
        fetch(face, through(f"{scheme}://{HOST}:{dante}"), servers)

    def test_a_server_that_is_not_there(self, face, through, scripted, dante):
        with scripted(b"") as gone:
            url = gone.url
        with pytest.raises(httpconn.ProxyFailed, match="Connection refused"):
            face.get_bytes(through(f"socks5://{HOST}:{dante}"), url)
