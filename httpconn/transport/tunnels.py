"""TLS inside TLS: to a server through an https proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

# A record's content, header and the most that encryption may add to it (RFC 8446 section 5.2).
_RECORD = 2**14 + 256 + 5

_FULL = (BlockingIOError, ssl.SSLWantWriteError)


class TunnelledTLS:
    """TLS over a socket that speaks TLS already, which ``SSLContext.wrap_socket`` cannot do.

    It offers what a wire asks of a socket that does not block, and raises what such a socket raises: when the outer
    one would block, so does this one.
    """

    def __init__(self, sock: ssl.SSLSocket, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self.outer = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._unsent: memoryview = memoryview(b"")
        self.tls: ssl.SSLObject = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    def __getattr__(self, name: str) -> Any:
        """Addresses, descriptor and closing are the socket's."""
        return getattr(self.outer, name)

    def pending(self) -> int:
        """Bytes that are decrypted already."""
        return self.tls.pending() or self.outer.pending()

    def do_handshake(self) -> None:
        """Shake hands, and check the certificate."""
        self._perform(self.tls.do_handshake)
        self._flush()

    def recv(self, max_bytes: int) -> bytes:
        """Receive; empty at the proper end, SSLEOFError at any other."""
        try:
            return self._perform(lambda: self.tls.read(max_bytes))
        except ssl.SSLZeroReturnError:
            return b""

    def recv_into(self, buffer: memoryview) -> int:
        """The same into a buffer; 0 at the end."""
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def send(self, data: memoryview) -> int:
        """Send, and say how much was taken; what the socket cannot take now goes before whatever comes next."""
        self._flush()
        count = self.tls.write(data[:_RECORD])
        with suppress(*_FULL):
            self._flush()
        return count

    def _perform(self, step: Callable[[], T]) -> T:
        while True:
            self._flush()
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()

    def _flush(self) -> None:
        while self._unsent or self._outgoing.pending:
            self._unsent = self._unsent or memoryview(self._outgoing.read())
            self._unsent = self._unsent[self.outer.send(self._unsent) :]

    def _fill(self) -> None:
        received = self.outer.recv(_RECORD)
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()


def wrap(sock: Any, context: ssl.SSLContext, server_hostname: str | None) -> ssl.SSLSocket | TunnelledTLS:
    """A socket that speaks TLS, once it has shaken hands.

    RFC 9112 section 9.8: only a closure alert ends a message that has no other end, since anybody on the way can end
    the connection. Python would hide its absence.
    """
    if isinstance(sock, TunnelledTLS):
        raise ssl.SSLError("TLS goes no deeper than TLS inside TLS")
    if isinstance(sock, ssl.SSLSocket):
        return TunnelledTLS(sock, context, server_hostname)
    return context.wrap_socket(
        sock, server_hostname=server_hostname, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )


def shut_down(sock: Any) -> None:
    """End both directions, which wakes whoever waits for the socket; raises OSError."""
    # Past ssl.SSLSocket.shutdown: that makes a plain socket of it while another thread may be reading.
    socket.socket.shutdown(sock.outer if isinstance(sock, TunnelledTLS) else sock, socket.SHUT_RDWR)
