"""Network streams for httpcore: a wire, blocking or awaited."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import httpcore

from ..errors import ConnectFailed, ConnectTimedOut, ReadFailed, ReadTimedOut, WriteFailed, WriteTimedOut
from ..runtime.stepping import run_sync
from .allowance import Allowance, until_of
from .screen import Screen
from .security import Security
from .wire import Wire

UNSAID: Allowance = Allowance(None)
"""The timeout of an operation for which httpcore names none: a SOCKS handshake, which is part of connecting."""


_KINDS: dict[type, type[Exception]] = {
    ConnectTimedOut: httpcore.ConnectTimeout,
    ConnectFailed: httpcore.ConnectError,
    ReadTimedOut: httpcore.ReadTimeout,
    ReadFailed: httpcore.ReadError,
    WriteTimedOut: httpcore.WriteTimeout,
    WriteFailed: httpcore.WriteError,
}


class core_errors:  # noqa: N801 - read as a statement
    """Raise httpcore's error of the same kind, which httpcore looks for, with ours as its cause."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        for ours, theirs in _KINDS.items():
            if isinstance(error, ours):
                raise theirs(str(error)) from error


class Stream:
    """What both kinds share.

    Args:
        wire: connected.
        connecting: what is left for connecting, for handshakes.
        on_close: called when the stream is closed.
    """

    def __init__(self, wire: Wire, connecting: Allowance, on_close: Callable[[Any], None]) -> None:
        self._wire = wire
        self._connecting = connecting
        self._on_close = on_close
        self._screen = Screen()

    @property
    def allows_fewer(self) -> bool:
        """See :class:`httpconn.transport.screen.Screen`."""
        return self._screen.allows_fewer

    def get_extra_info(self, info: str) -> Any:
        """See httpcore."""
        return self._wire.get_extra_info(info)

    def _end(self, timeout: float | None) -> float:
        return until_of(self._connecting if timeout is UNSAID else timeout)

    async def _receive(self, max_bytes: int, timeout: float | None) -> bytes:
        self._screen.check()
        while True:
            with core_errors():
                data = await self._wire.receive(max_bytes, self._end(timeout))
            passed = self._screen.passed(data)
            if passed or not data:
                return passed

    async def _send(self, data: bytes, timeout: float | None) -> None:
        self._screen.sent(data)
        # In HTTP/2, what is sent may answer what came: others are due for their turn amid a flood of that, too.
        with core_errors():
            await self._wire.send_large(data, partial(self._end, timeout))

    async def _start_tls(self, context: ssl.SSLContext, host: str | None, timeout: float | None) -> None:
        self._screen.end_tunnel_request()
        # An address in brackets is one that was written for a proxy.
        with core_errors():
            await self._wire.start_tls(Security.of(context), host and host.strip("[]"), self._end(timeout))

    def abort(self) -> None:
        """Close at once; nothing is sent but what TCP does."""
        self._on_close(self)
        self._wire.close()


class SyncStream(Stream, httpcore.NetworkStream):
    """For threads."""

    def read(self, max_bytes: int, timeout: float | None = UNSAID) -> bytes:
        """See httpcore; empty at the end."""
        return run_sync(self._receive(max_bytes, timeout))

    def write(self, buffer: bytes, timeout: float | None = UNSAID) -> None:
        """See httpcore."""
        run_sync(self._send(buffer, timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> SyncStream:
        """See :meth:`httpconn.transport.wire.Wire.start_tls`."""
        run_sync(self._start_tls(ssl_context, server_hostname, timeout))
        return self

    def close(self) -> None:
        """See httpcore."""
        self.abort()


class AsyncStream(Stream, httpcore.AsyncNetworkStream):
    """For asyncio and trio."""

    async def read(self, max_bytes: int, timeout: float | None = UNSAID) -> bytes:
        """See httpcore; empty at the end."""
        return await self._receive(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = UNSAID) -> None:
        """See httpcore."""
        await self._send(buffer, timeout)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> AsyncStream:
        """See :meth:`httpconn.transport.wire.Wire.start_tls`."""
        await self._start_tls(ssl_context, server_hostname, timeout)
        return self

    async def aclose(self) -> None:
        """See httpcore; it never waits."""
        self.abort()
