"""An IPv6 address in a URL, and a proxy: in brackets for the proxy, without them for TLS (RFC 9110 section 7.1)."""

from __future__ import annotations

import ssl

import pytest
import trustme

from tests.http.acceptor import Acceptor
from tests.servers.scripted import response

TARGET = "[2606:4700::1]:8443"


def until_blank(sock) -> bytes:
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += sock.recv(10_000)
    return received


@pytest.mark.parametrize("http2", [False, True])
def test_a_tunnel_to_an_address(face, connect, http2):
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("2606:4700::1").configure_cert(server)
    authority.configure_trust(client)
    asked = []

    def meet(sock):
        asked.append(until_blank(sock).partition(b"\r\n")[0])
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with server.wrap_socket(sock, server_side=True) as tunnelled:
            asked.append(until_blank(tunnelled))
            tunnelled.sendall(response(body=b"ok"))

    with Acceptor(meet) as proxy:
        connection = connect(proxy=f"http://127.0.0.1:{proxy.port}", verify=client, http2=http2, retries=0)
        assert face.get_bytes(connection, f"https://{TARGET}/") == b"ok"
        face.close(connection)
    assert asked[0] == f"CONNECT {TARGET} HTTP/1.1".encode()
    assert f"\r\nHost: {TARGET}\r\n".encode() in asked[1]
