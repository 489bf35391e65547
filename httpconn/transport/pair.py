"""The pair of httpx transports: one request, one of two ways."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, ClassVar

import httpcore
import httpx

from ..options import Limits
from ..stepping import run_sync
from .dial import Options
from .direct import Direct
from .engine import Engine
from .pooled import AsyncPooled, Pooled, SyncPooled
from .proxies import ProxyLike, core_proxy, require
from .runtimes import BlockingRuntime, EventLoopRuntime, Runtime
from .tls import tls_context


class _Transport:
    """The options, and the way that they lead."""

    _runtime_type: ClassVar[type[Runtime]]
    _pooled_type: ClassVar[type[SyncPooled | AsyncPooled]]

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        http2: bool = False,
        proxy: ProxyLike | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> None:
        if http2:
            require("h2", option="http2", extra="http2")
        limits = limits or Limits()
        context = ssl_context or tls_context(True, None, trust_env=True, http2=http2)
        options = tuple(socket_options or ())
        self._way: Direct | Pooled
        if http2 or proxy is not None:
            core: dict[str, Any] = {"ssl_context": context, "http2": http2, "uds": uds, "socket_options": options}
            core |= {"proxy": None if proxy is None else core_proxy(proxy), "local_address": local_address}
            self._way = self._pooled_type(limits, core)
            self.direct: Direct | None = None
        else:
            dialling = Options(local_address, options)
            self._way = self.direct = Direct(Engine(self._runtime_type(), limits, context, dialling, uds))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._way!r}>"


class HTTPTransport(_Transport, httpx.BaseTransport):
    """For ``httpx.Client``. Direct requests are HTTP/1.1; with ``http2`` or a proxy they go through httpcore.

    Args:
        ssl_context: for all connections; None for the verifying context that the process shares.
        limits: connections at once, idle ones, and how long these are kept.
        http2: offer HTTP/2; ``max_connections`` then bounds the requests that run at once.
        proxy: http, https, socks5 or socks5h; credentials in the URL are used.
        uds: path of a Unix socket, dialled instead of any host.
        local_address: the address to connect from.
        socket_options: as ``socket.setsockopt`` takes them.

    Raises:
        InvalidRequest: the proxy is none, or an optional package is missing.
    """

    _runtime_type = BlockingRuntime
    _pooled_type = SyncPooled

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there; raises ``httpx.TransportError``."""
        return run_sync(self._way.exchange(request))

    def close(self) -> None:
        """Close all connections, be they in use; what is asked for later is refused."""
        run_sync(self._way.close())


class AsyncHTTPTransport(_Transport, httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient``, on asyncio and trio; one for each event loop. See :class:`HTTPTransport`."""

    _runtime_type = EventLoopRuntime
    _pooled_type = AsyncPooled

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there; raises ``httpx.TransportError``."""
        return await self._way.exchange(request)

    async def aclose(self) -> None:
        """The same, also in a cancelled task."""
        await self._way.close()
