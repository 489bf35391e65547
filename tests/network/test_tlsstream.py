"""TLS over a non-blocking socket: accepted data arrives, and received data is readable."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import pytest

from httpconn.network.security import Security
from httpconn.network.stream import SocketStream
from httpconn.network.tlsstream import TLSStream
from httpconn.runtime.readiness import BLOCKED_READ
from httpconn.runtime.runtimes import BlockingRuntime, EventLoopRuntime
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.timeouts import until
from tests.attacks.tickets import Protection

DATA = bytes(range(256)) * 4096


class Server:
    """The peer, which receives only when the test calls it."""

    def __init__(self, context: ssl.SSLContext, sock: Any) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.socket = sock

    def step(self, take: Callable[[], Any]) -> Any:
        """Run a step with the received data and send its output; return None if it needs more data."""
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


class Inside:
    """What a server inside of TLS has for a socket."""

    def __init__(self, outer: Server) -> None:
        self._outer = outer

    def recv(self, count: int) -> bytes:
        data = self._outer.step(lambda: self._outer.tls.read(count))
        if data is None:
            raise BlockingIOError
        return data

    def sendall(self, data: bytes) -> None:
        self._outer.step(lambda: self._outer.tls.write(data))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for sock in (ours, theirs):
            sock.setblocking(False)
        yield ours, theirs


@pytest.fixture
def secured(ends, certificates) -> tuple[TLSStream, Server]:
    """Two that have shaken hands."""
    layer, server = TLSStream(ends[0], certificates.trust(), "localhost"), Server(certificates.good, ends[1])
    shake_hands(layer, server)
    return layer, server


def shake_hands(layer: TLSStream, server: Server) -> None:
    for _ in range(5):
        try:
            layer.do_handshake()
        except BLOCKED_READ:
            server.step(server.tls.do_handshake)
        else:
            server.step(server.tls.do_handshake)
            return
    raise AssertionError("the handshake does not come to its end")


def send_all(layer: TLSStream, data: bytes) -> int:
    """How much is taken until the socket is full."""
    taken = 0
    try:
        while taken < len(data):
            taken += layer.send(memoryview(data)[taken:])
    except ssl.SSLWantWriteError:
        pass
    return taken


def test_unsent_output_is_sent_before_a_receive(secured):
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


def test_a_response_can_be_received_after_a_failed_send(secured):
    layer, server = secured
    server.step(lambda: server.tls.write(b"too large"))
    server.socket.shutdown(socket.SHUT_RD)
    with pytest.raises(BrokenPipeError):
        layer.send(memoryview(DATA))
    assert layer.recv(100) == b"too large"


def test_a_rejected_certificate_is_reported_to_the_server(ends, certificates):
    layer, server = TLSStream(ends[0], ssl.create_default_context(), "localhost"), Server(certificates.good, ends[1])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(layer, server)
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        server.step(server.tls.do_handshake)


def test_records_received_together_are_pending_until_read(secured):
    layer, server = secured
    for part in (b"one", b"two"):
        server.step(lambda part=part: server.tls.write(part))
    assert not layer.has_pending()
    assert (layer.recv(100), layer.has_pending()) == (b"one", True)
    assert (layer.recv(1), layer.has_pending()) == (b"t", True)
    assert (layer.recv(100), layer.has_pending()) == (b"wo", False)


def test_one_receive_reads_a_limited_number_of_records(secured):
    layer, server = secured
    for _ in range(200):
        server.step(lambda: server.tls.write(b"x"))
    with memoryview(bytearray(1000)) as buffer:
        assert 0 < layer.receive_into(buffer) < 100
    assert layer.has_pending()


def test_an_error_after_data_keeps_its_reason(secured):
    layer, server = secured
    server.step(lambda: server.tls.write(b"valid"))
    server.socket.send(b"\x17\x03\x03\x00\x20" + bytes(32))
    with memoryview(bytearray(100)) as buffer:
        assert layer.receive_into(buffer) == 5
        assert layer.has_pending()
        for _ in range(2):
            with pytest.raises(ssl.SSLError, match="MAC"):
                layer.receive_into(buffer)


def test_the_end_is_permanent_on_an_open_connection(secured):
    layer, server = secured
    server.step(lambda: server.tls.write(b"last"))
    server.step(server.tls.unwrap)
    assert [layer.recv(100) for _ in range(3)] == [b"last", b"", b""]


@pytest.mark.parametrize("fault", ["closure alert", "broken record"])
def test_the_end_of_the_outer_stream_ends_the_inner_one(ends, certificates, secured, fault):
    outer, proxy = secured
    layer, server = TLSStream(outer, certificates.trust(), "localhost"), Server(certificates.good, Inside(proxy))
    shake_hands(layer, server)
    server.step(lambda: server.tls.write(b"last"))
    if fault == "closure alert":
        proxy.step(proxy.tls.unwrap)
    else:
        ends[1].sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert layer.recv(100) == b"last"
    with pytest.raises(ssl.SSLEOFError):
        layer.recv(100)


def test_a_send_takes_part_in_a_renegotiation(ends, certificates):
    layer, server = TLSStream(ends[0], certificates.trust(), "localhost"), Server(certificates.good, ends[1])
    for _ in range(3):
        try:
            layer.send(memoryview(b"request"))
            break
        except BLOCKED_READ:
            server.step(server.tls.do_handshake)
    assert server.received() == b"request"


def test_a_receive_sends_the_messages_that_tls_requires(ends, certificates):
    trust = certificates.trust()
    trust.post_handshake_auth = True
    trust.load_cert_chain(certificates.files.client)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.files.authority)
    context.load_cert_chain(certificates.files.server)
    context.verify_mode, context.post_handshake_auth = ssl.CERT_REQUIRED, True
    layer, server = TLSStream(ends[0], trust, "localhost"), Server(context, ends[1])
    shake_hands(layer, server)
    server.tls.verify_client_post_handshake()
    server.step(server.tls.do_handshake)
    with pytest.raises(BLOCKED_READ):
        layer.recv(100)
    server.step(lambda: server.tls.read(100))
    assert server.tls.getpeercert()


def demand(layer: TLSStream, sock: socket.socket, protection: Protection) -> None:
    for _ in repeat(None, 10000):
        sock.sendall(protection.key_update())
        with pytest.raises((*BLOCKED_READ, ssl.SSLWantWriteError)):
            layer.recv(100)


def test_a_peer_that_requests_messages_without_reading_is_rejected(ends, certificates, tmp_path):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.files.server)
    context.num_tickets, context.keylog_filename = 0, str(tmp_path / "keys")
    layer, server = TLSStream(ends[0], certificates.trust(), "localhost"), Server(context, ends[1])
    shake_hands(layer, server)
    send_all(layer, DATA)
    protection = Protection(server.tls.cipher(), tmp_path / "keys")
    with pytest.raises(OSError, match="does not read the TLS messages"):
        demand(layer, ends[1], protection)


class Sender:
    """Sends beside the test."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream

    def send(self, data: bytes) -> None:
        run_sync(self.async_send(data))

    async def async_send(self, data: bytes) -> None:
        await self._stream.send(data, until(5))


