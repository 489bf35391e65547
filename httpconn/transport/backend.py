"""Network backends for httpcore: they dial, and know every stream that is open."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

import anyio
import httpcore

from ..runtime.stepping import run_sync
from .allowance import Allowance
from .dial import Options, dial, dial_unix
from .guard import Guard
from .passages import CURRENT, Passage
from .runtimes import BlockingRuntime, EventLoopRuntime, Runtime
from .streams import AsyncStream, Stream, SyncStream, core_errors
from .wire import Wire

S = TypeVar("S", bound=Stream)
SocketOptions = Iterable[httpcore.SOCKET_OPTION] | None


class _Backend(Generic[S]):
    """Dialling, past the guard, and the streams that are open."""

    def __init__(
        self, runtime: Runtime, stream_type: Callable[[Wire, Allowance, Callable[[Any], None]], S], guard: Guard
    ) -> None:
        self._runtime = runtime
        self._guard = guard
        self._stream_type = stream_type
        self._open: set[S] = set()
        self._closed = False

    async def _tcp(
        self, host: str, port: int, timeout: float | None, local_address: str | None, options: SocketOptions
    ) -> S:
        allowance = timeout if isinstance(timeout, Allowance) else Allowance(timeout)
        how = Options(local_address, tuple(options or ()), self._guard)
        return await self._stream(dial(self._runtime, host, port, allowance.until, how), allowance)

    async def _unix(self, path: str, timeout: float | None, options: SocketOptions) -> S:
        allowance = timeout if isinstance(timeout, Allowance) else Allowance(timeout)
        how = Options(None, tuple(options or ()), self._guard)
        return await self._stream(dial_unix(self._runtime, path, allowance.until, how), allowance)

    async def _stream(self, dialling: Coroutine[Any, Any, socket.socket], allowance: Allowance) -> S:
        with core_errors():
            sock = await dialling
        stream = self._stream_type(Wire(sock, self._runtime), allowance, self._open.discard)
        self._open.add(stream)
        if self._closed:
            stream.abort()
            raise httpcore.ConnectError("The transport is closed")
        passage = CURRENT.get()
        if passage is not None:
            passage.streams.append(stream)
        return stream


class SyncBackend(_Backend[SyncStream], httpcore.NetworkBackend):
    """For threads."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(BlockingRuntime(), SyncStream, guard)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> SyncStream:
        """Dial; see :func:`httpconn.transport.dial.dial`."""
        return run_sync(self._tcp(host, port, timeout, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions = None
    ) -> SyncStream:
        """Dial a Unix socket."""
        return run_sync(self._unix(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close what is still open, be it in use, and what is dialled later."""
        self._closed = True
        for stream in list(self._open):
            stream.close()


class AsyncBackend(_Backend[AsyncStream], httpcore.AsyncNetworkBackend):
    """For asyncio and trio."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(EventLoopRuntime(), AsyncStream, guard)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> AsyncStream:
        """Dial; see :func:`httpconn.transport.dial.dial`."""
        return await self._tcp(host, port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions = None
    ) -> AsyncStream:
        """Dial a Unix socket."""
        return await self._unix(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run."""
        await anyio.sleep(seconds)

    async def aclose(self, passage: Passage) -> None:
        """The same; the passage puts off interruptions."""
        self._closed = True
        for stream in list(self._open):
            await passage.complete(stream.aclose())
