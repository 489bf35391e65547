"""Only a redirect leads to another server, and no connection serves two names."""

from __future__ import annotations

import hyperframe.frame as frames
import pytest

import httpconn
from tests.http.frames import STATUS_200, data, headers, http2_peer
from tests.servers.scripted import response

ELSEWHERE = "http://10.0.0.1/"
HINTS = {
    "an alternative service": (200, {"Alt-Svc": 'http/1.1="10.0.0.1:80", h2="10.0.0.1:443"; ma=86400; persist=1'}),
    "another server": (421, {"Alt-Svc": 'h2="10.0.0.1:443"'}),
    "a refresh": (200, {"Refresh": f"0; url={ELSEWHERE}"}),
    "a link": (200, {"Link": f"<{ELSEWHERE}>; rel=preload, <{ELSEWHERE}>; rel=canonical"}),
    "a content location": (200, {"Content-Location": ELSEWHERE}),
    "a location without a redirect": (201, {"Location": ELSEWHERE}),
    "choices": (300, {"Content-Location": ELSEWHERE}),
    "nothing new": (304, {"Location": ELSEWHERE}),
    "a proxy": (305, {"Location": ELSEWHERE}),
    "an upgrade": (426, {"Upgrade": "h2c, TLS/1.3", "Location": ELSEWHERE}),
    "credentials": (401, {"WWW-Authenticate": f'Basic realm="{ELSEWHERE}"', "Location": ELSEWHERE}),
    "a retry": (503, {"Retry-After": "0", "Location": ELSEWHERE}),
}


@pytest.mark.parametrize("hint", HINTS)
def test_hints_are_ignored(face, aim, dials, hint):
    status, fields = HINTS[hint]
    target = aim(response(status, fields))
    for _ in range(2):
        assert face.get_response(target.connection, target.url).status_code == status
    assert len(target.server.requests) == 2
    assert set(dials) == {("127.0.0.1", target.server.port)}


def origin_frame(origin: bytes) -> bytes:
    """Return an ORIGIN frame: the origins for which a server offers its connection (RFC 8336)."""
    entry = len(origin).to_bytes(2, "big") + origin
    return len(entry).to_bytes(3, "big") + b"\x0c\0" + bytes(4) + entry


def test_an_http2_connection_is_for_one_name_though_its_server_offers_more(face, connect, certificates, dials):
    bodies = iter([b"first", b"second"])

    def respond():
        alternative = frames.AltSvcFrame(0, origin=b"https://localhost", field=b'h2="10.0.0.1:443"').serialize()
        return origin_frame(b"https://localhost") + alternative + headers(STATUS_200) + data(next(bodies))

    with http2_peer(certificates, respond) as url:
        connection = connect(http2=True, verify=certificates.trust(), resolver=lambda *_: ["127.0.0.1"], retries=0)
        assert face.get_bytes(connection, url) == b"first"
        assert face.get_bytes(connection, url.replace("127.0.0.1", "localhost")) == b"second"
        face.close(connection)
    assert [host for host, _ in dials] == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize("http2", [False, True])
def test_a_name_that_the_certificate_lacks_is_not_served_by_a_connection_to_its_address(
    face, connect, scripted, certificates, http2
):
    server = scripted(response(body=b"ok"), tls=certificates.good)
    connection = connect(http2=http2, verify=certificates.trust(), resolver=lambda *_: ["127.0.0.1"], retries=0)
    assert face.get_bytes(connection, server.url) == b"ok"
    with pytest.raises(httpconn.TLSFailed):
        face.get_bytes(connection, server.url.replace("127.0.0.1", "name.example"))
    assert len(server.requests) == 1
