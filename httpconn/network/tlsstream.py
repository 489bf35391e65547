"""TLS over a non-blocking socket."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..core.locks import Lock
from ..errors import ConnectFailed, ConnectTimedOut, HTTPConnError, TLSFailed

_MAX_RECORDS = 64  # limit of the records of one receive: small records must not block an event loop
_MAX_PLAIN = 4 * 2**14  # limit of the bytes that one call encrypts: four records of the largest size

_MAX_ENCRYPTED = 4 * (5 + 2**14 + 256)
"""Limit of the bytes that one call decrypts: four records with header and expansion (RFC 8446 section 5.2)."""

_NOTHING = memoryview(b"")

_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
"""Codes of OpenSSL for a chain that ends at an unknown authority (X509_V_ERR_...)."""

_AUTHORITY_ADVICE = (
    "The certificate comes from an authority that is not trusted here, such as that of a company's proxy or a test"
    ' server. Trust it: verify="/path/to/authority.pem", the variable SSL_CERT_FILE, or verify="system" if the system'
    " trusts it."
)

# OpenSSL's reasons for bytes that are not TLS.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})

_PLAIN_ADVICE = (
    "The peer sent data without TLS. Check the port, and whether the URL, or the URL of an https proxy, has to begin"
    " with http://."
)


class TLSStream:
    """TLS over a connected socket, or over another TLS stream, as for a server behind an https proxy.

    It has the methods and the exceptions of an ``ssl.SSLSocket``. ``SSLSocket`` itself does not return while TLS
    messages without data arrive, and a peer may send session tickets without end (RFC 8446 section 4.6.1).

    Only a closure alert ends a body that has no length, because an attacker on the path can close the TCP connection
    (RFC 9112 section 9.8). An end without the alert is an SSLEOFError.
    """

    __slots__ = ("_error", "_has_ended", "_incoming", "_lock", "_outgoing", "_under", "_unsent", "tls")

    def __init__(self, under: socket.socket | TLSStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._under = under
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._lock = Lock()  # in HTTP/2, one thread sends while another receives
        self._unsent = _NOTHING
        self._has_ended = False  # a closure alert arrived
        self._error: OSError | None = None  # an error that followed valid data, for the next receive
        # Python's TLS object, with the result of the handshake.
        self.tls: ssl.SSLObject = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()

    def has_pending(self) -> bool:
        if self.tls.pending() or self._incoming.pending or self._has_ended or self._error:
            return True
        return isinstance(self._under, TLSStream) and self._under.has_pending()

    def has_unsent(self) -> bool:
        """Return whether there is encrypted output that the socket did not accept yet."""
        return bool(self._unsent) or (isinstance(self._under, TLSStream) and self._under.has_unsent())

    def do_handshake(self) -> None:
        with self._lock:
            self._take(self.tls.do_handshake)

    def recv(self, max_bytes: int) -> bytes:
        """Receive data; empty after a closure alert."""
        try:
            with self._lock:
                self._raise_error()
                data: bytes = self._take(self.tls.read, max_bytes)
                return data
        except ssl.SSLZeroReturnError:
            return b""

    def receive_into(self, buffer: memoryview) -> int:
        """Receive the data that has arrived, at most a full buffer; return the byte count, 0 after a closure alert."""
        count, size = 0, len(buffer)
        read: Callable[[int, memoryview], Any] = self.tls.read
        try:
            with self._lock:
                self._raise_error()
                for _ in range(_MAX_RECORDS):
                    if count == size or self._has_ended:
                        break
                    try:
                        received = read(size - count, buffer[count:])
                    except ssl.SSLWantReadError:
                        received = self._take(read, size - count, buffer[count:])
                    self._has_ended = not received
                    count += received
                    if count < _MAX_PLAIN and not self.has_pending():
                        break  # the socket rarely has more, so do not ask it again
        except ssl.SSLZeroReturnError:
            self._has_ended = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not count:
                raise
        except OSError as error:
            if not count:
                raise
            self._error = error  # TLS itself would report an end of the connection next
        return count

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def send(self, data: memoryview) -> int:
        """Encrypt and send; return the number of accepted bytes. Empty data only sends the remaining output."""
        with self._lock:
            self._flush()
            if not data:
                return 0
            count = self._write(data[:_MAX_PLAIN])
            with suppress(ssl.SSLWantWriteError):
                self._flush()
            return count

    def _write(self, data: memoryview) -> int:
        try:
            return self.tls.write(data)
        except ssl.SSLWantReadError:  # the peer started a renegotiation (RFC 5246 section 7.4.1.1)
            self._take(self.tls.do_handshake)
            return self.tls.write(data)

    def _take(self, step: Callable[..., Any], *args: Any) -> Any:
        """Run a step of TLS, receive from the socket if it needs input, and send its output."""
        # Output that cannot be sent yet does not prevent a receive: the peer may send before it receives.
        try:
            try:
                return step(*args)
            except ssl.SSLWantReadError:
                self._receive()
            return step(*args)
        except ssl.SSLWantReadError:
            self._flush()  # the peer may be waiting for the output
            raise
        finally:
            if self._outgoing.pending:
                with suppress(OSError):
                    self._flush()

    def _receive(self) -> None:
        if self._outgoing.pending > _MAX_ENCRYPTED:
            raise OSError("The peer does not read the TLS messages that it requests")
        try:
            received = self._under.recv(_MAX_ENCRYPTED)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None
        if not received:
            self._incoming.write_eof()
        while received:
            self._incoming.write(received)
            received = self._under._buffered() if isinstance(self._under, TLSStream) else b""

    def _buffered(self) -> bytes:
        """Return more of the input that was received already; empty if there is no complete record."""
        with self._lock, suppress(ssl.SSLError):  # the next call raises the error again
            return self.tls.read(_MAX_ENCRYPTED)
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
                self._unsent = _NOTHING  # so that the response, which may have arrived before, can still be received
                raise
        if isinstance(self._under, TLSStream):
            self._under.send(_NOTHING)


def handshake_failed(error: Exception, host: str | None) -> HTTPConnError:
    if isinstance(error, TimeoutError):
        return ConnectTimedOut(f"{host} did not finish the TLS handshake in time")
    if isinstance(error, ssl.SSLEOFError):
        return TLSFailed(f"{host} ended the connection during the TLS handshake")
    kind = TLSFailed if isinstance(error, ssl.SSLError) else ConnectFailed
    failed = kind(f"The TLS handshake with {host} failed: {error}")
    if getattr(error, "verify_code", None) in _UNKNOWN_AUTHORITY:  # an error of a pin has no code
        failed.advise(_AUTHORITY_ADVICE)
    if getattr(error, "reason", None) in _NOT_TLS:
        failed.advise(_PLAIN_ADVICE)
    return failed
