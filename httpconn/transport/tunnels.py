"""TLS inside TLS: to a server through an https proxy, on blocking sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from .allowance import Allowance, seconds_left

T = TypeVar("T")

# A record's content, header and the most that encryption may add to it (RFC 8446 section 5.2).
_RECORD = 2**14 + 256 + 5


class TunnelledTLS:
    """TLS over a socket that speaks TLS already, which ``SSLContext.wrap_socket`` cannot do.

    It offers the methods of a socket that streams use, and raises what a socket raises.
    """

    def __init__(self, sock: ssl.SSLSocket, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._allowance = Allowance(None)
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self.fileno = sock.fileno
        self.getpeername = sock.getpeername
        self.getsockname = sock.getsockname
        self.pending = self.tls.pending
        self.close = sock.close

    def settimeout(self, seconds: float | None) -> None:
        """How long each of the following operations may take, with all that it sends and receives below."""
        self._allowance = Allowance(seconds)

    def do_handshake(self) -> None:
        """Shake hands, and check the certificate."""
        self._perform(self.tls.do_handshake)

    def recv(self, max_bytes: int) -> bytes:
        """Receive; empty at the end, proper or not, as an ``SSLSocket`` does."""
        try:
            return self._perform(lambda: self.tls.read(max_bytes))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def send(self, data: memoryview) -> int:
        """Send, and say how much was."""
        return self._perform(lambda: self.tls.write(data))

    def _perform(self, step: Callable[[], T]) -> T:
        self._allowance.restart()
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._sock.settimeout(seconds_left(self._allowance))
            self._sock.sendall(self._outgoing.read())

    def _fill(self) -> None:
        self._sock.settimeout(seconds_left(self._allowance))
        received = self._sock.recv(_RECORD)
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()


def wrap(
    sock: socket.socket | TunnelledTLS, context: ssl.SSLContext, server_hostname: str | None, seconds: float | None
) -> ssl.SSLSocket | TunnelledTLS:
    """Shake hands over the socket, whether it speaks TLS already or not."""
    if isinstance(sock, TunnelledTLS):
        raise ssl.SSLError("TLS goes no deeper than TLS inside TLS")
    sock.settimeout(seconds)
    if not isinstance(sock, ssl.SSLSocket):
        return context.wrap_socket(sock, server_hostname=server_hostname)
    tunnelled = TunnelledTLS(sock, context, server_hostname)
    tunnelled.settimeout(seconds)
    tunnelled.do_handshake()
    return tunnelled
