"""Pinned keys: what a pin is, and that no request reaches a server without one."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path

import pytest

import httpconn
from httpconn import Pinned
from httpconn.network.pins import pin_of
from tests.servers.scripted import response

OTHER = "sha256/" + base64.b64encode(bytes(32)).decode()


@pytest.fixture
def pin(certificates):
    """Of the good server."""
    return pin_of(certificates.leaf)


class TestTheValue:
    """A value: the set of pins and the required authorities."""

    def test_it_is_a_value(self):
        one, other = Pinned(OTHER, ca="company.pem"), Pinned(OTHER, ca=Path("company.pem"))
        assert one == other
        assert hash(one) == hash(other)
        assert pickle.loads(pickle.dumps(one)) == one
        with pytest.raises(AttributeError):
            one.ca = False

    @pytest.mark.parametrize(
        "pins",
        [
            (),
            (5,),
            ("",),
            (OTHER.removeprefix("sha256/"),),
            (OTHER.replace("sha256", "sha1"),),
            (OTHER[:-1],),
            (OTHER[:-2] + "B=",),
            ("sha256/" + base64.b64encode(bytes(31)).decode(),),
            (OTHER, "sha256/ü"),
        ],
    )
    def test_an_invalid_pin_is_rejected(self, pins):
        with pytest.raises(httpconn.InvalidRequest, match="pin"):
            Pinned(*pins)

    def test_an_invalid_authority_is_rejected(self):
        with pytest.raises(httpconn.InvalidRequest, match="ca"):
            Pinned(OTHER, ca=5)


class TestServers:
    """Directly, by HTTP/2, and through proxies."""

    def test_one_matching_pin_is_enough(self, face, connect, scripted, certificates, pin):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        for pins in ((pin,), (OTHER, pin)):
            connection = connect(verify=Pinned(*pins, ca=str(certificates.files.authority)))
            assert face.get_bytes(connection, server.url) == b"ok"

    def test_another_key_is_final_and_gets_no_request(self, face, connect, scripted, certificates, pin):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        connection = connect(verify=Pinned(OTHER, ca=str(certificates.files.authority)))
        with pytest.raises(httpconn.TLSFailed, match="pin") as caught:
            face.get_bytes(connection, server.url)
        assert (caught.value.attempts, caught.value.retryable) == (1, False)
        assert pin in str(caught.value)
        assert server.requests == []

    def test_the_right_key_signed_by_the_wrong_authority(self, face, connect, scripted, certificates, pin):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        for authority in (True, "system", str(certificates.files.other_authority)):
            with pytest.raises(httpconn.TLSFailed):
                face.get_bytes(connect(verify=Pinned(pin, ca=authority)), server.url)
        assert server.requests == []

    def test_the_key_alone(self, face, connect, scripted, certificates, pin):
        good = scripted(response(body=b"ok"), tls=certificates.good)
        other = scripted(response(body=b"ok"), tls=certificates.unknown_authority)
        connection = connect(verify=Pinned(pin, ca=False))
        assert face.get_bytes(connection, good.url) == b"ok"
        with pytest.raises(httpconn.TLSFailed):
            face.get_bytes(connection, other.url)

    def test_by_http2(self, face, connect, http2_server, certificates, pin):
        authority = str(certificates.files.authority)
        good = connect(verify=Pinned(pin, ca=authority), http2=True)
        assert face.get_response(good, f"{http2_server}/bytes/3").http_version == "HTTP/2"
        with pytest.raises(httpconn.TLSFailed) as caught:
            face.get_bytes(connect(verify=Pinned(OTHER, ca=authority), http2=True), http2_server)
        assert caught.value.attempts == 1

    def test_through_a_proxy(self, face, connect, scripted, certificates, proxy_server, pin):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        authority = str(certificates.files.authority)
        good = connect(verify=Pinned(pin, ca=authority), proxy=proxy_server.url)
        assert face.get_bytes(good, server.url) == b"ok"
        with pytest.raises(httpconn.TLSFailed):
            face.get_bytes(connect(verify=Pinned(OTHER, ca=authority), proxy=proxy_server.url), server.url)
        assert len(server.requests) == 1
