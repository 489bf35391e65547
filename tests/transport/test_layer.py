"""TLS on a socket that does not block: what is taken arrives, and what has arrived can be had."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from httpconn.transport.layer import TLSLayer
from httpconn.transport.watches import BLOCKED_READ

DATA = bytes(range(256)) * 4096


class Server:
    """The other end, which receives when it is told to."""

    def __init__(self, context: ssl.SSLContext, sock: socket.socket) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.socket = sock

    def step(self, take: Callable[[], Any]) -> Any:
        """Take a step with what has come, and send what it makes; None if more has to come first."""
        try:
            while data := self.socket.recv(65536):
                self._incoming.write(data)
        except BlockingIOError:
            pass
        try:
            return take()
        except ssl.SSLWantReadError:
            return None
        finally:
            self.socket.sendall(self._outgoing.read())

    def received(self) -> bytes:
        """All that has come."""
        parts = []
        while part := self.step(lambda: self.tls.read(65536)):
            parts.append(part)
        return b"".join(parts)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for sock in (ours, theirs):
            sock.setblocking(False)
        yield ours, theirs


@pytest.fixture
def secured(ends, certificates) -> tuple[TLSLayer, Server]:
    """Two that have shaken hands."""
    layer, server = TLSLayer(ends[0], certificates.trust(), "localhost"), Server(certificates.good, ends[1])
    shake_hands(layer, server)
    return layer, server


def shake_hands(layer: TLSLayer, server: Server) -> None:
    while True:
        try:
            layer.do_handshake()
        except BLOCKED_READ:
            server.step(server.tls.do_handshake)
        else:
            server.step(server.tls.do_handshake)
            return


def send_all(layer: TLSLayer, data: bytes) -> int:
    """How much is taken until the socket is full."""
    taken = 0
    try:
        while taken < len(data):
            taken += layer.send(memoryview(data)[taken:])
    except ssl.SSLWantWriteError:
        pass
    return taken


def test_what_the_socket_could_not_take_goes_before_anything_is_received(secured):
    layer, server = secured
    taken = send_all(layer, DATA)
    assert 0 < taken < len(DATA)
    assert layer.has_unsent()
    first = server.received()
    assert len(first) < taken
    with pytest.raises(BLOCKED_READ):
        layer.recv(10)
    assert not layer.has_unsent()
    assert first + server.received() == DATA[:taken]


def test_who_cannot_send_can_receive_what_was_answered_before(secured):
    layer, server = secured
    server.step(lambda: server.tls.write(b"too large"))
    server.socket.shutdown(socket.SHUT_RD)
    with pytest.raises(BrokenPipeError):
        layer.send(memoryview(DATA))
    assert layer.recv(100) == b"too large"


def test_a_refused_certificate_is_told_to_its_server(ends, certificates):
    layer, server = TLSLayer(ends[0], ssl.create_default_context(), "localhost"), Server(certificates.good, ends[1])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(layer, server)
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        server.step(server.tls.do_handshake)


def test_records_that_came_together_are_pending_until_they_are_read(secured):
    layer, server = secured
    for part in (b"one", b"two"):
        server.step(lambda part=part: server.tls.write(part))
    assert not layer.has_pending()
    assert (layer.recv(100), layer.has_pending()) == (b"one", True)
    assert (layer.recv(1), layer.has_pending()) == (b"t", True)
    assert (layer.recv(100), layer.has_pending()) == (b"wo", False)
