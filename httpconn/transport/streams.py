"""Network streams for httpcore: over a blocking socket, and over anyio."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.abc
import httpcore
from anyio.streams.tls import TLSAttribute, TLSStream

from .allowance import Allowance, seconds_left
from .tunnels import TunnelledTLS, wrap

UNSAID = Allowance(None)
"""The timeout of an operation for which httpcore names none: a SOCKS handshake, which is part of connecting."""

CLOSING = 1.0
"""Seconds that closing may take, in a task that may be cancelled already."""

BROKEN = (OSError, ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
"""What an operation raises when it fails. ValueError: Python's, for a TLS socket closed meanwhile, or a bad name."""


class SyncStream(httpcore.NetworkStream):
    """A blocking socket, TLS or not.

    Args:
        sock: connected.
        connecting: what is left for connecting, for handshakes.
        on_close: called once, when the stream is closed.
    """

    def __init__(self, sock: socket.socket, connecting: Allowance, on_close: Callable[[SyncStream], None]) -> None:
        self._sock: socket.socket | TunnelledTLS = sock
        self._connecting = connecting
        self._on_close = on_close

    def read(self, max_bytes: int, timeout: float | None = UNSAID) -> bytes:
        """See httpcore; empty at the end."""
        try:
            self._sock.settimeout(self._seconds(timeout))
            return self._sock.recv(max_bytes)
        except BROKEN as error:
            raise _told(error, httpcore.ReadTimeout, httpcore.ReadError) from error

    def write(self, buffer: bytes, timeout: float | None = UNSAID) -> None:
        """See httpcore."""
        unsent = memoryview(buffer)
        try:
            while unsent:
                self._sock.settimeout(self._seconds(timeout))
                unsent = unsent[self._sock.send(unsent) :]
        except BROKEN as error:
            raise _told(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> SyncStream:
        """Shake hands; the stream is closed when that fails. The cause of the ConnectError is Python's SSLError."""
        try:
            self._sock = wrap(self._sock, ssl_context, _server_name(server_hostname), self._seconds(timeout))
        except BaseException as error:
            self.close()
            if isinstance(error, BROKEN):
                raise _handshake_failed(error, server_hostname) from error
            raise
        return self

    def close(self) -> None:
        """Close; nothing is sent but what TCP does."""
        self._on_close(self)
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        tls = self._sock.tls if isinstance(self._sock, TunnelledTLS) else self._sock
        return _extra_info(info, self._sock, tls if isinstance(tls, (ssl.SSLObject, ssl.SSLSocket)) else None)

    def _seconds(self, timeout: float | None) -> float | None:
        return seconds_left(self._connecting if timeout is UNSAID else timeout)


class AsyncStream(httpcore.AsyncNetworkStream):
    """The same for asyncio and trio; ``sock`` is the socket below the stream."""

    def __init__(
        self,
        stream: anyio.abc.ByteStream,
        sock: socket.socket,
        connecting: Allowance,
        on_close: Callable[[AsyncStream], None],
    ) -> None:
        self._stream = stream
        self._sock = sock
        self._tls: ssl.SSLObject | None = None
        self._connecting = connecting
        self._on_close = on_close

    async def read(self, max_bytes: int, timeout: float | None = UNSAID) -> bytes:
        """See httpcore; empty at the end."""
        try:
            with anyio.fail_after(self._seconds(timeout)):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except BROKEN as error:
            raise _told(error, httpcore.ReadTimeout, httpcore.ReadError) from error

    async def write(self, buffer: bytes, timeout: float | None = UNSAID) -> None:
        """See httpcore."""
        if not buffer:
            return
        try:
            with anyio.fail_after(self._seconds(timeout)):
                await self._stream.send(buffer)
        except BROKEN as error:
            raise _told(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> AsyncStream:
        """See :meth:`SyncStream.start_tls`."""
        try:
            with anyio.fail_after(self._seconds(timeout)):
                wrapped = await TLSStream.wrap(
                    self._stream,
                    hostname=_server_name(server_hostname),
                    ssl_context=ssl_context,
                    server_side=False,
                    standard_compatible=False,  # HTTP says itself where a message ends
                )
        except BaseException as error:
            await self.aclose()
            if isinstance(error, BROKEN):
                raise _handshake_failed(error, server_hostname) from error
            raise
        self._stream, self._tls = wrapped, wrapped.extra_attributes[TLSAttribute.ssl_object]()
        return self

    async def aclose(self) -> None:
        """Close, also in a cancelled task."""
        self._on_close(self)
        with anyio.move_on_after(CLOSING, shield=True), suppress(*BROKEN):
            await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        return _extra_info(info, self._sock, self._tls)

    def _seconds(self, timeout: float | None) -> float | None:
        return seconds_left(self._connecting if timeout is UNSAID else timeout)


def _server_name(host: str | None) -> str | None:
    """The name for SNI and the certificate, which never ends in a dot (RFC 6066 section 3)."""
    return host and host.rstrip(".")


def _told(error: Exception, slow: type[Exception], broken: type[Exception]) -> Exception:
    kind = slow if isinstance(error, TimeoutError) else broken
    return kind(str(error.__cause__ or error) or type(error).__name__)


def _handshake_failed(error: Exception, host: str | None) -> Exception:
    if isinstance(error, TimeoutError):
        return httpcore.ConnectTimeout(f"{host} did not finish the TLS handshake in time")
    if isinstance(error, (anyio.EndOfStream, ssl.SSLEOFError)):
        return httpcore.ConnectError(f"{host} ended the connection during the TLS handshake")
    return httpcore.ConnectError(f"The TLS handshake with {host} failed: {error}")


def _extra_info(info: str, sock: Any, tls: Any) -> Any:
    with suppress(OSError):  # a closed socket has no addresses
        match info:
            case "ssl_object":
                return tls
            case "socket":
                return sock
            case "client_addr":
                return sock.getsockname()
            case "server_addr":
                return sock.getpeername()
            case "is_readable":
                return _is_readable(sock.fileno()) or bool(tls and tls.pending())
    return None


def _is_readable(descriptor: int) -> bool:
    """Whether a read would return at once, be it the end; so it would for a closed socket."""
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
