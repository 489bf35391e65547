"""An HTTP/2 server that sends what it is told to, frame by frame (RFC 9113)."""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable
from contextlib import contextmanager

import hyperframe.frame as frames

from tests.transport.acceptor import Acceptor

# RFC 7541: an indexed field, and the indices of names in the static table.
STATUS_200 = b"\x88"
STATUS, CONTENT_LENGTH, LOCATION, SET_COOKIE = 8, 28, 46, 55


def literal(name: int, value: bytes) -> bytes:
    """A field that is not put into the table."""
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


@contextmanager
def http2_peer(certificates, answer: bytes | Callable[[], bytes], flood: bytes = b"", *, closing: bool = False):
    """The URL; each connection gets the answer once, and then the flood until the client goes, or the end."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.files.server)
    context.set_alpn_protocols(["h2"])

    def meet(sock):
        with context.wrap_socket(sock, server_side=True) as client:
            received = b""
            while b"\x82" not in received:  # the indexed ":method: GET" of the request's header
                received += client.recv(10_000)
            client.sendall(frames.SettingsFrame(0).serialize() + (answer if isinstance(answer, bytes) else answer()))
            if closing:
                return
            while flood:
                client.sendall(flood)
                while select.select([client], [], [], 0)[0] and client.recv(10_000):
                    pass
            while client.recv(10_000):
                pass

    with Acceptor(meet) as acceptor:
        yield f"https://127.0.0.1:{acceptor.port}"
