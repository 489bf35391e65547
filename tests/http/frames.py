"""An HTTP/2 server that sends given frames (RFC 9113)."""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hyperframe.frame as frames

from tests.http.acceptor import Acceptor

# RFC 7541: an indexed field, and the indices of names in the static table.
STATUS_200 = b"\x88"
STATUS, CONTENT_LENGTH, LOCATION, SET_COOKIE = 8, 28, 46, 55

PREFACE_END = b"SM\r\n\r\n"

Send = Callable[[bytes], None]


def literal(name: int, value: bytes) -> bytes:
    """Encode a field as a literal without indexing."""
    index = bytes([name]) if name < 15 else bytes([15, name - 15])
    return index + bytes([len(value)]) + value


def headers(block: bytes) -> bytes:
    frame = frames.HeadersFrame(1, block)
    frame.flags.add("END_HEADERS")
    return frame.serialize()


def data(content: bytes) -> bytes:
    frame = frames.DataFrame(1, content)
    frame.flags.add("END_STREAM")
    return frame.serialize()


def respond_on(stream: int, content: bytes = b"late") -> bytes:
    head = frames.HeadersFrame(stream, STATUS_200, flags=["END_HEADERS"])
    return head.serialize() + frames.DataFrame(stream, content, flags=["END_STREAM"]).serialize()


def streams_of(received: bytes) -> Iterator[int]:
    """Yield the stream of each request (RFC 9113 section 4.1)."""
    at = received.find(PREFACE_END) + len(PREFACE_END)
    while at + 9 <= len(received):
        if received[at + 3] == frames.HeadersFrame.type:
            yield int.from_bytes(received[at + 5 : at + 9])
        at += 9 + int.from_bytes(received[at : at + 3])


@contextmanager
def serving(certificates, meet: Callable[[ssl.SSLSocket], None], *protocols: str) -> Iterator[str]:
    """Yield the URL of a server that calls ``meet`` for each client after the TLS handshake."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.files.server)
    context.set_alpn_protocols([*protocols] or ["h2"])

    def secure(sock):
        with context.wrap_socket(sock, server_side=True) as client:
            meet(client)

    with Acceptor(secure) as acceptor:
        yield f"https://127.0.0.1:{acceptor.port}"


@contextmanager
def responding_http2_peer(certificates, first: bytes, respond: Callable[[Send, int], None]) -> Iterator[str]:
    """Yield the URL of a server that calls ``respond`` with a send function and the stream of each request."""

    def meet(client):
        respond_streams(client, first, respond)

    with serving(certificates, meet) as url:
        yield url


def respond_streams(client: ssl.SSLSocket, first: bytes, respond: Callable[[Send, int], None]) -> None:
    """Send the first bytes, and respond to each request of a connection until the client closes it."""
    client.sendall(first)
    received, known = b"", 0
    while data := client.recv(10_000):
        received += data
        for stream in [*streams_of(received)][known:]:
            known += 1
            respond(client.sendall, stream)


@contextmanager
def http2_peer(certificates, answer: bytes | Callable[[], bytes], flood: bytes = b"", *, closing: bool = False):
    """Yield the URL of a server that sends one response, and then the flood until the client closes."""

    def meet(client):
        received = b""
        while b"\x82" not in received:  # the indexed ":method: GET" of the request's header
            came = client.recv(10_000)
            if not came:  # its time was up
                return
            received += came
        client.sendall(frames.SettingsFrame(0).serialize() + (answer if isinstance(answer, bytes) else answer()))
        if closing:
            return
        while flood:
            client.sendall(flood)
            while select.select([client], [], [], 0)[0] and client.recv(10_000):
                pass
        while client.recv(10_000):
            pass

    with serving(certificates, meet) as url:
        yield url