def exchange(context: ssl.SSLContext, sock: socket.socket, may_send: Callable[[], Any]) -> bytes:
    """As a server that sends all before it receives anything."""
    sock.settimeout(5)
    with context.wrap_socket(sock, server_side=True) as secured:
        end = time.monotonic() + 5
        while not may_send() and time.monotonic() < end:
            pass
        secured.sendall(DATA)
        received = bytearray()
        while len(received) < len(DATA):
            received += secured.recv(65536)
        return bytes(received)


async def closed(stream: SocketStream) -> None:
    stream.close()


async def received(stream: SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await stream.receive(65536, until(5))
    return data


def test_a_full_socket_does_not_prevent_a_receive(face, certificates):
    ours, theirs = socket.socketpair()

    async def connected() -> SocketStream:
        stream = SocketStream(ours, EventLoopRuntime() if face.is_async else BlockingRuntime())
        await stream.start_tls(Security(certificates.trust()), "localhost", until(5))
        return stream

    def is_full() -> bool:
        return not select.select([], [ours], [], 0)[1]

    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(exchange, certificates.good, theirs, is_full)
        stream = face.run(connected)
        sending = face.start(Sender(stream), "send", DATA)
        assert face.run(received, stream, len(DATA)) == DATA
        sending.result()
        assert serving.result() == DATA
        face.run(closed, stream)
