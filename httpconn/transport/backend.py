"""Network backends for httpcore: they dial, and know every stream that is open."""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Coroutine, Iterable
from typing import Any, Generic, TypeVar

import anyio
import anyio.abc
import httpcore

from ..stepping import run_sync
from .allowance import Allowance
from .calls import CURRENT, Call
from .dial import Options, as_allowance, dial, dial_unix
from .networks import BlockingNetwork, EventLoopNetwork
from .streams import AsyncStream, SyncStream

S = TypeVar("S", SyncStream, AsyncStream)
SocketOptions = Iterable[httpcore.SOCKET_OPTION] | None


class _Opened(Generic[S]):
    """The streams that are open."""

    def __init__(self) -> None:
        self._open: set[S] = set()

    def _opened(self, stream: S) -> S:
        self._open.add(stream)
        call = CURRENT.get()
        if call is not None:
            call.streams.append(stream)
        return stream


class SyncBackend(_Opened[SyncStream], httpcore.NetworkBackend):
    """Blocking sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._network = BlockingNetwork()
        _alive.add(self)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> SyncStream:
        """Dial; see :func:`httpconn.transport.dial.dial`."""
        allowance = as_allowance(timeout)
        options = Options(local_address, tuple(socket_options or ()))
        return self._stream(dial(self._network, host, port, allowance, options), allowance)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions = None
    ) -> SyncStream:
        """Dial a Unix socket."""
        allowance = as_allowance(timeout)
        options = Options(socket_options=tuple(socket_options or ()))
        return self._stream(dial_unix(self._network, path, allowance, options), allowance)

    def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close what is still open, be it in use."""
        for stream in list(self._open):
            stream.close()

    def _stream(self, dialling: Coroutine[Any, Any, socket.socket], allowance: Allowance) -> SyncStream:
        return self._opened(SyncStream(run_sync(dialling), allowance, self._open.discard))


class AsyncBackend(_Opened[AsyncStream], httpcore.AsyncNetworkBackend):
    """asyncio and trio."""

    def __init__(self) -> None:
        super().__init__()
        self._network = EventLoopNetwork()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> AsyncStream:
        """Dial; see :func:`httpconn.transport.dial.dial`."""
        allowance = as_allowance(timeout)
        options = Options(local_address, tuple(socket_options or ()))
        return await self._stream(dial(self._network, host, port, allowance, options), allowance)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions = None
    ) -> AsyncStream:
        """Dial a Unix socket."""
        allowance = as_allowance(timeout)
        options = Options(socket_options=tuple(socket_options or ()))
        return await self._stream(dial_unix(self._network, path, allowance, options), allowance)

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run."""
        await anyio.sleep(seconds)

    async def aclose(self, call: Call) -> None:
        """Close what is still open, be it in use; the call puts off interruptions."""
        for stream in list(self._open):
            await call.complete(stream.aclose())

    async def _stream(self, dialling: Coroutine[Any, Any, socket.socket], allowance: Allowance) -> AsyncStream:
        sock = await dialling
        unix = sock.family == getattr(socket, "AF_UNIX", None)
        kind = anyio.abc.UNIXSocketStream if unix else anyio.abc.SocketStream
        try:
            stream = await kind.from_socket(sock)
        except BaseException:
            sock.close()
            raise
        return self._opened(AsyncStream(stream, sock, allowance, self._open.discard))


_alive: weakref.WeakSet[SyncBackend] = weakref.WeakSet()


def _close_in_child() -> None:
    """After a fork the sockets are the parent's: the child's copies are closed, and nothing is sent on them."""
    for backend in list(_alive):
        backend.close()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_close_in_child)
