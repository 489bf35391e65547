"""Debug logs: no secret of ours is in them, and others' are as they were."""

from __future__ import annotations

import logging

import httpx
import pytest

from tests.http.frames import LOCATION, SET_COOKIE, STATUS_200, data, headers, http2_peer, literal
from tests.network.test_proxies import socks_proxy
from tests.servers.scripted import response

SECRET = "S3CRET"
TELLING = response(302, {"Location": f"/?token={SECRET}", "Set-Cookie": f"id={SECRET}"}, b"ok")


@pytest.fixture
def log(caplog):
    for name in ("httpconn", "hpack"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def test_headers_and_credentials_of_a_proxy_are_not_logged(face, user, scripted, log):
    proxy = scripted(TELLING)
    made = user(proxy=proxy.url.replace("//", f"//user:{SECRET}@"))
    face.run(made.get, f"{proxy.url}/?key={SECRET}")
    with pytest.raises(httpx.ProxyError):
        face.run(made.get, "https://anything.example/")
    assert SECRET not in log.text


def test_credentials_of_a_socks_proxy_are_not_logged(face, user, scripted, log):
    with socks_proxy(b"\x05\x04\x00\x01\0\0\0\0\0\0") as proxy:
        made = user(proxy=proxy.url.replace("//", f"//user:{SECRET}@"))
        with pytest.raises(httpx.ProxyError):
            face.run(made.get, "http://anything.example/")
    assert SECRET not in log.text


def test_headers_of_http2_are_not_logged(face, user, certificates, log):
    told = literal(LOCATION, f"/?token={SECRET}".encode()) + literal(SET_COOKIE, f"id={SECRET}".encode())
    with http2_peer(certificates, headers(STATUS_200 + told) + data(b"ok")) as url:
        made = user(http2=True, ssl_context=certificates.trust())
        received = face.run(lambda: made.get(url, headers={"Authorization": SECRET}))
        assert SECRET in received.headers["location"]
        face.run(made.leave)
    assert not [record for record in log.records if record.name.startswith("hpack")]
    assert SECRET not in log.text
