"""TLS on a socket that does not block."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_CLEAR = 4 * 2**14
"""Bytes that a call encrypts: four records of the greatest size."""

_PROTECTED = 4 * (5 + 2**14 + 256)
"""Bytes that a call decrypts at most: as many with their headers and what encryption may add (RFC 8446 section 5.2)."""

_NOTHING = memoryview(b"")


class TLSStream:
    """TLS over a connected socket, or over such a layer, as towards a server behind an https proxy.

    It offers what a wire asks of a socket, and raises what a TLS socket raises. Python's own would not do: it does not
    return while messages of TLS itself come, and a peer may send session tickets without end (RFC 8446 section 4.6.1).

    RFC 9112 section 9.8: only a closure alert ends a message that has no other end, since anybody on the way can end
    the connection. Its absence is an SSLEOFError.

    Attributes:
        tls: tells of the handshake.
    """

    __slots__ = ("_incoming", "_lock", "_outgoing", "_under", "_unsent", "tls")

    def __init__(self, under: socket.socket | TLSStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._under = under
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._lock = threading.Lock()  # HTTP/2 sends in one thread while another receives
        self._unsent = _NOTHING
        self.tls: ssl.SSLObject = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()

    def has_pending(self) -> bool:
        """Whether something has come that the socket does not tell of any more."""
        if self.tls.pending() or self._incoming.pending:
            return True
        return isinstance(self._under, TLSStream) and self._under.has_pending()

    def has_unsent(self) -> bool:
        """Whether something was taken that the socket could not take yet."""
        return bool(self._unsent) or (isinstance(self._under, TLSStream) and self._under.has_unsent())

    def do_handshake(self) -> None:
        """Shake hands, and check the certificate."""
        with self._lock:
            self._take(self.tls.do_handshake)

    def recv(self, max_bytes: int) -> bytes:
        """Receive; empty at the proper end."""
        try:
            with self._lock:
                data: bytes = self._take(self.tls.read, max_bytes)
                return data
        except ssl.SSLZeroReturnError:
            return b""

    def recv_into(self, buffer: memoryview) -> int:
        """The same into a buffer; 0 at the end."""
        try:
            with self._lock:
                count: int = self._take(self.tls.read, len(buffer), buffer)
                return count
        except ssl.SSLZeroReturnError:
            return 0

    def send(self, data: memoryview) -> int:
        """Send, and say how much was taken; without data, send what was taken before."""
        with self._lock:
            self._flush()
            if not data:
                return 0
            count = self._write(data[:_CLEAR])
            with suppress(ssl.SSLWantWriteError):
                self._flush()
            return count

    def _write(self, data: memoryview) -> int:
        try:
            return self.tls.write(data)
        except ssl.SSLWantReadError:  # the peer wants to shake hands again (RFC 5246 section 7.4.1.1)
            self._take(self.tls.do_handshake)
            return self.tls.write(data)

    def _take(self, step: Callable[..., Any], *args: Any) -> Any:
        """Take a step with what there is, else with what the socket has at once; what TLS says to it is sent.

        What cannot be sent yet hinders nobody from receiving: a peer may send before it receives.
        """
        try:
            try:
                return step(*args)
            except ssl.SSLWantReadError:
                self._receive()
            return step(*args)
        except ssl.SSLWantReadError:
            self._flush()  # the peer may wait for it
            raise
        finally:
            if self._outgoing.pending:
                with suppress(OSError):
                    self._flush()

    def _receive(self) -> None:
        if self._outgoing.pending > _PROTECTED:
            raise OSError("The peer takes none of the answers that it asks for")
        try:
            received = self._under.recv(_PROTECTED)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None
        if not received:
            self._incoming.write_eof()
        while received:
            self._incoming.write(received)
            received = self._under._rest() if isinstance(self._under, TLSStream) else b""

    def _rest(self) -> bytes:
        """Some more of what has come already; empty if that is none, or incomplete."""
        with self._lock, suppress(ssl.SSLError):  # which the next call raises again
            return self.tls.read(_PROTECTED)
        return b""

    def _flush(self) -> None:
        while self._unsent or self._outgoing.pending:
            self._unsent = self._unsent or memoryview(self._outgoing.read())
            try:
                self._unsent = self._unsent[self._under.send(self._unsent) :]
            except BlockingIOError:
                raise ssl.SSLWantWriteError from None
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except OSError:
                self._unsent = _NOTHING  # nor does it hinder who looks whether an answer has come
                raise
        if isinstance(self._under, TLSStream):
            self._under.send(_NOTHING)
