"""Notes of errors that say how to correct a common mistake."""

from __future__ import annotations

import ssl
import sys

import anyio
import pytest

import httpconn
from httpconn.http.socks5 import handshake
from httpconn.network import tlscontext
from httpconn.testing import response
from tests.servers.scripted import ScriptedServer


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_synchronous_call_in_an_event_loop(backend, scripted):
    with ScriptedServer([]) as server:
        url = server.url

    async def main() -> None:
        with httpconn.HTTPConnection(retries=0) as connection:
            connection.get_bytes(url)

    with pytest.raises(httpconn.ConnectFailed) as caught:
        anyio.run(main, backend=backend)
    assert notes(caught.value).count("async_get_bytes") == 1


def test_other_calls_have_no_such_note(face, connect):
    with ScriptedServer([]) as server:
        url = server.url
    with pytest.raises(httpconn.ConnectFailed) as caught:
        face.get_bytes(connect(retries=0), url)
    assert notes(caught.value) == ""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_requires_authentication(face, connect, scripted, scheme):
    proxy = scripted(response(407, {"Proxy-Authenticate": 'Basic realm="x"'}))
    with pytest.raises((httpconn.ProxyFailed, httpconn.StatusError)) as caught:
        face.get_bytes(connect(proxy=proxy.url), f"{scheme}://example.com/")
    assert "user:password@" in notes(caught.value)
    assert caught.value.status_code == 407


@pytest.mark.parametrize("replies", [[b"\x05\xff"], [b"\x05\x02", b"\x01\x01"]])
def test_a_socks_proxy_that_requires_authentication(replies):
    talk = handshake(b"example.com", 80, (b"user", b"wrong") if len(replies) > 1 else None)
    next(talk)
    *accepted, refused = replies
    for reply in accepted:
        talk.send(reply)
    with pytest.raises(httpconn.ProxyFailed) as caught:
        talk.send(refused)
    assert "user:password@" in notes(caught.value)


def test_a_certificate_of_an_unknown_authority(face, connect, scripted, certificates):
    server = scripted(response(), tls=certificates.good)
    with pytest.raises(httpconn.TLSFailed) as caught:
        face.get_bytes(connect(), server.url)
    assert 'verify="system"' in notes(caught.value)


def test_a_certificate_with_another_fault(face, connect, scripted, certificates):
    server = scripted(response(), tls=certificates.expired)
    with pytest.raises(httpconn.TLSFailed) as caught:
        face.get_bytes(connect(verify=certificates.trust()), server.url)
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert notes(caught.value) == ""


def test_a_server_without_tls(face, connect, scripted):
    server = scripted(on_connect=[b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    with pytest.raises(httpconn.TLSFailed) as caught:
        face.get_bytes(connect(), server.url.replace("http:", "https:"))
    assert "begin with http://" in notes(caught.value)


def test_a_missing_extra(face, connect, monkeypatch):
    monkeypatch.setattr(tlscontext, "_made", {})  # an earlier test may have made this context
    monkeypatch.setitem(sys.modules, "truststore", None)
    monkeypatch.setattr(tlscontext, "_made", {})  # another test may have made the context
    with pytest.raises(httpconn.InvalidRequest) as caught:
        face.get_bytes(connect(verify="system"), "https://127.0.0.1:9/")
    assert "pip install 'httpconn[truststore]'" in notes(caught.value)
