"""The pair of httpx transports: one request, one of two ways."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, ClassVar

import httpx

from ..access import AccessPolicy
from ..errors import InvalidRequest
from ..options import Limits
from ..stats import PoolStats
from ..stepping import run_sync
from .allowance import waits_of
from .connecting import Connector
from .dial import Options
from .direct import request_of, response_of
from .engine import Engine
from .guard import Guard
from .names import NameResolver, Names
from .pooled import AsyncPooled, Pooled, SyncPooled, core_proxy
from .proxies import ProxyLike, require_trusted
from .routes import Routing
from .runtimes import BlockingRuntime, EventLoopRuntime, Runtime
from .security import Security

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
"""The arguments of ``socket.setsockopt``."""

OBSERVED = frozenset({"handle_request", "handle_async_request"})
"""Instrumentation replaces one of these methods, of the one object that it observes."""


class _Transport:
    """The options, and the way that they lead.

    Attributes:
        access: the policy that is kept.
        engine: what sends, unless that is httpcore.
    """

    engine: Engine | None = None

    _runtime_type: ClassVar[type[Runtime]]
    _pooled_type: ClassVar[type[SyncPooled | AsyncPooled]]

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | Security | None = None,
        limits: Limits | None = None,
        http2: bool = False,
        proxy: ProxyLike | Routing | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
        trust_env: bool = True,
        access: AccessPolicy | None = None,
        resolver: NameResolver | None = None,
    ) -> None:
        if http2 and find_spec("h2") is None:
            raise InvalidRequest("http2: the h2 package is missing; install httpconn[http2]")
        self.access: AccessPolicy = access or AccessPolicy.anywhere()
        names = self._names(resolver)
        guard = self._guard = Guard(self.access, names)
        to_proxies = Guard(AccessPolicy.anywhere(), names)  # their own addresses were chosen by the caller
        if proxy is not None:
            require_trusted(self.access)
        limits = limits or Limits()
        security = Security(True, trust_env=trust_env, http2=http2) if ssl_context is None else Security.of(ssl_context)
        options = tuple(socket_options or ())
        self._way: Engine | Pooled
        routing = Routing.of(proxy)
        if http2:
            core: dict[str, Any] = {"ssl_context": security, "http2": http2, "uds": uds, "socket_options": options}
            core["proxy"] = None if proxy is None else core_proxy(proxy, trust_env=trust_env)
            core["local_address"] = local_address
            self._way = self._pooled_type(limits, guard if proxy is None else to_proxies, core)
        else:
            runtime = self._runtime_type()
            connector = Connector(
                runtime,
                limits,
                security,
                Security(True, trust_env=trust_env),
                Options(local_address, options, guard),
                Options(local_address, options, to_proxies),
                uds,
            )
            self._way = self.engine = Engine(runtime, limits, guard, connector, routing)

    def _names(self, resolver: NameResolver | None) -> Names:
        return Names.of(resolver)  # or the Names that the transports of one connection object share

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        asked = request_of(request)
        self._guard.admit_foreign(asked, userinfo=bool(request.url.userinfo))
        if isinstance(self._way, Pooled):
            return await self._way.exchange(request)
        waits = waits_of(request.extensions.get("timeout", {}))
        return response_of(await self._way.exchange(asked, waits, request.extensions.get("interruption")))

    async def _close(self) -> None:
        if isinstance(self._way, Engine):
            self._way.close()
        else:
            await self._way.close()

    @property
    def stats(self) -> PoolStats:
        """The connections that it holds."""
        return self._way.stats

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._way!r}>"


class HTTPTransport(_Transport, httpx.BaseTransport):
    """A transport for ``httpx.Client``.

    Args:
        ssl_context: for all connections; None for the verifying context that the process shares, kept up to date.
        limits: connections at once, idle ones, and how long these are kept.
        http2: offer HTTP/2; ``max_connections`` then bounds the requests that run at once.
        proxy: the URL of an http, https, socks5 or socks5h proxy, or a :class:`httpconn.Proxy`.
        uds: path of a Unix socket, dialled instead of any host.
        local_address: the address to connect from.
        socket_options: as ``socket.setsockopt`` takes them.
        trust_env: honour the variables for authorities and SSLKEYLOGFILE where a context has to be made.
        access: which URLs may be asked for, and which addresses dialled; None for all.
        resolver: a function of a host and a port that gives the addresses to connect to, in place of the system's
            resolver; it is called in a thread of its own. What it gives is judged by ``access``.

    Raises:
        InvalidRequest: the proxy is not valid, or ``access`` does not trust proxies.
    """

    _runtime_type = BlockingRuntime
    _pooled_type = SyncPooled

    def _names(self, resolver: NameResolver | None) -> Names:
        names = super()._names(resolver)
        if names.is_awaited:
            raise InvalidRequest("resolver: a coroutine function is for asynchronous calls alone")
        return names

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there; raises ``httpx.TransportError`` and ``AccessDenied``."""
        return run_sync(self._exchange(request))

    def close(self) -> None:
        """Close all connections, be they in use; what is asked for later is refused."""
        run_sync(self._close())


class AsyncHTTPTransport(_Transport, httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient``, on asyncio and trio; one for each event loop. See :class:`HTTPTransport`.

    ``resolver`` may be a coroutine function.
    """

    _runtime_type = EventLoopRuntime
    _pooled_type = AsyncPooled

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return as soon as the header is there; raises ``httpx.TransportError`` and ``AccessDenied``."""
        return await self._exchange(request)

    async def aclose(self) -> None:
        """The same, also in a cancelled task."""
        await self._close()
