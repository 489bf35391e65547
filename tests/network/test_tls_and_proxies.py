"""Certificates good and bad, and a real proxy."""

from __future__ import annotations

import os

import httpx
import pytest

import httpconn
from tests.servers.scripted import Close, response


@pytest.fixture
def environ(monkeypatch):
    """Return a function that sets environment variables."""
    return monkeypatch.setenv


class TestCertificates:
    """Refused before a byte of the request is sent."""

    @pytest.mark.parametrize("server_context", ["wrong_host", "expired", "unknown_authority"])
    def test_a_bad_certificate_is_final(self, face, connect, scripted, certificates, server_context):
        server = scripted(response(body=b"ok"), tls=getattr(certificates, server_context))
        with pytest.raises(httpconn.TLSFailed) as caught:
            face.get_bytes(connect(verify=certificates.trust()), server.url)
        assert (caught.value.attempts, caught.value.retryable) == (1, False)
        assert isinstance(caught.value, httpx.ConnectError)
        assert server.requests == []

    def test_a_valid_certificate_by_context_path_or_folder(self, face, connect, scripted, certificates, tmp_path):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        authority = certificates.files.authority
        for verify in (certificates.trust(), str(authority)):
            assert face.get_bytes(connect(verify=verify), server.url) == b"ok"

    def test_an_unknown_authority_is_refused_by_default(self, face, connect, scripted, certificates):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        for verify in (True, "system", str(certificates.files.other_authority)):
            with pytest.raises(httpconn.TLSFailed):
                face.get_bytes(connect(verify=verify), server.url)

    @pytest.mark.parametrize("server_context", ["good", "wrong_host", "expired", "unknown_authority"])
    def test_verification_can_be_switched_off(self, face, connect, scripted, certificates, server_context):
        server = scripted(response(body=b"ok"), tls=getattr(certificates, server_context))
        assert face.get_bytes(connect(verify=False), server.url) == b"ok"

    def test_a_client_certificate(self, face, connect, scripted, certificates):
        server = scripted(response(body=b"ok"), tls=certificates.client_required)
        authority, client = str(certificates.files.authority), str(certificates.files.client)
        assert face.get_bytes(connect(verify=authority, cert=client), server.url) == b"ok"
        with pytest.raises(httpconn.TransportError):
            face.get_bytes(connect(verify=authority, retries=0), server.url)

    def test_the_authorities_of_the_environment(self, face, connect, scripted, certificates, environ):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        environ("SSL_CERT_FILE", str(certificates.files.authority))
        assert face.get_bytes(connect(), server.url) == b"ok"
        with pytest.raises(httpconn.TLSFailed):
            face.get_bytes(connect(trust_env=False), server.url)

    @pytest.mark.parametrize("options", [{}, {"http2": True}])
    def test_bad_files_of_the_environment_are_errors_of_https_only(
        self, face, connect, scripted, certificates, environ, tmp_path, options
    ):
        plain = scripted(response(body=b"ok"))
        secure = scripted(response(body=b"ok"), tls=certificates.good)
        environ("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
        environ("SSLKEYLOGFILE", str(tmp_path / "no" / "keys"))
        connection = connect(limits=httpconn.Limits(max_connections=1), **options)
        for _ in range(2):
            assert face.get_bytes(connection, plain.url) == b"ok"
            with pytest.raises(httpconn.InvalidRequest, match=r"SSL_CERT_FILE: .*missing\.pem cannot be read: No such"):
                face.get_bytes(connection, secure.url)
        assert secure.requests == []
        with pytest.raises(httpconn.InvalidRequest, match=r"SSLKEYLOGFILE: .*keys cannot be written"):
            face.get_bytes(connect(verify=str(certificates.files.authority), **options), secure.url)

    def test_a_plain_server_behind_https(self, face, connect, scripted):
        server = scripted(on_connect=[response(400), Close()])
        with pytest.raises(httpconn.TLSFailed):
            face.get_bytes(connect(), server.url.replace("http:", "https:"))


class TestProxies:
    """proxy.py, in a process of its own."""

    def test_http_and_https_through_an_explicit_proxy(self, face, connect, scripted, certificates, proxy_server):
        plain = scripted(response(body=b"plain"))
        secure = scripted(response(body=b"secure"), tls=certificates.good)
        connection = connect(proxy=proxy_server.url, verify=certificates.trust())
        assert face.get_bytes(connection, plain.url_for("/x?a=%2F")) == b"plain"
        assert face.get_bytes(connection, secure.url) == b"secure"
        assert ("GET", plain.url_for("/x?a=%2F")) in proxy_server.requests
        assert ("CONNECT", f"127.0.0.1:{secure.port}") in proxy_server.requests
        assert plain.requests[0].target == b"/x?a=%2F"

    def test_the_proxies_of_the_environment(self, face, connect, scripted, certificates, proxy_server, environ):
        plain = scripted(response(body=b"plain"))
        secure = scripted(response(body=b"secure"), tls=certificates.good)
        environ("http_proxy", proxy_server.url)
        environ("HTTPS_PROXY", proxy_server.url)
        connection = connect(verify=certificates.trust())
        assert face.get_bytes(connection, plain.url_for("/env")) == b"plain"
        assert face.get_bytes(connection, secure.url) == b"secure"
        assert ("GET", plain.url_for("/env")) in proxy_server.requests
        assert ("CONNECT", f"127.0.0.1:{secure.port}") in proxy_server.requests

    @pytest.mark.parametrize(
        "no_proxy", ["127.0.0.1", "*", "example.com,[::1] 127.0.0.0/8", "a:b:c,fd00::/8,127.0.0.1"]
    )
    def test_no_proxy_bypasses_the_proxy(self, face, connect, scripted, proxy_server, environ, no_proxy):
        server = scripted(response(body=b"ok"))
        environ("ALL_PROXY", proxy_server.url)
        environ("NO_PROXY", no_proxy)
        assert face.get_bytes(connect(), server.url_for("/past")) == b"ok"
        assert ("GET", server.url_for("/past")) not in proxy_server.requests

    def test_trust_env_false_ignores_the_proxy(self, face, connect, scripted, proxy_server, environ):
        server = scripted(response(body=b"ok"))
        environ("ALL_PROXY", proxy_server.url)
        assert face.get_bytes(connect(trust_env=False), server.url_for("/own")) == b"ok"
        assert ("GET", server.url_for("/own")) not in proxy_server.requests

    def test_a_proxy_with_a_password(self, face, connect, scripted, certificates, guarded_proxy_server):
        secure = scripted(response(body=b"secure"), tls=certificates.good)
        good = connect(proxy=guarded_proxy_server.url, verify=certificates.trust())
        assert face.get_bytes(good, secure.url) == b"secure"
        bad = connect(proxy=guarded_proxy_server.bare_url, verify=certificates.trust(), retries=0)
        with pytest.raises(httpconn.ProxyFailed):
            face.get_bytes(bad, secure.url)

    def test_a_callers_transport_uses_no_proxy(self, face, connect, proxy_server, environ):
        environ("ALL_PROXY", proxy_server.url)
        mock = httpx.MockTransport(lambda request: httpx.Response(200, content=b"mock"))
        assert face.get_bytes(connect(transport=mock, async_transport=mock), "http://example.com/") == b"mock"

    def test_transport_and_proxy_are_mutually_exclusive(self):
        with pytest.raises(httpconn.InvalidRequest):
            httpconn.HTTPConnection(transport=httpx.MockTransport(lambda _: httpx.Response(200)), proxy="http://x")

    def test_a_bad_proxy_of_the_environment_is_named_without_its_password(self, face, connect, environ):
        environ("HTTP_PROXY", "ftp://user:secret@proxy")
        with pytest.raises(httpconn.InvalidRequest, match="HTTP_PROXY") as caught:
            face.get_bytes(connect(), "http://example.com/")
        assert "secret" not in str(caught.value)

    def test_a_bad_proxy_is_an_error_only_for_requests_that_would_use_it(self, face, connect, scripted, environ):
        proxy, direct = scripted(response(body=b"proxied")), scripted(response(body=b"direct"))
        environ("http_proxy", proxy.url)
        environ("https_proxy", "ftp://proxy")
        environ("ALL_PROXY", "socks://[")
        environ("NO_PROXY", f"127.0.0.1:{direct.port},a:b:c")
        connection = connect()
        assert face.get_bytes(connection, "http://example.com/") == b"proxied"
        assert face.get_bytes(connection, direct.url) == b"direct"
        with pytest.raises(httpconn.InvalidRequest, match="https_proxy"):
            face.get_bytes(connection, "https://example.com/")
        assert face.get_bytes(connection, "http://example.com/") == b"proxied"

    def test_the_client_uses_the_same_proxies_and_closes_their_connections(self, face, connect, scripted, environ):
        proxy = scripted(response(body=b"proxied"))
        environ("http_proxy", proxy.url)

        def fetch(client):
            request = client.build_request("GET", "http://example.com/")
            return (face.run(client.send, request) if face.is_async else client.send(request)).content

        connection = connect(reuse_client=False)
        closed = face.call(connection, "get_sync_client")
        assert [fetch(closed), fetch(closed)] == [b"proxied"] * 2
        face.close(closed)
        with face.enter(face.call(connection, "get_sync_client")) as left:
            assert fetch(left) == b"proxied"
        assert proxy.connections == 2
        proxy.wait_for(lambda: proxy.open_connections == 0)

    def test_the_proxy_for_a_url(self, connect, environ):
        environ("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
        environ("ALL_PROXY", "SOCKS://[::1]:1080")
        environ("NO_PROXY", "direct.example")
        urls = ["https://a.example/", "http://a.example/", "https://direct.example/"]
        assert [connect().proxy_for(url) for url in urls] == ["http://proxy.example:3128", "socks5h://[::1]:1080", None]
        assert connect(trust_env=False).proxy_for(urls[0]) is None
        assert connect(access=httpconn.AccessPolicy.public_internet()).proxy_for(urls[0]) is None
        assert connect(proxy="http://u:p@own.example").proxy_for(urls[2]) == "http://own.example"
        mock = httpx.MockTransport(lambda _: httpx.Response(200))
        assert connect(transport=mock).proxy_for(urls[0]) is None
        environ("HTTPS_PROXY", "ftp://proxy.example")
        with pytest.raises(httpconn.InvalidRequest, match="HTTPS_PROXY"):
            connect().proxy_for(urls[0])
        with pytest.raises(httpconn.InvalidURL):
            connect().proxy_for("ftp://a.example/")

    def test_a_proxy_that_is_not_there(self, face, connect, scripted):
        with scripted(b"") as gone:
            url = gone.url
        with pytest.raises(httpconn.TransportError):
            face.get_bytes(connect(proxy=url, retries=0), "http://example.com/")


def test_secrets_of_the_session_are_written_where_the_environment_says(
    face, connect, scripted, certificates, environ, tmp_path
):
    log = tmp_path / "keys"
    server = scripted(response(body=b"ok"), tls=certificates.good)  # first, or the server would write its own keys
    environ("SSLKEYLOGFILE", str(log))
    authority = str(certificates.files.authority)
    assert face.get_bytes(connect(verify=authority, trust_env=False), server.url) == b"ok"
    assert not log.exists() or not os.path.getsize(log)
    assert face.get_bytes(connect(verify=authority), server.url) == b"ok"
    assert os.path.getsize(log)
